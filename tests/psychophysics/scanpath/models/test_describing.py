from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cogattn.psychophysics.scanpath.layouts.items import Layout
from cogattn.psychophysics.scanpath.models.describing import describe, fit, fits
from cogattn.psychophysics.scanpath.models.seeing import Seen
from cogattn.vision.scenes.scene import Scene, SceneObject, Target

CHANNELS = (5, 90)
LIKENESS, ODDNESS = slice(-4, -2), slice(-2, None)


def made(
    n: int,
    *,
    categories: tuple[str, ...] = (),
    target: Target | None = None,
    seed: int = 0,
    n_objects: int = 30,
) -> tuple[list[Layout], dict[str, Seen]]:
    """Layouts whose objects have correlated features with means and scales of their own."""
    rng = np.random.default_rng(seed)
    mixing = [np.random.default_rng(9).normal(size=(size, size)) for size in CHANNELS]
    layouts, seen = [], {}
    for i in range(n):
        names = categories or ("",) * n_objects
        objects = tuple(SceneObject(f"o{k}", (0, 0, 1, 1), category=one) for k, one in enumerate(names))
        scene = Scene(f"s{i}", None, (10, 10), objects=objects, target=target)
        layouts.append(Layout(scene, np.zeros((len(names), 2)), np.ones((len(names), 2)), None, f"s{i}", 1.0))
        drawn = [
            3 + rng.normal(size=(len(names), size)) @ mix for size, mix in zip(CHANNELS, mixing, strict=True)
        ]
        seen[f"s{i}"] = Seen(tuple(one.astype(np.float32) for one in drawn))
    return layouts, seen


def described(layouts: list[Layout], seen: dict[str, Seen], **how: bool) -> np.ndarray:
    state = fit(layouts, lambda layout: seen[layout.name])
    how = {"trained": True} | how
    return np.concatenate([describe(state, one, seen[one.name], **how).numpy() for one in layouts])


def test_components_are_the_principal_ones_of_standardised_features() -> None:
    layouts, seen = made(12)
    found = described(layouts, seen)
    assert found.shape == (360, 73)
    assert found.dtype == np.float32
    raw = np.concatenate([seen[one.name].objects[1] for one in layouts]).astype(float)
    z = (raw - raw.mean(0)) / raw.std(0)
    left, values, _ = np.linalg.svd(z, full_matrices=False)
    expected = left[:, :64] * values[:64]
    expected /= np.sqrt((expected**2).mean())
    own = found[:, 5:69]
    np.testing.assert_allclose(np.abs(own), np.abs(expected), atol=1e-3)
    np.testing.assert_allclose((own**2).mean(), 1, rtol=1e-4)
    apart = np.corrcoef(own.T) - np.eye(64)
    assert np.abs(apart).max() < 1e-3


def test_the_largest_weight_of_a_component_is_positive_on_every_machine() -> None:
    layouts, seen = made(6)
    axes = fit(layouts, lambda layout: seen[layout.name])["components_1"]
    assert (axes[np.abs(axes).argmax(0), np.arange(64)] > 0).all()


def test_dead_channels_and_few_objects_are_no_trouble() -> None:
    layouts, seen = made(2, n_objects=3)
    for one in seen.values():
        one.objects[1][:, 7] = 4
        one.objects[0][:] = 0
    found = described(layouts, seen)
    assert np.isfinite(found).all()
    assert found.shape[1] == 1 + 5 + 4


def test_a_picture_comes_before_the_category_and_that_before_the_told_target() -> None:
    categories = ("cup", "cup", *["thing"] * 10)
    layouts, seen = made(6, categories=categories, target=Target("it", category="cup"))
    for i, one in enumerate(layouts):
        seen[one.name].objects[0][:2] = seen[one.name].objects[0][0] + [4, -4, 2, 0, 1]
        layouts[i] = dataclasses.replace(one, target=5)
    by_category = described(layouts, seen)[:, LIKENESS].reshape(6, 12, 2)
    assert (by_category[:, :2, 0].mean(1) > by_category[:, 2:, 0].mean(1) + 1).all()
    shown = {
        name: dataclasses.replace(one, target=tuple(z[7] for z in one.objects)) for name, one in seen.items()
    }
    assert (described(layouts, shown)[:, LIKENESS].reshape(6, 12, 2).argmax(1) == 7).all()
    nameless = [
        dataclasses.replace(
            one, scene=dataclasses.replace(one.scene, target=Target("it", box_px=(0, 0, 1, 1)))
        )
        for one in layouts
    ]
    assert (described(nameless, seen)[:, LIKENESS].reshape(6, 12, 2).argmax(1) == 5).all()


