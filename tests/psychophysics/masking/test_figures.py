"""Figures that can be read, of one observer and of many: nothing overlaps, nothing is cut off, nothing is left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from cogattn.figures import COLOURS
from cogattn.psychophysics.masking import figures, many
from cogattn.psychophysics.masking.accuracy import tabulate_accuracy
from cogattn.psychophysics.masking.channel.fit import Channel, fit_channels
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters
from cogattn.psychophysics.masking.channel.thresholds import band_thresholds
from cogattn.psychophysics.masking.config import HumanObserver, MaskingConfig
from cogattn.psychophysics.masking.people import read_people
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra
from cogattn.testing.pictures import flaws

SDS = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
SPECTRA = octave_spectra()
LONG = "vit_large_patch14_clip_336.openai_ft_in12k_in1k"


@lru_cache(maxsize=8)
def simulated(n: int) -> tuple[Mapping[str, Channel], pd.DataFrame, pd.DataFrame]:
    """Channels, accuracy and thresholds of `n` observers, one of them at chance."""
    rng = np.random.default_rng(n)
    theta = [
        channel_parameters(
            rng.uniform(1.2, 4), rng.uniform(12, 40), rng.uniform(20, 90), steepness=1, top_accuracy=top
        )
        for top in np.where(np.arange(n) == 3, 0.07, rng.uniform(0.6, 0.97, n))
    ]
    shown = np.full((n, len(SDS), 7), 30)
    right = rng.binomial(shown, ChannelModel.of(SPECTRA).accuracy(theta, SDS))
    names = [f"{LONG}_{i}" if i % 3 == 0 else f"resnet{i}" for i in range(n)]
    channels = fit_channels(right, shown, SDS, spectra=SPECTRA)
    accuracy = [
        tabulate_accuracy(name, *counts, SDS, SPECTRA, 16, 0.95)
        for name, *counts in zip(names, right, shown, strict=True)
    ]
    thresholds = [
        band_thresholds(*counts, SDS, SPECTRA.nominal_cpi, n_alternatives=16).assign(
            observer=name, mean_cpi=SPECTRA.mean_cpi
        )
        for name, *counts in zip(names, right, shown, strict=True)
    ]
    return dict(zip(names, channels, strict=True)), pd.concat(accuracy), pd.concat(thresholds)


def drawn(what: str, n: int) -> Figure:
    people = read_people(MaskingConfig())
    channels, accuracy, thresholds = simulated(n)
    names = {name: name for name in channels}
    match what:
        case "channel":
            return figures.channel_figure(channels, people.population)
        case "accuracy":
            return figures.accuracy_figure(accuracy, people.accuracy, names)
        case _:
            return figures.threshold_figure(thresholds, people.thresholds, names)


@pytest.mark.parametrize("what", ["channel", "accuracy", "thresholds"])
@pytest.mark.parametrize("n", [1, 6, 7, pytest.param(76, marks=pytest.mark.slow)])
def test_a_figure_of_any_number_of_observers_can_be_read(what: str, n: int):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert flaws(drawn(what, n)) == []


@pytest.mark.parametrize("n", [2, 7])
def test_every_observer_has_its_panel_after_people(n: int):
    titles = [axes.get_title(loc="left") for axes in drawn("accuracy", n).axes]
    shown = [title.replace("\n", "") for title in titles if title]
    assert "n = 14)" in titles[0]
    assert shown[1:] == list(simulated(n)[0])


@pytest.mark.parametrize(
    ("n", "ticks"), [(2, ["2", "4", "8", "16", "32", "64", "128"]), (7, ["2", "8", "32", "128"])]
)
def test_small_panels_have_fewer_ticks_and_name_the_axis_below_each_column_once(n: int, ticks: list[str]):
    shown = [axes for axes in drawn("accuracy", n).axes if axes.get_title(loc="left")]
    assert [label.get_text() for label in shown[-1].get_xticklabels()] == ticks
    named = [axes.get_xlabel() for axes in shown if axes.get_xlabel()]
    assert set(named) == {"frequency, cycles per image" if n == 2 else "cycles per image"}
    assert len(named) == 3


def test_the_lowest_band_is_inside_the_axis():
    lowest = read_people(MaskingConfig()).accuracy["mean_cpi"].min()
    assert lowest < 1
    assert drawn("accuracy", 2).axes[0].get_xlim()[0] < lowest
    assert drawn("thresholds", 2).axes[0].get_xlim()[0] < lowest


@pytest.mark.slow
def test_many_observers_have_a_row_each_by_rank_and_none_without_a_channel_a_dot():
    channels, *_ = simulated(76)
    axes, *_, misfit = drawn("channel", 76).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    ranked = sorted(channels, key=lambda name: -np.nan_to_num(channels[name].bandwidth_octaves))
    assert len(names) == len(ranked) == 76
    assert [name for name in names if "..." not in name] == [name for name in ranked if len(name) < 34]
    dots, crosses = axes.lines[-2:]
    widths = [channels[name].bandwidth_octaves for name in ranked]
    known = np.isfinite(widths)
    assert dots.get_xdata() == pytest.approx(np.array(widths)[known])
    assert dots.get_ydata().tolist() == np.flatnonzero(known).tolist()
    assert crosses.get_ydata().tolist() == np.flatnonzero(~known).tolist() != []
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is above
    dispersions = [channels[name].dispersion for name in ranked]
    assert misfit.lines[-2].get_xdata() == pytest.approx(np.array(dispersions)[np.isfinite(dispersions)])


def cells_of(axes) -> np.ndarray:
    return np.ma.filled(axes.images[0].get_array().astype(float), np.nan)


def test_many_observers_are_rows_of_colours_people_first_then_by_accuracy():
    _, accuracy, _ = simulated(76)
    people = read_people(MaskingConfig()).accuracy
    clean, *noisy = [axes for axes in drawn("accuracy", 76).axes if axes.images]
    names = [label.get_text() for label in clean.get_yticklabels()]
    assert "n = 14" in names[0]
    assert [axes.get_title() for axes in noisy] == ["SD 0.01", "SD 0.02", "SD 0.04", "SD 0.08", "SD 0.16"]
    own = accuracy[accuracy["noise_sd"] > 0].groupby("observer")["accuracy"].mean()
    ranked = own.sort_values(ascending=False)
    place = int(np.flatnonzero([name == "resnet1" for name in names])[0])
    assert ranked.index.get_loc("resnet1") == place - 1
    mine = accuracy[accuracy["observer"] == "resnet1"].set_index(["noise_sd", "band"])["accuracy"]
    assert cells_of(noisy[2])[place] == pytest.approx(mine.loc[0.04].to_numpy())
    at_04 = people[people["noise_sd"] == 0.04]
    theirs = cells_of(noisy[2])[0]
    assert np.isnan(cells_of(noisy[0])[0]).all()  # SD .01 was not shown to people
    for cpi, value in zip(SPECTRA.mean_cpi, theirs, strict=True):
        octaves = np.abs(np.log2(at_04["mean_cpi"] / cpi))
        expected = at_04["accuracy"].to_numpy()[octaves.argmin()] if octaves.min() <= 0.5 else np.nan
        assert value == pytest.approx(expected, nan_ok=True)


def test_thresholds_of_many_are_written_and_bounds_marked():
    _, _, thresholds = simulated(76)
    axes = drawn("thresholds", 76).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    texts = {tuple(text.get_position()[::-1]): text.get_text() for text in axes.texts}
    one = thresholds[thresholds["observer"] == "resnet1"].sort_values("mean_cpi").reset_index(drop=True)
    row = names.index("resnet1")
    for column, threshold in enumerate(one["threshold_sd"]):
        text = texts.get((row, column), "")
        if np.isfinite(threshold):
            assert float(text) == pytest.approx(threshold, rel=0.06)
            assert 10 ** cells_of(axes)[row, column] == pytest.approx(threshold)
        elif text:
            assert text[0] in "<>"
    chance = names.index(next(n for n in names if n.endswith("_3")))
    assert chance > 70  # at chance, so that hardly a threshold is known


def pairs_of(kappas: np.ndarray, ids: list[str]) -> pd.DataFrame:
    rows = [(ids[i], ids[j], kappas[i, j], 100) for i in range(len(ids)) for j in range(i + 1, len(ids))]
    return pd.DataFrame(rows, columns=["first", "second", "kappa", "n_trials"])


def test_the_square_of_kappas_has_people_first_and_alike_observers_side_by_side():
    """Two families of networks in turn: each becomes a block; every cell holds its pair's kappa."""
    ids = [*(f"net {i}" for i in range(8)), "person a", "person b", "person c"]
    family = np.array([0, 1] * 4 + [2] * 3)
    kappas = np.where(family[:, None] == family, 0.6, 0.1) + 0.001 * np.add.outer(
        np.arange(11), np.arange(11)
    )
    figure = many.consistency_figure(pairs_of(kappas, ids), {name: name for name in ids[:8]})
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert set(names[:3]) == set(ids[8:])
    assert [label.get_color() for label in axes.get_yticklabels()[:4]] == [COLOURS["human"]] * 3 + ["black"]
    assert len({int(name[-1]) % 2 for name in names[3:7]}) == 1
    cells = cells_of(axes)
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            expected = np.nan if i == j else kappas[ids.index(first), ids.index(second)]
            assert cells[i, j] == pytest.approx(expected, nan_ok=True)
    among = pairs_of(kappas, ids).query("first.str.startswith('person')", engine="python")["kappa"].mean()
    assert f"of people (vermilion) {among:.2f} [" in figure.get_supxlabel()
    assert flaws(figure) == []


