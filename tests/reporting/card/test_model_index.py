"""The fragment for the Hugging Face Hub: what its specification asks for, and every number that is ours."""

from __future__ import annotations

import json

import yaml
from huggingface_hub.repocard_data import ModelCardData, model_index_to_eval_results

from cogattn.reporting.card.model_index import front_matter, model_index
from tests.reporting.card.samples import CARD, HOSTILE_CARD

TOP = {"name", "results"}
RESULT = {"task", "dataset", "metrics"}
DATASET = {"type", "name", "config", "split", "revision", "args"}
METRIC = {"type", "value", "name", "config", "args", "verified"}
"""Keys of https://github.com/huggingface/hub-docs/blob/main/modelcard.md, which has no others."""


def test_every_key_that_the_hub_requires_is_there_and_none_that_it_does_not_know() -> None:
    (index,) = model_index(CARD)["model-index"]
    assert set(index) == TOP
    for result in index["results"]:
        assert set(result) == RESULT
        assert set(result["task"]) <= {"type", "name"}
        assert result["task"]["type"]
        assert set(result["dataset"]) <= DATASET
        assert result["dataset"]["type"]
        assert result["dataset"]["name"]
        for metric in result["metrics"]:
            assert set(metric) <= METRIC - {"verified"}
            assert metric["type"]
            assert isinstance(metric["value"], float)


def test_the_hubs_own_library_reads_every_measured_row_out_of_the_yaml() -> None:
    data = yaml.safe_load(front_matter(CARD).split("---\n")[1])
    name, results = model_index_to_eval_results(data["model-index"])
    assert name == CARD.observer
    read = [(each.dataset_name, each.metric_type, each.metric_value) for each in results]
    assert read == [
        ("cogattn masking", "bandwidth", 4.125),
        ("cogattn masking", "centre", 1.5),
        ("cogattn naming", "shape_bias", 0.3125),
        ("cogattn search", "slope", 12.0),
    ]
    told = results[0].metric_args
    assert (told["lo"], told["hi"], told["n"], told["n_people"], told["p"]) == (3.5, 4.75, 1050, 8, 0.00001)
    assert told["status"] == "outside"
    assert told["unit"] == "octaves"
    assert results[0].dataset_args == {"runs": "masking/abcdef123456", "cogattn": "0.1.0"}
    assert ModelCardData(**data).eval_results == results


def test_what_a_row_has_not_is_left_out_not_written_as_a_word() -> None:
    metrics = {
        m["type"]: m["args"] for r in model_index(CARD)["model-index"][0]["results"] for m in r["metrics"]
    }
    assert "hi" not in metrics["centre"]  # without bound
    assert "worth" not in metrics["bandwidth"]
    assert metrics["shape_bias"]["worth"] == 2.25
    assert "p" not in metrics["slope"]
    json.dumps(model_index(CARD), allow_nan=False)


def test_hostile_names_stay_texts_in_the_yaml() -> None:
    assert yaml.safe_load(front_matter(HOSTILE_CARD).split("---\n")[1]) == model_index(HOSTILE_CARD)


def test_a_card_without_numbers_has_no_results() -> None:
    empty = model_index(type(CARD)(observer="x", store="", made="", rows=CARD.rows[-2:]))
    assert empty == {"model-index": [{"name": "x", "results": []}]}