def test_an_object_is_not_compared_with_itself_through_its_category() -> None:
    """What a category looks like in a layout of training comes from the others alone, as it does in a test."""
    categories = ("cup", *["thing"] * 11)
    layouts, seen = made(5, categories=categories, target=Target("it", category="cup"))
    state = fit(layouts, lambda layout: seen[layout.name])
    first = layouts[0]
    without = fit(layouts[1:], lambda layout: seen[layout.name])
    own, plain = (
        describe(state, first, seen["s0"], trained=trained)[:, LIKENESS] for trained in (True, False)
    )
    assert float(plain[0].sum()) > float(own[0].sum()) + 1
    alone = {name: without[name] for name in ("categories", "category_n")}
    sums = {f"category_{d}": state[f"category_{d}"] - _own(state, seen["s0"], categories)[d] for d in (0, 1)}
    left = describe(state | alone | sums, first, seen["s0"], trained=False)[:, LIKENESS]
    np.testing.assert_allclose(own, left, atol=1e-5)


def test_a_category_of_no_other_layout_is_known_by_the_told_target_alone() -> None:
    layouts, seen = made(4, categories=(*["thing"] * 5, "cup", *["thing"] * 6))
    wanted = Target("it", category="cup")
    for i in (1, 2, 3):
        objects = tuple(dataclasses.replace(thing, category="thing") for thing in layouts[i].scene.objects)
        layouts[i] = dataclasses.replace(
            layouts[i], scene=dataclasses.replace(layouts[i].scene, objects=objects)
        )
    layouts[0] = dataclasses.replace(layouts[0], scene=dataclasses.replace(layouts[0].scene, target=wanted))
    assert (described(layouts, seen)[:12, LIKENESS] == 0).all()
    told = [dataclasses.replace(layouts[0], target=5), *layouts[1:]]
    assert (described(told, seen)[:12, LIKENESS].argmax(0) == 5).all()


def _own(state: dict[str, np.ndarray], seen: Seen, categories: tuple[str, ...]) -> list[np.ndarray]:
    names = sorted(set(categories))
    z = [(one - state[f"channels_{d}"][0]) / state[f"channels_{d}"][1] for d, one in enumerate(seen.objects)]
    return [np.stack([one[np.array(categories) == name].sum(0) for name in names]) for one in z]


def test_where_nobody_knows_what_is_looked_for_likeness_is_nought() -> None:
    layouts, seen = made(4)
    assert (described(layouts, seen)[:, LIKENESS] == 0).all()
    unseen, own = made(4, target=Target("it", category="unheard of"))
    assert (described(unseen, own)[:, LIKENESS] == 0).all()
    some = [dataclasses.replace(layouts[0], target=3), *layouts[1:]]
    found = described(some, seen)[:, LIKENESS]
    assert (found[30:] == 0).all()
    np.testing.assert_allclose(found[:30].std(0), 1, rtol=1e-4)


def test_the_odd_one_out_is_odd() -> None:
    layouts, seen = made(8)
    for one in seen.values():
        for z in one.objects:
            z[11] += 4 * z.std(0)
    found = described(layouts, seen)[:, ODDNESS].reshape(8, 30, 2)
    assert (found.argmax(1) == 11).all()


def test_a_state_tells_another_network() -> None:
    layouts, seen = made(3)
    state = fit(layouts, lambda layout: seen[layout.name])
    assert fits(state, seen["s0"])
    assert not fits(state, Seen(tuple(one[:, :4] for one in seen["s0"].objects)))


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0)])
def test_the_order_of_layouts_changes_nothing_but_the_last_digits(order: tuple[int, ...]) -> None:
    layouts, seen = made(3, n_objects=60)
    state, other = (
        fit(some, lambda layout: seen[layout.name]) for some in (layouts, [layouts[i] for i in order])
    )
    np.testing.assert_allclose(
        *(describe(one, layouts[0], seen["s0"], trained=True) for one in (state, other)), atol=1e-4
    )