def test_the_square_of_many_kappas_can_be_read():
    rng = np.random.default_rng(0)
    ids = [f"{LONG}_{i}" if i % 5 == 0 else f"resnet{i}" for i in range(76)] + [
        f"person {i}" for i in range(14)
    ]
    figure = many.consistency_figure(
        pairs_of(rng.random((90, 90)) - 0.2, ids), {name: name for name in ids[:76]}
    )
    assert flaws(figure) == []
    assert len(figure.axes[0].get_yticklabels()) == 90


def test_dots_of_one_band_stand_side_by_side():
    """Five noise SDs at one frequency would lie on each other; their middle is the band's own place."""
    axes = drawn("accuracy", 1).axes[1]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 7]
    first = sorted(float(line.get_xdata()[0]) for line in lines)
    assert len(first) == 5
    assert np.diff(np.log2(first)) == pytest.approx(figures.DODGE_OCTAVES)
    assert np.exp(np.log(first).mean()) == pytest.approx(SPECTRA.mean_cpi[0])
    assert np.log2(first[-1] / first[0]) < 0.5  # within the band's own octave


def test_a_channel_s_band_lies_between_the_gains_of_its_narrowest_and_widest_form():
    channel = fit_channels(*counts_of_one(), SDS, spectra=SPECTRA)[0]
    axes = figures.channel_figure({"net": channel}, read_people(MaskingConfig()).population).axes[0]
    vertices = axes.collections[0].get_paths()[0].vertices
    octave = np.abs(np.log2(figures.FREQUENCIES_CPI / channel.center_cpi))
    place = int(octave.argmin()) + 40
    drawn_here = np.sort(np.unique(vertices[np.isclose(vertices[:, 0], figures.FREQUENCIES_CPI[place]), 1]))
    expected = [0.5 ** ((2 * octave[place] / width) ** 2) for width in channel.bandwidth_interval]
    assert drawn_here == pytest.approx(expected)
    curve = next(line for line in axes.lines if line.get_label().startswith("net"))
    assert curve.get_ydata()[place] == pytest.approx(
        0.5 ** ((2 * octave[place] / channel.bandwidth_octaves) ** 2)
    )


