"""Our network: cached steps are the whole path, padding and order mean nothing, the future is not seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cogattn.attention import LogNormal, end_log_odds, going_on
from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import NetworkSettings
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.psychophysics.scanpath.models.history import RECENCY, History
from cogattn.psychophysics.scanpath.models.network import ScanpathNetwork

SETTINGS = NetworkSettings(width=16, heads=2, feedforward=24, n_knots=4, dropout=0.0)
N_OBJECTS, N_FEATURES, N_FIXATIONS = 8, 5, 6


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        yield


def network(**settings) -> ScanpathNetwork:
    """A network in double precision whose every parameter matters."""
    n_features = settings.pop("n_features", N_FEATURES)
    made = ScanpathNetwork(SETTINGS.model_copy(update=settings), n_features=n_features).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def paths(of=(0, 2, 1, 2, 2, 0), *, n_layouts: int = 3, alike: bool = False) -> PathBatch:
    """Paths over three layouts, the second of which has five objects, with padding after some."""
    position = 10 * torch.rand(n_layouts, N_OBJECTS, 2) - 5
    if alike:
        position = position[:1].expand(n_layouts, -1, -1)
    present = torch.ones(n_layouts, N_OBJECTS, dtype=torch.bool)
    if n_layouts > 1 and not alike:
        present[1, 5:] = False
    there = present[..., None].double()
    layouts = LayoutBatch(
        position=position.double() * there,
        size=(torch.rand(n_layouts, N_OBJECTS, 2) + 0.5).double() * there,
        log_area=torch.randn(n_layouts, N_OBJECTS).double() * there[..., 0],
        present=present,
        target=torch.randint(-1, 5, (n_layouts,)),
        features=torch.randn(n_layouts, N_OBJECTS, N_FEATURES).double() * there,
    )
    objects = torch.randint(5, (len(of), N_FIXATIONS))
    for row, length in enumerate((6, 3, 6, 1, 4, 5)[: len(of)]):
        objects[row, length:] = -1
    return PathBatch(layouts, torch.tensor(of), objects, torch.zeros(len(of), dtype=torch.int64))


def stepped(model: ScanpathNetwork, batch: PathBatch) -> tuple[torch.Tensor, list]:
    state = model.begin(model.encode(batch.layouts), batch.of)
    scores, durations = [state.scores], []
    for objects in batch.objects.T:
        state = model.step(state, objects)
        scores.append(state.scores)
        durations.append(state.duration)
    return torch.stack(scores, 1), durations


def real(batch: PathBatch) -> torch.Tensor:
    """Rows before a fixation or the end of a path, (n_paths, n_fixations + 1)."""
    return torch.arange(N_FIXATIONS + 1) <= (batch.objects >= 0).sum(1, keepdim=True)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_features": None, "n_pointers": 2, "durations": True},
        {"without": ("geometry",)},
        {"without": ("history",)},
        {"without": ("position", "area")},
        {"without": ("geometry", "history", "position", "area"), "n_features": None},
        {"encoder_layers": 0, "decoder_layers": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("alike", [False, True], ids=["unlike", "alike"])
def test_steps_say_what_the_whole_path_says(settings, alike):
    model, batch = network(**settings), paths(alike=alike)
    with torch.no_grad():
        whole, (parts, _) = model(batch), stepped(model, batch)
    assert whole.shape == (6, N_FIXATIONS + 1, N_OBJECTS + 1)
    torch.testing.assert_close(parts[real(batch)], whole[real(batch)], rtol=1e-9, atol=1e-9)


def test_in_single_precision_steps_agree_to_five_digits():
    model, batch = network().float(), paths()
    layouts = batch.layouts
    single = {name: getattr(layouts, name).float() for name in ("position", "size", "log_area", "features")}
    batch = replace(batch, layouts=replace(layouts, **single))
    with torch.no_grad():
        whole, (parts, _) = model(batch), stepped(model, batch)
    torch.testing.assert_close(parts[real(batch)], whole[real(batch)], rtol=1e-5, atol=1e-5)


def test_a_path_says_the_same_alone_and_among_others():
    """No padding of objects or fixations, and no other path or layout, changes anything."""
    model, batch = network(durations=True), paths()
    layouts = batch.layouts
    with torch.no_grad():
        together, lasting = model(batch), model.duration(batch)
        for path, of in enumerate(batch.of.tolist()):
            n_objects, length = int(layouts.present[of].sum()), int((batch.objects[path] >= 0).sum())
            alone = LayoutBatch(
                *(
                    rows[of : of + 1, :n_objects]
                    for rows in (layouts.position, layouts.size, layouts.log_area)
                ),
                present=layouts.present[of : of + 1, :n_objects],
                target=layouts.target[of : of + 1],
                features=layouts.features[of : of + 1, :n_objects],
            )
            only = PathBatch(
                alone, torch.tensor([0]), batch.objects[path : path + 1, :length], batch.n_given[:1]
            )
            want, got = model(only)[0], together[path, : length + 1]
            torch.testing.assert_close(got[:, :n_objects], want[:, :-1])
            torch.testing.assert_close(got[:, -1], want[:, -1])
            assert torch.isneginf(got[:, n_objects:-1]).all()
            torch.testing.assert_close(lasting[path, :length], model.duration(only)[0])


def test_objects_in_another_order_get_their_scores_in_that_order():
    model, batch = network(), paths()
    order = torch.randperm(N_OBJECTS)
    place = torch.argsort(order)
    layouts = batch.layouts
    moved = replace(
        layouts,
        **{
            name: getattr(layouts, name)[:, order]
            for name in ("position", "size", "log_area", "present", "features")
        },
        target=torch.where(layouts.target < 0, -1, place[layouts.target]),
    )
    shuffled = replace(batch, layouts=moved, objects=torch.where(batch.objects < 0, -1, place[batch.objects]))
    with torch.no_grad():
        want, got = model(batch), model(shuffled)
    torch.testing.assert_close(got[..., :-1][real(batch)], want[..., :-1][..., order][real(batch)])
    torch.testing.assert_close(got[..., -1][real(batch)], want[..., -1][real(batch)])


@pytest.mark.parametrize("when", range(N_FIXATIONS))
def test_a_later_fixation_never_changes_an_earlier_score(when):
    model, batch = network(), paths(of=(0, 2, 1))
    batch = replace(batch, objects=torch.randint(5, (3, N_FIXATIONS)))
    other = batch.objects.clone()
    other[:, when:] = (other[:, when:] + 1) % 5
    with torch.no_grad():
        want, got = model(batch), model(replace(batch, objects=other))
    torch.testing.assert_close(got[:, : when + 1], want[:, : when + 1])
    assert not torch.allclose(got[:, when + 1, 0], want[:, when + 1, 0])


def test_scores_are_chances_of_the_objects_that_are_there():
    model, batch = network(), paths()
    chances = going_on(model(batch)).exp()
    torch.testing.assert_close(chances.sum(-1), torch.ones(6, N_FIXATIONS + 1).double())
    assert (chances[2, :, 5:] == 0).all()


def test_positions_mean_nothing_without_geometry_history_and_code():
    """Positions reach the scores through the table, through history and through their code, and by no other way."""
    batch = paths()
    stretched = 2.5 * batch.layouts.position * torch.tensor([1.0, 0.3]).double() + 1
    shifted = replace(batch, layouts=replace(batch.layouts, position=stretched))
    blind = network(without=("geometry", "history", "position"))
    torch.testing.assert_close(blind(shifted), blind(batch))
    for left in ("geometry", "history", "position"):
        told = network(without=tuple({"geometry", "history", "position"} - {left}))
        assert not torch.allclose(told(shifted)[real(batch)], told(batch)[real(batch)]), left


def test_a_table_that_is_zero_is_no_table():
    """With geometry at 0 the network is plain attention."""
    plain, table = network(without=("geometry",)), network()
    weights = {name: value for name, value in plain.state_dict().items() if not name.endswith("polar")}
    zeros = {name: torch.zeros_like(v) for name, v in table.state_dict().items() if name.endswith("polar")}
    table.load_state_dict(weights | zeros)
    torch.testing.assert_close(table(paths_of := paths()), plain(paths_of), rtol=1e-12, atol=1e-12)


def test_areas_appearance_and_target_matter_where_they_are_told():
    batch = paths()
    layouts = batch.layouts
    changes = {
        "area": replace(layouts, log_area=layouts.log_area + torch.randn_like(layouts.log_area)),
        "appearance": replace(layouts, features=torch.randn_like(layouts.features)),
        "target": replace(layouts, target=(layouts.target + 2) % 5),
    }
    model, blind = network(), network(without=("area",), n_features=None)
    for what, changed in changes.items():
        other = replace(batch, layouts=changed)
        assert not torch.allclose(model(other)[real(batch)], model(batch)[real(batch)]), what
        if what != "target":
            assert torch.equal(blind(other)[real(batch)], blind(batch)[real(batch)])


def test_durations_are_those_of_the_fixations_seen():
    model, batch = network(durations=True), paths()
    with torch.no_grad():
        scores, durations = model.predict(batch)
        _, steps = stepped(model, batch)
    assert isinstance(durations, LogNormal)
    assert durations.mean.shape == batch.objects.shape
    assert (durations.spread > 0).all()
    torch.testing.assert_close(model.duration(batch), durations.mean)
    for name in ("mean", "spread"):
        got = torch.stack([getattr(step, name) for step in steps], 1)
        there = batch.objects >= 0
        torch.testing.assert_close(got[there], getattr(durations, name)[there])
    assert torch.equal(model(batch), scores)
    assert network().duration(batch) is None


def test_a_network_of_appearance_wants_features():
    batch = paths()
    without = replace(batch, layouts=replace(batch.layouts, features=None))
    with pytest.raises(DataError, match="layouts must have features, 5 for each object; got none"):
        network()(without)


def test_an_ended_path_may_go_on_and_changes_no_other():
    model, batch = network(), paths(of=(2, 0))
    state = model.begin(model.encode(batch.layouts), batch.of)
    ended, other = (model.step(state, torch.tensor([last, 3])).scores for last in (N_OBJECTS, 0))
    torch.testing.assert_close(ended[1], other[1])
    assert ended[0].isfinite().all()


def test_a_state_can_branch():
    model, batch = network(), paths(of=(0, 2))
    state = model.begin(model.encode(batch.layouts), batch.of)
    first = model.step(state, torch.tensor([1, 2])).scores
    model.step(state, torch.tensor([4, 4]))
    assert torch.equal(model.step(state, torch.tensor([1, 2])).scores, first)


def test_gradients_reach_every_part_and_stay_finite():
    model, batch = network(durations=True, n_pointers=2), paths()
    scores, durations = model.predict(batch)
    chances = going_on(scores).exp()[real(batch)]
    (
        chances.square().mean()
        + durations.mean.mean()
        + durations.spread.mean()
        + end_log_odds(scores).mean()
    ).backward()
    for name, parameter in model.named_parameters():
        if parameter.numel() and not name.endswith("recall.geometry.area_weight"):  # fixations have no area
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            silent = name.endswith("key.bias")  # the same for all keys: a softmax does not see it
            assert silent or parameter.grad.abs().max() > 0, name


def test_the_same_seed_makes_the_same_network():
    first, again = (make() for make in [seeded_network] * 2)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def seeded_network() -> ScanpathNetwork:
    torch.manual_seed(7)
    return ScanpathNetwork(SETTINGS, n_features=None)


def test_history_is_visits_their_number_how_long_ago_and_straight_on():
    position = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [4.0, 0.0]]])
    objects = torch.tensor([[-1, 0, 1, 0]])
    gaze = torch.cat([torch.tensor([[[1.0, 1.0]]]), position[:, objects[0, 1:]]], 1)
    features, history = History.none(1, 4, position).after(objects, gaze, position)
    seen, count, recency, straight = features[0].unbind(-1)
    assert (features[0, 0] == 0).all()  # nothing was before the begin token
    assert seen.tolist()[1:] == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    torch.testing.assert_close(count[3], torch.log(torch.tensor([3.0, 2.0, 1.0, 1.0])))
    torch.testing.assert_close(recency[3], torch.tensor([1.0, torch.exp(torch.tensor(-1 / RECENCY)), 0, 0]))
    assert (straight[1] == 0).all()  # the way from the begin token is no movement of gaze
    torch.testing.assert_close(straight[2], torch.tensor([-1.0, 0.0, 0.0, 1.0]))  # on the way to the right
    torch.testing.assert_close(straight[3], torch.tensor([0.0, -1.0, -2 / 13**0.5, -1.0]))
    assert history.n == 4
    assert history.count.tolist() == [[2, 1, 0, 0]]


def test_a_network_of_a_few_steps_learns_to_go_to_the_right():
    """On a lattice, the next fixation lies 2 degrees to the right: geometry alone learns it."""
    across = torch.arange(6) * 2.0 - 5
    position = torch.stack([across, torch.zeros(6)], -1)[None]
    ones = torch.ones(1, 6)
    layouts = LayoutBatch(position, torch.ones(1, 6, 2), 0 * ones, ones.bool(), torch.tensor([-1]), None)
    objects = torch.stack([torch.tensor([start, start + 1, start + 2]) for start in range(4)])
    batch = PathBatch(layouts, torch.zeros(4, dtype=torch.int64), objects, torch.zeros(4, dtype=torch.int64))
    model = ScanpathNetwork(SETTINGS.model_copy(update={"without": ("position",)}), n_features=None)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        log_p = going_on(model(batch))[:, 1:3]
        loss = -log_p.gather(-1, objects[:, 1:, None]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3  # a guess costs ln 6 = 1.8
