"""Padding, shared layouts, and batches of paths about equally long."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.items import Ints
from cogattn.psychophysics.scanpath.models.collating import Batches, Told, collate


def test_layouts_are_there_once_and_padded(data_of, path_of) -> None:
    data = data_of([3, 5, 4], path_of(2, [0, 3]), path_of(0, [1]), path_of(2, [3, 2, 1], n_given=1))
    batch = collate(data, data.paths)
    assert batch.of.tolist() == [1, 0, 1]
    assert batch.layouts.present.tolist() == [[True, True, True, False], [True] * 4]
    np.testing.assert_allclose(batch.layouts.position[0, :3], data.layouts[0].position_deg, rtol=1e-6)
    assert (batch.layouts.position[0, 3] == 0).all()
    np.testing.assert_allclose(batch.layouts.log_area[1], data.layouts[2].log_area, rtol=1e-5)
    assert batch.objects.tolist() == [[0, 3, -1], [1, -1, -1], [3, 2, 1]]
    assert batch.n_given.tolist() == [0, 0, 1]
    assert batch.durations_ms is not None
    assert batch.durations_ms[0, :2].tolist() == [200, 210]
    assert batch.durations_ms.isnan().tolist() == [[False, False, True], [False, True, True], [False] * 3]


def test_durations_are_there_only_where_every_path_has_them(data_of, path_of) -> None:
    untimed = path_of(0, [1, 2])
    object.__setattr__(untimed, "durations_ms", None)
    assert collate(data_of([3], untimed, path_of(0, [1])), [untimed, path_of(0, [1])]).durations_ms is None


def test_a_target_is_told_only_to_models_that_may_know(data_of, path_of) -> None:
    data = data_of([3], path_of(0, [1]))
    assert collate(data, data.paths).layouts.target.tolist() == [0]
    assert collate(data, data.paths, target_known=False).layouts.target.tolist() == [-1]


def test_features_and_crops_go_with_their_layout(data_of, path_of) -> None:
    data = data_of([2, 3], path_of(1, [1]), path_of(0, [1]))
    features = {f"scene {i}": torch.full((n, 4), i + 1.0) for i, n in enumerate((2, 3))}
    crops = {f"scene {i}": torch.full((n, 3, 2, 2), i + 1, dtype=torch.uint8) for i, n in enumerate((2, 3))}
    layouts = collate(data, data.paths, features, crops).layouts
    assert layouts.features is not None
    assert layouts.crops is not None
    assert layouts.features[:, :, 0].tolist() == [[1, 1, 0], [2, 2, 2]]
    assert layouts.crops[:, :, 0, 0, 0].tolist() == [[1, 1, 0], [2, 2, 2]]
    assert layouts.crops.dtype == torch.uint8


@pytest.mark.parametrize(
    ("features", "said"),
    [({}, "got none of scene 0"), ({"scene 0": torch.zeros(4, 2)}, r"got 4 of 3 \(scene 0\)")],
)
def test_features_must_be_one_for_each_object(data_of, path_of, features, said: str) -> None:
    data = data_of([3], path_of(0, [1]))
    with pytest.raises(DataError, match=said):
        collate(data, data.paths, features)


def test_an_epoch_has_every_path_once_in_an_order_of_its_own(data_of, path_of) -> None:
    paths = [path_of(0, [i % 3] * (1 + i % 7), person=str(i)) for i in range(50)]
    data = data_of([3], *paths)
    numbers: Ints = np.arange(5, 50)
    batches = Batches(data, numbers, 4)
    first, again, second = (batches.shuffled(np.random.default_rng(seed)) for seed in (1, 1, 2))
    wanted = sorted(tuple(paths[i].objects) for i in numbers)
    for epoch in (first, second, batches.in_order()):
        rows = [tuple(row[row >= 0].tolist()) for batch in epoch for row in batch.objects]
        assert sorted(rows) == wanted
    assert [b.objects.tolist() for b in first] == [b.objects.tolist() for b in again]
    assert [b.objects.tolist() for b in first] != [b.objects.tolist() for b in second]


def test_batches_are_about_equally_large_and_hardly_padded(data_of, path_of) -> None:
    rng = np.random.default_rng(0)
    paths = [path_of(0, [0] * n) for n in rng.integers(1, 40, size=256)]
    epoch = Batches(data_of([2], *paths), np.arange(256), 8).shuffled(rng)
    padding = np.mean([(batch.objects < 0).double().mean().item() for batch in epoch])
    assert padding < 0.15  # about .5 for batches drawn at random
    steps = np.array([batch.objects.numel() + len(batch.objects) for batch in epoch])
    most = 8 * np.mean([len(path) + 1 for path in paths])
    assert steps.max() <= most
    assert np.median(steps) > 0.75 * most


def test_a_path_longer_than_a_batch_is_a_batch(data_of, path_of) -> None:
    paths = [path_of(0, [0] * n) for n in (1, 1, 1, 50)]
    epoch = Batches(data_of([2], *paths), np.arange(4), 1).in_order()
    assert [batch.objects.shape[1] for batch in epoch][-1] == 50
    assert sum(len(batch.objects) for batch in epoch) == 4


def test_told_knows_how_many_features_there_are() -> None:
    assert Told().n_features is None
    assert Told({"a": torch.zeros(2, 7)}).n_features == 7