def counts_of_one() -> tuple[np.ndarray, np.ndarray]:
    theta = channel_parameters(2.0, 20.0, 40.0, steepness=1, top_accuracy=0.9)
    shown = np.full((1, len(SDS), 7), 60)
    return np.random.default_rng(1).binomial(shown, ChannelModel.of(SPECTRA).accuracy([theta], SDS)), shown


def test_a_channel_that_is_not_determined_is_named_and_not_drawn():
    channels, *_ = simulated(6)
    legend = drawn("channel", 6).axes[0].get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    undetermined = [name for name in names if name.endswith("not determined")]
    assert len(undetermined) == sum(np.isnan(c.bandwidth_octaves) for c in channels.values()) == 1


def bars(axes) -> np.ndarray:
    """Ends of all bars of intervals, (n, 2)."""
    found = [collection for collection in axes.collections if isinstance(collection, LineCollection)]
    return np.array([segment[:, 1] for collection in found for segment in collection.get_segments()])


def test_bars_end_where_the_intervals_do():
    _, accuracy, thresholds = simulated(1)
    noisy = accuracy[accuracy["noise_sd"] > 0]
    ends = bars(drawn("accuracy", 1).axes[1])
    assert np.sort(ends, axis=0) == pytest.approx(np.sort(noisy[["lo", "hi"]].to_numpy(), axis=0))
    known = thresholds[
        np.isfinite(thresholds[["threshold_sd", "lo", "hi"]]).all(axis=1) & (thresholds["lo"] > 0)
    ]
    ends = bars(drawn("thresholds", 1).axes[0])
    for lo, hi in known[["lo", "hi"]].to_numpy():
        assert np.isclose(ends, [lo, hi]).all(axis=1).any()


