"""Scanpaths over families of layouts: what is trained on, what is tested, and what a score is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cogattn.errors import ConfigError
from cogattn.psychophysics.scanpath import rehearsed
from cogattn.psychophysics.scanpath.models.loss import bits, nats, outputs
from cogattn.psychophysics.scanpath.rehearsed import SCANPATHS, Families, ScanpathLearner
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.seeds import Streams

CONFIG = RehearsalConfig(scenario="scanpaths", n_test=16)


@pytest.fixture(scope="module")
def families() -> Families:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsed, "N_LAYOUTS", 8)
        patch.setattr(rehearsed, "N_PEOPLE", 2)
        return SCANPATHS.build(CONFIG, n_tasks=3, streams=Streams(0).child("seed", 0))


def test_no_layout_is_trained_on_and_tested(families: Families) -> None:
    for train, test in zip(families.train, families.test, strict=True):
        layouts = [{families.data.paths[i].layout for i in part} for part in (train, test)]
        assert not layouts[0] & layouts[1]
        assert len(layouts[1]) == 2


def test_each_family_looks_as_its_settings_say(families: Families) -> None:
    for name, train in zip(families.names, families.train, strict=True):
        n = {families.data.layout_of(families.data.paths[i]).n_objects for i in train}
        assert n == {int(rehearsed.FAMILIES[name].get("n_objects", 24))}


def test_a_batch_holds_the_paths_that_were_drawn(families: Families) -> None:
    task, index = np.array([2, 0, 2]), np.array([1, 3, 0])
    batch = families.batch(task, index)
    for row, (t, i) in enumerate(zip(task, index, strict=True)):
        path = families.data.paths[families.train[t][i]]
        assert batch.objects[row, : len(path)].tolist() == path.objects.tolist()


def test_loss_and_score_are_those_of_the_scanpath_study(families: Families) -> None:
    learner = families.learner(Streams(3))
    learner.model.eval()
    batch = families.batch(np.zeros(5, dtype=np.int64), np.arange(5))
    total, n = nats(outputs(learner.model, batch)[0], batch)
    assert learner.loss(batch)[0].item() == pytest.approx(total.item() / n, rel=1e-5)
    with torch.no_grad():
        saved, asked = learner.score(1)
    lost = bits(learner.model, families.held_out[1])
    equal = sum(
        (len(path) - path.n_given) * math.log2(families.data.layout_of(path).n_objects + 1)
        + math.log2(families.data.layout_of(path).n_objects)
        for path in (families.data.paths[i] for i in families.test[1][:16])
    )
    assert saved == pytest.approx(equal / asked - lost, abs=1e-4)


def test_equal_chances_save_nothing(families: Families) -> None:
    class Indifferent(torch.nn.Module):
        def forward(self, batch):
            present = batch.layouts.present[batch.of]
            choices = torch.cat([present, present.new_ones(len(present), 1)], 1)
            scores = torch.zeros(choices.shape).masked_fill(~choices, -torch.inf)
            return scores[:, None].expand(-1, batch.objects.shape[1] + 1, -1)

    learner = ScanpathLearner(Indifferent(), families)
    assert learner.score(0)[0] == pytest.approx(0, abs=1e-6)
    assert learner.loss(families.batch(np.array([0, 1]), np.array([0, 0])))[1].tolist() == pytest.approx(
        [0, 0], abs=1e-5
    )


def test_more_families_than_there_are_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_tasks must be at most the families of layouts, 8; got 9"):
        SCANPATHS.check(CONFIG.model_copy(update={"n_tasks": (9,)}))
