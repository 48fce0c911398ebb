"""Figures can be read: no text on another, no legend on a curve, and what newcomers stumbled over is mended."""

from __future__ import annotations

import matplotlib.colors
import numpy as np
import pytest

from cogattn import figures
from cogattn.eeg.efr import figures as efr_figures
from cogattn.eeg.efr.config import (
    EfrConfig,
    SignificanceSettings,
    SpectrumSettings,
    SteadyStateSettings,
)
from cogattn.eeg.recordings.config import SimulatedPath, SimulatedSweeps
from cogattn.testing.pictures import flaws

QUICK = SignificanceSettings(n_bootstrap=50)
STEADY = SteadyStateSettings(modulation_hz=43, n_harmonics=2)
RUNS = {
    "one": EfrConfig(
        recordings=SimulatedPath(n_listeners=1, n_channels=6, duration_s=60),
        significance=QUICK,
        steady_state=STEADY,
    ),
    "two": EfrConfig(
        recordings=SimulatedPath(n_listeners=2, duration_s=60), significance=QUICK, steady_state=STEADY
    ),
    "five": EfrConfig(
        recordings=SimulatedPath(n_listeners=5, n_channels=6, duration_s=60, sfreq=128),
        significance=QUICK,
        spectrum=SpectrumSettings(high_hz=60, segment_s=2),
    ),
    "null": EfrConfig(
        recordings=SimulatedPath(n_listeners=1, n_channels=3, duration_s=60, strength=0), significance=QUICK
    ),
    "pitch": EfrConfig(
        recordings=SimulatedSweeps(n_listeners=3, n_sweeps=60, modulation_hz=80, sfreq=1024, sweep_s=0.5),
        following=False,
        sfreq=1024,
        steady_state=SteadyStateSettings(
            modulation_hz=80, sweep_s=0.5, alternating=True, f0_low_hz=60, f0_high_hz=120, n_harmonics=6
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_every_figure_can_be_read(run_efr, name):
    results, _ = run_efr(RUNS[name])
    found = {figure: flaws(draw()) for figure, draw in results.figures.items()}
    assert not any(found.values()), found


@pytest.fixture(scope="module")
def two(run_efr):
    return run_efr(RUNS["two"])[0].figures


@pytest.mark.parametrize(("name", "banded"), [("two", False), ("five", True)])
def test_a_group_of_two_has_no_band_and_the_axis_holds_the_curves(run_efr, name, banded):
    results, trials = run_efr(RUNS[name])
    figure = results.figures["group"]()
    left = figure.axes[0]
    curves = trials["curve"].query("measure == 'following' and usable")["value"]
    low, high = left.get_ylim()
    assert high - low < 1.3 * np.ptp(curves)
    assert low <= curves.min() <= curves.max() <= high
    bands = [c for c in left.collections if c.get_alpha() == 0.18]
    assert bool(bands) == banded
    assert ("no interval" in figure.get_supxlabel()) != banded


def test_coupling_has_panels_and_bars_of_one_height_and_says_whose_they_are(two):
    figure = two["coupling"]()
    figures.render(figure, "png")
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    bars = [bar for axes in panels for bar in axes.child_axes]
    heights = [axes.get_window_extent().height for axes in (*panels, *bars)]
    assert len(heights) == 6
    assert max(heights) - min(heights) < 2
    assert "listener 1" in figure.get_supxlabel()


def test_the_rate_and_its_harmonics_are_the_ticks(two):
    figure = two["steady_state"]()
    figures.render(figure, "png")
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["43", "86"]


def test_gain_is_drawn_where_the_envelope_is_followed_and_channels_are_told_apart(run_efr):
    results, trials = run_efr(RUNS["two"])
    gain, phase = results.figures["transfer"]().axes[:2]
    followed = trials["spectrum"].query("observer == 'listener 1' and q <= 0.05")
    assert gain.get_ylim()[0] >= 1e6 * followed["gain"].min() / 2 - 1e-9
    first, second = phase.get_lines()[:2]
    assert first.get_marker() != second.get_marker()
    assert not matplotlib.colors.same_color(first.get_color(), second.get_color())
    bold = [line for line in gain.get_lines() if line.get_linewidth() > 1]
    n_followed = followed.groupby("channel").size()
    for line in bold:
        assert np.isfinite(line.get_ydata()).sum() == n_followed[line.get_label()]


def test_gain_is_that_of_the_first_who_follows_and_is_not_drawn_of_nobody(run_efr):
    results, trials = run_efr(RUNS["two"])
    silent = trials["spectrum"].assign(
        q=trials["spectrum"]["q"].where(trials["spectrum"]["observer"] != "listener 1", 1.0)
    )
    tables = {**trials, "spectrum": silent}
    drawn = efr_figures.drawn(tables, 0.05)
    assert drawn["transfer"]().get_supxlabel().startswith("listener 2")
    assert "transfer" in results.figures
    assert "transfer" not in efr_figures.drawn({**trials, "spectrum": silent.assign(q=1.0)}, 0.05)


def test_only_frequencies_that_are_followed_have_a_colour_over_time(run_efr):
    results, trials = run_efr(RUNS["two"])
    (image,) = results.figures["transfer"]().axes[2].get_images()
    followed = trials["spectrum"].query("observer == 'listener 1' and q <= 0.05")["frequency_hz"]
    shown = np.isfinite(np.ma.filled(image.get_array(), np.nan)).all(axis=1)
    bottom, step = image.get_extent()[2], np.diff(image.get_extent()[2:])[0] / len(shown)
    assert set(np.flatnonzero(shown)) == set(((followed - bottom) / step).astype(int))


def test_a_rate_that_mains_could_pass_for_is_said_to_be_untestable(run_efr):
    source = SimulatedSweeps(n_listeners=2, n_sweeps=40, modulation_hz=50, sfreq=256, n_channels=2)
    rate = SteadyStateSettings(modulation_hz=50, n_harmonics=2)
    figure = run_efr(EfrConfig(recordings=source, following=False, steady_state=rate))[0].figures[
        "steady_state"
    ]()
    left, middle = figure.axes[:2]
    assert middle.get_title(loc="left") == "at 50 Hz, not testable"
    assert left.get_ylim()[0] == 0
    assert "grey: not testable" in figure.get_supxlabel()