def test_conditions_without_trials_have_no_dot():
    _, accuracy, _ = simulated(1)
    first = accuracy.index[(accuracy["noise_sd"] == 0.04) & (accuracy["band"] == 2)]
    accuracy = accuracy.reset_index(drop=True)
    accuracy.loc[first, ["n_trials", "n_correct"]] = 0
    accuracy.loc[first, ["accuracy", "lo", "hi"]] = np.nan
    name = accuracy["observer"].iloc[0]
    axes = figures.accuracy_figure(accuracy, read_people(MaskingConfig()).accuracy, {name: name}).axes[1]
    lengths = sorted(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o")
    assert lengths == [6, 7, 7, 7, 7]


@pytest.mark.slow
@pytest.mark.parametrize("observer", [HumanObserver(), None])
def test_the_figures_of_a_run_can_be_read(play: Callable, observer: HumanObserver | None):
    """Fourteen people by themselves, and an ideal observer with the sheet of its stimuli."""
    template = {"observer": {"kind": "template"}, "images": {"n_images": 64}, "design": {"kind": "crossed"}}
    small = template | {"channel": {"n_bootstrap": 100}, "noise": {"sds": [0, 0.04, 0.16]}}
    config = MaskingConfig(observer=observer) if observer else MaskingConfig.parse(small)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = play(config).results.figures
        assert set(pictures) == {"channel", "misfit", "accuracy", "thresholds"} | (
            {"stimuli"} if not observer else set()
        )
        for name, draw in pictures.items():
            assert flaws(draw()) == [], name


def test_the_sheet_shows_one_image_without_noise_once_and_at_every_sd_in_every_band():
    stimuli = np.linspace(0, 1, 3 * 4 * 5 * 5).reshape(3, 4, 5, 5).astype(np.float32)
    sheet = figures.stimulus_sheet(stimuli, (0, 0.04, 0.16), (2, 4, 8, 16))
    shown = [axes for axes in sheet.axes if axes.images]
    assert [axes.get_ylabel() for axes in shown if axes.get_ylabel()] == ["no noise", "SD 0.04", "SD 0.16"]
    assert len(shown) == 1 + 2 * 4
    assert [axes.get_title() for axes in shown if axes.get_title()] == ["2", "4", "8", "16"]
    assert np.array_equal(shown[-1].images[0].get_array(), stimuli[2, 3])
    assert flaws(sheet) == []
