"""The 16 categories: facts of the published mapping, and the three decision rules."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from timm.data import ImageNetInfo

from cogattn.vision.images.categories import (
    CATEGORIES,
    INDICES,
    WNIDS,
    category_of_index,
    category_of_wnid,
    decide,
)

PUBLISHED_SIZES = (1, 4, 2, 49, 5, 7, 3, 6, 4, 3, 109, 2, 2, 1, 1, 8)


def test_categories_are_the_sixteen_in_alphabetical_order_with_the_published_sizes():
    assert list(CATEGORIES) == sorted(CATEGORIES)
    assert len(CATEGORIES) == 16
    assert tuple(len(INDICES[name]) for name in CATEGORIES) == PUBLISHED_SIZES
    assert len({index for indices in INDICES.values() for index in indices}) == 207


def test_indices_and_wnids_agree_with_timms_class_order():
    wnids = ImageNetInfo().label_names()
    for name in CATEGORIES:
        assert tuple(wnids[index] for index in INDICES[name]) == WNIDS[name]


def test_mapping_equals_the_one_of_the_papers_repository(shared_data):
    source = json.loads((shared_data / "masking" / "imagenet16_mapping.json").read_text())
    assert {name: sorted(v["imagenet1k_index"]) for name, v in source.items()} == {
        name: sorted(indices) for name, indices in INDICES.items()
    }


def test_lookup_finds_members_and_says_none_for_others():
    assert category_of_wnid("n02690373") == "airplane"
    assert category_of_index(404) == "airplane"
    assert category_of_wnid("n01440764") is None  # tench
    assert category_of_index(0) is None


@pytest.mark.parametrize("rule", ["mean", "max", "sum"])
def test_rules_are_the_named_function_of_a_categorys_probabilities(rule):
    probabilities = torch.softmax(torch.randn(5, 1000, generator=torch.Generator().manual_seed(0)), dim=1)
    scores = decide(probabilities, rule)
    for column, name in enumerate(CATEGORIES):
        for row in range(5):
            values = [float(probabilities[row, i]) for i in INDICES[name]]
            truth = {"mean": sum(values) / len(values), "max": max(values), "sum": sum(values)}[rule]
            assert float(scores[row, column]) == pytest.approx(truth, rel=1e-5)


def test_mean_and_sum_disagree_where_a_large_category_spreads_its_probability():
    probabilities = torch.zeros(1, 1000)
    probabilities[0, list(INDICES["dog"])] = 0.6 / 109
    probabilities[0, list(INDICES["knife"])] = 0.4
    assert CATEGORIES[int(decide(probabilities, "mean").argmax())] == "knife"
    assert CATEGORIES[int(decide(probabilities, "sum").argmax())] == "dog"


def test_scores_carry_gradients():
    logits = torch.randn(2, 1000, requires_grad=True)
    decide(torch.softmax(logits, dim=1))[:, 0].sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0


def test_wrong_number_of_classes_is_refused():
    with pytest.raises(ValueError, match=r"\(n, 1000\); got \(2, 1001\)"):
        decide(torch.zeros(2, 1001))


def test_importing_the_module_imports_no_torch():
    code = "import sys, cogattn.vision.images.categories; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
