"""Figures: reproducible files, no global state, open ends shown."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from cogattn import figures
from cogattn.figures import (
    COLOURS,
    SERIES,
    broken,
    caption,
    count_text,
    draw_band,
    draw_estimate,
    new_figure,
    render,
    save,
    style,
    summary_figure,
)
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.testing.pictures import flaws

CODE = """
import sys, hashlib
from cogattn.figures import new_figure, draw_estimate, caption, render
figure, axes = new_figure(1, 2)
draw_estimate(axes[0, 0], [1, 2], [1, 2], [0, 1], [2, float("inf")], role="human")
axes[0, 0].set_xlabel("noise SD"); axes[0, 0].legend(); caption(figure, "n = 3")
print(hashlib.sha256(render(figure, "pdf") + render(figure, "png")).hexdigest(), "matplotlib.pyplot" in sys.modules)
"""


def test_figures_are_equal_bytes_in_other_processes_and_need_no_pyplot() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1")
    }
    assert len(told) == 1
    assert told.pop().split()[1] == "False"


def test_a_name_in_characters_that_no_font_has_is_drawn_as_boxes_without_a_warning() -> None:
    figure, axes = new_figure()
    axes[0, 0].set_title("observer \U00016a00")  # Bamum
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert render(figure, "png")
        assert render(figure, "pdf")


def test_fonts_for_other_characters_follow_the_house_s_where_they_are_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "FALLBACKS", ("No such family", "STIXGeneral"))
    figures._families.cache_clear()
    with style():
        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "STIXGeneral"]
    figures._families.cache_clear()


def test_files_hold_no_date_and_both_kinds_are_written(tmp_path: Path) -> None:
    figure, _ = new_figure()
    pdf, png = save(figure, tmp_path / "thresholds")
    assert (pdf.name, png.name) == ("thresholds.pdf", "thresholds.png")
    assert b"CreationDate" not in pdf.read_bytes()
    assert b"tIME" not in png.read_bytes()
    assert b"Software" not in png.read_bytes()


def test_style_is_gone_after_its_context() -> None:
    before = dict(matplotlib.rcParams)
    with style():
        assert matplotlib.rcParams["axes.spines.top"] is False
    assert dict(matplotlib.rcParams) == before


def test_style_does_not_depend_on_what_the_user_has_set() -> None:
    def drawn() -> bytes:
        figure, axes = new_figure()
        draw_estimate(axes[0, 0], [1, 2], [1, 2], [0, 1], [2, 3], line=True)
        caption(figure, "n = 2")
        return render(figure, "png")

    plain = drawn()
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30}):
        assert drawn() == plain


def test_people_have_one_colour_that_no_model_has() -> None:
    assert COLOURS["human"] not in SERIES
    assert len(set(COLOURS.values())) == 3


def test_roles_are_told_apart_by_the_colour_blind() -> None:
    """Machado et al. (2009) matrices for full deuteranopia and protanopia; distance in linear RGB."""
    matrices = [
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ]
    colours = np.array([matplotlib.colors.to_rgb(colour) for colour in COLOURS.values()]) ** 2.2
    for matrix in (np.eye(3), *map(np.array, matrices)):
        seen = colours @ np.asarray(matrix).T
        distances = [np.linalg.norm(seen[i] - seen[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        assert min(distances) > 0.15


def test_missing_estimates_are_left_out_and_open_ends_are_marked() -> None:
    _, axes = new_figure()
    draw_estimate(axes[0, 0], [1, 2, 3], [1, np.nan, 3], [0.5, 0, -np.inf], [2, 5, 4], line=True)
    dots, below, above = axes[0, 0].lines
    assert list(dots.get_xdata()) == [1, 3]
    assert list(below.get_xdata()) == [3]
    assert list(above.get_xdata()) == []


def test_a_band_is_a_line_in_a_pale_area() -> None:
    _, axes = new_figure()
    x = np.linspace(0, 1, 5)
    draw_band(axes[0, 0], x, x, x - 0.1, x + 0.1, role="reference")
    assert axes[0, 0].lines[0].get_color() == COLOURS["reference"]
    assert len(axes[0, 0].collections) == 1


@pytest.mark.parametrize(
    ("counts", "text"), [([1050, 1050], "1,050"), ([320, 1050.0], "320-1,050"), ([1], "1")]
)
def test_counts_are_told_in_words(counts: list[float], text: str) -> None:
    assert count_text(counts) == text


def test_a_summary_is_drawn_with_a_panel_a_measure() -> None:
    rows = [
        Row(
            Observer(observer),
            Measure(key, "octaves", key.upper()),
            Estimate(2.0, 1.0, np.inf, 30),
            None if human is None else Estimate(human, 1.3, 1.5, 14),
        )
        for observer in ("a", "b")
        for key, human in (("bandwidth", 1.4), ("centre", None))
    ]
    figure = summary_figure(summary_table(rows))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["BANDWIDTH", "CENTRE"]
    caption(figure, "n = 30")
    assert render(figure, "png")[:4] == b"\x89PNG"


def test_a_summary_of_many_observers_fits_on_a_page_and_can_be_read() -> None:
    measure = Measure("bandwidth", "octaves", "bandwidth")
    rows = [
        Row(
            Observer(f"vit_large_patch14_clip_336.openai_ft_in12k_{i}"),
            measure,
            Estimate(i, i - 1, i + 1, 30),
        )
        for i in range(76)
    ]
    figure = summary_figure(summary_table(rows))
    assert figure.get_figheight() < 11.7
    assert flaws(figure) == []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("people (subramanian2023, n = 14)", ["people (subramanian2023,", "n = 14)"]),
        ("vit_large_patch14_clip_336.openai", ["vit_large_patch14_clip_", "336.openai"]),
        ("resnet50", ["resnet50"]),
        ("x" * 40, ["x" * 40]),
    ],
)
def test_long_names_break_between_their_parts(name: str, lines: list[str]):
    assert broken(name, 25).split("\n") == lines
