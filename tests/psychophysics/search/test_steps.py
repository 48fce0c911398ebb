from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.steps import remarks_on_steps, steps_table

NETWORK = Observer("vgg16")
LEFT_OUT = NETWORK.control("without rings"), NETWORK.control("no fovea")
OBSERVERS = (NETWORK, *LEFT_OUT, NETWORK.control("untrained", copy=0), Observer("chance", role="control"))


def displays(slopes: dict[str, tuple[float, float]], *, sd: float = 60.0, seed: int = 0) -> pd.DataFrame:
    """Times on lines with these slopes, easy and hard, in two tasks; all searchers share what a display is like."""
    rng, rows = np.random.default_rng(seed), []
    for task in ("letters", "lighting"):
        for place, role in enumerate(("easy", "hard")):
            for size in (3, 6, 9):
                for number, noise in enumerate(sd * rng.standard_normal(12)):
                    for observer, pair in slopes.items():
                        rt = 400 + pair[place] * size + noise
                        rows.append((observer, task, f"{task} {role}", role, size, number, rt))
    columns = ["observer", "task", "condition", "role", "set_size", "display", "rt_ms"]
    return pd.DataFrame(rows, columns=columns)


def table(slopes: dict[str, tuple[float, float]], **options: float) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return steps_table(OBSERVERS, displays(slopes, **options), rng=rng, n_resamples=300)


def test_differences_are_those_of_the_indices_with_and_without_a_step() -> None:
    found = table({"vgg16": (10, 30), "vgg16, without rings": (20, 20), "vgg16, no fovea": (10, 30)}, sd=0.0)
    assert found["step"].tolist() == ["fovea"] * 3 + ["rings"] * 3
    assert found["task"].tolist() == ["letters", "lighting", "mean"] * 2
    assert found["index"].to_numpy() == pytest.approx(0.5)
    assert found["difference"].to_numpy() == pytest.approx([0, 0, 0, 0.5, 0.5, 0.5])
    assert found["n"].tolist() == [72, 72, 144] * 2


def test_what_displays_have_in_common_is_no_part_of_a_difference() -> None:
    """Both searchers see the same displays: the difference of equal ones is 0 however much displays differ."""
    equal = table({"vgg16": (20, 40), "vgg16, without rings": (20, 40)}, sd=80.0)
    assert (equal[["difference", "lo", "hi"]].to_numpy() == 0).all()


def test_intervals_of_differences_hold_the_truth() -> None:
    held, runs = np.zeros(3), 40
    for seed in range(runs):
        found = table({"vgg16": (20, 60), "vgg16, without rings": (40, 40)}, sd=70.0, seed=seed)
        held += ((found["lo"] <= 0.5) & (found["hi"] >= 0.5)).to_numpy()
    assert (held / runs > 0.85).all(), held


def test_remarks_name_the_steps_that_surely_make_an_asymmetry() -> None:
    found = table({"vgg16": (10, 30), "vgg16, without rings": (20, 20), "vgg16, no fovea": (10, 70)}, sd=5.0)
    (remark,) = remarks_on_steps(found, OBSERVERS)
    assert remark == (
        "vgg16 against itself without one step (fovea, rings; 95 % each): less human by fovea in letters, lighting; "
        "more human by rings in letters, lighting."
    )
    nothing = table({"vgg16": (10, 30), "vgg16, no fovea": (10, 30)}, sd=0.0)
    assert [r.endswith("no asymmetry surely changes.") for r in remarks_on_steps(nothing, OBSERVERS)] == [
        True
    ]


def test_without_such_controls_there_is_nothing_to_say() -> None:
    found = table({"vgg16": (10, 30), "chance": (1, 1)})
    assert found.empty
    assert list(remarks_on_steps(found, OBSERVERS)) == []
