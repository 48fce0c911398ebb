"""What each study's demo says, held against stored tables: numbers do not change unless somebody says so. Its figures
can be read.

Where numbers have to change, raise the study's `version` and store what it says now:

    python tests/golden/test_golden.py STUDY
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.measures import SUMMARY_COLUMNS
from cogattn.registry import load_study, study_entry_points
from cogattn.running.formats import csv_bytes, read_csv
from cogattn.study import Results, Study
from cogattn.testing.conformance import CHECKS, QUICK_CHECKS, Check, demo_results
from cogattn.testing.pictures import flaws

COIN = "cogattn.testing.coin:CoinStudy"
HERE = Path(__file__).resolve().parent
NUMBERS = ("estimate", "lo", "hi", "n", "human", "human_lo", "human_hi", "human_n")
RELATIVE = 1e-5
"""Processors differ in the last digits, and fits stop where they do; a changed number does not hide there."""
TRAINED = {"scanpath": ("tf_efficientnet_lite0", "no content"), "rehearsal": ("",)}
"""Observers whose networks are trained in the demo, where last digits grow; by how their ids begin."""
OF_TRAINED = 0.1
STUDIES = study_entry_points()
"""The demo of each is run once, and all that is asked of it in the same process."""
LONG = ("masking", "naming", "scanpath", "search")
MARKED = [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in STUDIES]


def marks_of(check: Check, name: str) -> tuple[pytest.MarkDecorator, ...]:
    """Of the longest demos, a check other than that of their cells' purity is made at night."""
    at_night = name in ("masking", "naming") and check.__name__ in ("check_seed", "check_cells_are_silent")
    return (pytest.mark.nightly,) if at_night else ()


def stored(study: Study) -> tuple[int, pd.DataFrame]:
    """Version and summary, as they were stored."""
    first, _, table = (HERE / f"{study.name}.csv").read_text(encoding="utf-8").partition("\n")
    return int(first.removeprefix("# version ")), read_csv(table.encode())


def store(study: Study) -> None:
    text = csv_bytes(demo_results(study).summary).decode()
    (HERE / f"{study.name}.csv").write_text(f"# version {study.version}\n{text}", encoding="utf-8")


@pytest.mark.parametrize("name", MARKED)
def test_the_demo_says_what_it_said(name: str) -> None:
    study = load_study(name)
    version, before = stored(study)
    now = read_csv(csv_bytes(demo_results(study).summary))
    how = f"raise its version and run: python tests/golden/test_golden.py {name}"
    assert version == study.version, f"the stored table is of version {version}; {how}"
    assert tuple(before.columns) == SUMMARY_COLUMNS
    rows = ["observer", "measure", "unit"]
    assert before[rows].astype(str).equals(now[rows].astype(str)), f"rows changed; {how}"
    trained = before["observer"].str.startswith(TRAINED.get(name, ("nobody",))).to_numpy()
    for column in NUMBERS:
        a, b = before[column].to_numpy(float), now[column].to_numpy(float)
        same = np.isclose(a, b, rtol=RELATIVE, atol=1e-9, equal_nan=True)
        same |= trained & np.isclose(a, b, rtol=OF_TRAINED, atol=OF_TRAINED, equal_nan=True)
        changed = before.loc[~same, "measure"].tolist()
        assert not changed, f"{column} of {', '.join(changed)} changed; {how}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "name"),
    [
        pytest.param(check, name, id=f"{check.__name__}-{name}", marks=marks_of(check, name))
        for check in CHECKS
        if check not in QUICK_CHECKS
        for name in STUDIES
    ],
)
def test_the_demo_passes_every_check(name: str, check: Check) -> None:
    check(load_study(name))


@pytest.mark.parametrize("name", MARKED)
def test_figures_of_the_demo_can_be_read(name: str) -> None:
    figures = demo_results(load_study(name)).figures
    found = {figure: flaws(draw()) for figure, draw in figures.items()}
    assert figures
    assert {figure: lines for figure, lines in found.items() if lines} == {}


def test_a_changed_number_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study(COIN)
    found = demo_results(study).summary
    texts = iter([f"# version {study.version}\n{csv_bytes(found).decode()}"])
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: next(texts))
    monkeypatch.setattr(
        f"{__name__}.demo_results",
        lambda _: Results(found.assign(estimate=found["estimate"] * (1 + 3 * RELATIVE))),
    )
    with pytest.raises(AssertionError, match=r"estimate of heads, heads changed; raise its version"):
        test_the_demo_says_what_it_said(COIN)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or study_entry_points():
        store(load_study(chosen))
