"""Which gain is chosen, how often, and whether the free gain's intervals hold the truth whatever its shape."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cogattn.psychophysics.masking.channel.evidence import GainComparison, compare_gains, log_evidence
from cogattn.psychophysics.masking.channel.fit import every_gain, fit_channel, gains_table
from cogattn.psychophysics.masking.channel.gains import GainName
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters
from cogattn.psychophysics.masking.counts import published_counts, published_networks
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra

SDS = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
N_OBSERVERS = 200
TRUTHS: dict[GainName, tuple[tuple[float, float, float], tuple[float, ...]]] = {
    "log-gaussian": ((2.3, 24.0, 60.0), ()),
    "asymmetric": ((2.2, 22.0, 60.0), (-0.7,)),
    "free": ((2.4, 25.0, 70.0), (-0.17, -0.45, -0.95, 0.29)),  # as EfficientNet-lite0's, 128 images a cell
}


@cache
def simulated(truth: GainName, dispersion: float = 1.0, n: int = 100) -> tuple[GainComparison, np.ndarray]:
    """Comparison of gains over observers of one truth, and the truth's bandwidth, centre and peak (logarithms)."""
    base, own = TRUTHS[truth]
    model = ChannelModel.of(octave_spectra(), 16, truth)
    theta = np.concatenate([channel_parameters(*base, steepness=0.8, top_accuracy=0.9), own])
    rng = np.random.default_rng(5)
    p = np.repeat(model.accuracy(theta, SDS)[None], N_OBSERVERS, axis=0)
    if dispersion > 1:  # beta-binomial counts have this many times the variance of binomial ones
        both = (n - dispersion) / (dispersion - 1)
        p = rng.beta(p * both, (1 - p) * both)
    found = compare_gains(rng.binomial(n, p), np.full(p.shape, n), SDS, octave_spectra())
    return found, model.features(theta[None])[0][0]


def shares(chosen: np.ndarray) -> np.ndarray:
    return np.bincount(chosen, minlength=3) / len(chosen)


@pytest.mark.parametrize(("truth", "least"), [("log-gaussian", 0.85), ("asymmetric", 0.8), ("free", 0.8)])
def test_the_true_gain_is_chosen(truth: GainName, least: float) -> None:
    assert shares(simulated(truth)[0].chosen)[list(TRUTHS).index(truth)] > least


def test_counts_that_scatter_twice_as_much_do_not_make_a_gain_win() -> None:
    found, _ = simulated("log-gaussian", dispersion=2.0)
    assert shares(found.chosen)[0] > 0.8
    as_binomial = np.stack([log_evidence(fit) for fit in found.fits.values()], axis=1)
    assert shares(as_binomial.argmax(axis=1))[0] < 0.75
    assert found.dispersion.mean() == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("truth", list(TRUTHS))
def test_intervals_of_the_free_gain_hold_any_smooth_gain_s_width(truth: GainName) -> None:
    found, true = simulated(truth)
    covered = [
        ((fit.intervals[..., 0] <= true) & (true <= fit.intervals[..., 1])).mean(axis=0)
        for fit in found.fits.values()
    ]
    assert (covered[2] > 0.92).all()
    if truth == "free":
        assert covered[0][0] < 0.1  # the log-Gaussian's own interval is of another channel
        assert covered[1][0] < 0.1


def test_profile_intervals_of_the_asymmetric_gain_cover() -> None:
    found, true = simulated("asymmetric")
    ends = found.fits["asymmetric"].intervals
    covered = ((ends[..., 0] <= true) & (true <= ends[..., 1])).mean(axis=0)
    assert (covered > 0.91).all()
    assert (covered < 0.99).all()


def test_counts_cost_a_gain_s_own_parameters_as_far_as_they_determine_them() -> None:
    found, _ = simulated("log-gaussian")
    cells = 7 * len(SDS)
    assert set(found.fits["log-gaussian"].df) == {cells - 5}
    assert ((cells - 9 < found.fits["free"].df) & (found.fits["free"].df < cells - 5)).all()
    deviance = np.array([fit.deviance.mean() - fit.df.mean() for fit in found.fits.values()])
    assert deviance == pytest.approx(0, abs=2)


def test_weights_are_probabilities_and_the_table_says_what_is_chosen() -> None:
    counts = published_counts()
    found = every_gain(counts.n_correct, counts.n_trials, counts.noise_sds)
    for one in found:
        assert sum(channel.weight for channel in one.channels.values()) == pytest.approx(1)
        assert one.best.weight == max(channel.weight for channel in one.channels.values())
        assert one.under("auto") is one.best
    table = gains_table("ann", found[0])
    assert table["gain"].tolist() == list(TRUTHS)
    assert table["chosen"].sum() == 1
    assert table.loc[table["chosen"], "log_evidence"].item() == table["log_evidence"].max()
    assert table["log_evidence"].iloc[0] == 0
    alone = fit_channel(counts.n_correct[0], counts.n_trials[0], counts.noise_sds, gain="auto")
    assert alone.gain_name == found[0].chosen
    assert alone.bandwidth_octaves == pytest.approx(found[0].best.bandwidth_octaves, rel=1e-4)


def test_networks_counts_speak_for_a_gain_with_a_steeper_upper_flank_and_then_disperse_as_people_s() -> None:
    networks, people = published_networks(), published_counts()
    found = compare_gains(networks.n_correct, networks.n_trials, networks.noise_sds)
    evidence = (found.log_evidence - found.log_evidence[:, :1]).sum(axis=0)
    assert 0 < 50 < evidence[1] < evidence[2]
    assert np.median(found.fits["asymmetric"].parameters[:, 5]) < -0.5
    theirs = compare_gains(people.n_correct, people.n_trials, people.noise_sds).fits["free"].dispersion.mean()
    assert found.fits["free"].dispersion.mean() == pytest.approx(theirs, abs=0.1)
    assert found.fits["log-gaussian"].dispersion.mean() > theirs + 0.1
