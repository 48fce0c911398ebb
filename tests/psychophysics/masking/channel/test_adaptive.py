"""The adaptive design on simulated observers, exact and like measured networks: it finds what a grid would find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.adaptive import GRID_SDS, AdaptiveSession, fit_adaptive
from cogattn.psychophysics.masking.channel.fit import Channel, fit_channel
from cogattn.psychophysics.masking.channel.likelihood import Cells, ChannelModel, channel_parameters
from cogattn.psychophysics.masking.channel.maximum import fit_many
from cogattn.psychophysics.masking.channel.simulated import SimulatedObserver
from cogattn.psychophysics.masking.design import NO_BAND, count_correct
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra

SPECTRA = octave_spectra()
MODEL = ChannelModel.of(SPECTRA)
NETWORK = channel_parameters(2.3, 24, 80, steepness=0.9, top_accuracy=0.85)
SURFACES = Path(__file__).parent / "data" / "response_surfaces.csv"
Answer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def answers(theta: np.ndarray, rng: np.random.Generator) -> Answer:
    def answer(bands: np.ndarray, sds: np.ndarray) -> np.ndarray:
        p, _ = MODEL.slopes(theta[None], Cells.of(sds, np.maximum(bands, 0)))
        return rng.random(len(bands)) < p[0]

    return answer


def measured(network: str) -> tuple[SimulatedObserver, np.ndarray]:
    """A measured network's surface, and the channel that the full grid gives on it."""
    table = pd.read_csv(SURFACES).query("observer == @network")
    correct, trials, sds = count_correct(
        table.rename(columns={"n_correct": "correct", "n_trials": "n"}), n_bands=len(SPECTRA.power)
    )
    observer = SimulatedObserver.like(correct, trials, sds)
    many = np.full((1, len(GRID_SDS), len(SPECTRA.power)), 10_000)
    many[:, 0, 1:] = 0
    fits = fit_many(np.round(many * observer.grid(GRID_SDS)), many, GRID_SDS, SPECTRA)
    return observer, fits.parameters[0]


def run(session: AdaptiveSession, answer: Answer) -> AdaptiveSession:
    while not session.finished:
        bands, sds = session.next_block()
        session.update(bands, sds, answer(bands, sds))
    return session


def errors(channel: Channel, truth: np.ndarray) -> np.ndarray:
    """Errors of ln bandwidth and ln centre in units of what the 95 % intervals claim."""
    found = np.log([channel.bandwidth_octaves, channel.center_cpi])
    claimed = np.diff(np.log([channel.bandwidth_interval, channel.center_interval]))[:, 0] / 3.92
    return (found - [truth[0], np.log(2) * truth[1]]) / claimed


@pytest.mark.slow
def test_the_asked_interval_is_reached_and_sessions_cover_the_truth() -> None:
    """Of 5 squared errors in claimed units the mean stays below 4.10 in 99.9 % of cases (chi-square)."""
    missed = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        session = run(AdaptiveSession(SPECTRA, block=64, rng=rng), answers(NETWORK, rng))
        channel = session.channel()
        assert session.reached
        assert np.diff(channel.bandwidth_interval)[0] <= 0.5
        missed.append(errors(channel, NETWORK))
    assert (np.mean(np.square(missed), axis=0) < 4.1).all()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["efficientnet_lite0"])
def test_sessions_find_what_the_grid_would_find_on_a_real_network(network: str) -> None:
    """Its surface is no log-Gaussian channel's; the bound is as above, for 6."""
    observer, truth = measured(network)
    missed = []
    for seed in range(6):
        rng = np.random.default_rng([seed, 1])
        session = AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=512, block=64, rng=rng)
        run(session, lambda bands, sds, rng=rng: rng.random(len(bands)) < observer.accuracy(bands, sds))
        missed.append(errors(session.channel(), truth))
    assert (np.mean(np.square(missed), axis=0) < 3.74).all()


def test_what_the_grid_finds_does_not_depend_on_where_the_trials_lie() -> None:
    """Answers without end, two levels a band, lead to the grid's channel; a plain fit goes elsewhere."""
    observer, truth = measured("efficientnet_lite0")
    sds = np.array([0, 0.0071, 0.01, 0.0141, 0.02, 0.0283, 0.04, 0.0566, 0.08, 0.1131, 0.16])
    near = np.abs(np.log2(sds[1:, None] / observer.thresholds)) < 0.5  # of each band's threshold
    trials = np.concatenate([np.eye(1, 7), near]) * 4000
    correct = np.round(trials * observer.grid(sds))
    found = fit_adaptive(correct, trials, sds, spectra=SPECTRA)
    plain = fit_channel(correct, trials, sds, spectra=SPECTRA)
    away = [
        np.log([c.bandwidth_octaves, c.center_cpi]) - [truth[0], np.log(2) * truth[1]] for c in (found, plain)
    ]
    assert np.abs(away[0]).max() < 0.02
    assert np.abs(away[1]).max() > 0.1


def test_trials_go_further_than_on_the_grid() -> None:
    """As many trials on the crossed grid give an interval at least 1.3 times as wide."""
    rng = np.random.default_rng(0)
    session = AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=720, block=72, rng=rng)
    run(session, answers(NETWORK, rng))
    sds = np.array(GRID_SDS)
    trials = np.full((100, 6, 7), 20)
    trials[:, 0, 1:] = 0
    fits = fit_many(rng.binomial(trials, MODEL.accuracy(NETWORK, sds)), trials, sds, SPECTRA)
    on_grid = np.median(np.exp(fits.intervals[:, 0, 1]) - np.exp(fits.intervals[:, 0, 0]))
    lo, hi = session.channel().bandwidth_interval
    assert on_grid > 1.3 * (hi - lo)


def test_same_generator_and_answers_give_the_same_trials() -> None:
    def trial_list(seed: int) -> list[tuple[int, float]]:
        session = AdaptiveSession(SPECTRA, max_trials=128, rng=np.random.default_rng(seed))
        answer, shown = answers(NETWORK, np.random.default_rng(9)), []
        while not session.finished:
            bands, sds = session.next_block()
            shown += list(zip(bands.tolist(), sds.tolist(), strict=True))
            session.update(bands, sds, answer(bands, sds))
        return shown

    assert trial_list(1) == trial_list(1)
    assert trial_list(1) != trial_list(2)


def test_an_observer_who_guesses_ends_at_max_trials_without_a_number() -> None:
    rng = np.random.default_rng(3)
    session = run(
        AdaptiveSession(SPECTRA, max_trials=300, block=40, rng=rng),
        lambda bands, sds: rng.random(len(bands)) < 1 / 16,
    )
    assert session.n_trials.sum() == 300
    assert not session.reached
    channel = session.channel()
    assert not channel.identified
    assert np.isnan(channel.bandwidth_octaves)


def test_a_perfect_observer_ends_at_max_trials_without_a_number() -> None:
    rng = np.random.default_rng(4)
    session = run(
        AdaptiveSession(SPECTRA, max_trials=200, rng=rng), lambda bands, sds: np.ones(len(bands), dtype=bool)
    )
    assert np.isnan(session.channel().bandwidth_octaves)


def test_every_band_and_the_clean_image_are_visited() -> None:
    rng = np.random.default_rng(5)
    session = run(
        AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=640, block=64, rng=rng),
        answers(NETWORK, rng),
    )
    assert (session.n_trials[1:].sum(axis=0) >= 15).all()
    assert session.n_trials[0].sum() >= 15
    assert session.n_trials[0, 1:].sum() == 0


def test_an_observer_with_two_channels_shows_in_the_deviance() -> None:
    """Channels at 5 and 60 cycles per image: no log-Gaussian gain fits, and the design must not hide it."""
    low = channel_parameters(0.8, 5, 60, steepness=1, top_accuracy=0.85)
    high = channel_parameters(0.8, 60, 60, steepness=1, top_accuracy=0.85)
    rng = np.random.default_rng(6)

    def answer(bands: np.ndarray, sds: np.ndarray) -> np.ndarray:
        cells = Cells.of(sds, np.maximum(bands, 0))
        p = np.minimum(MODEL.slopes(low[None], cells)[0], MODEL.slopes(high[None], cells)[0])
        return rng.random(len(bands)) < p[0]

    session = run(
        AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=1200, block=100, rng=rng), answer
    )
    assert session.channel().dispersion > 1.6


def test_dispersion_of_a_true_model_is_about_one() -> None:
    found = []
    for seed in range(7, 10):
        rng = np.random.default_rng(seed)
        session = AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=800, block=100, rng=rng)
        found.append(run(session, answers(NETWORK, rng)).channel().dispersion)
    assert np.mean(found) == pytest.approx(1, abs=0.35)


def test_noise_stays_within_its_limits_and_blocks_within_their_size() -> None:
    session = AdaptiveSession(
        SPECTRA, min_sd=0.01, max_sd=0.08, block=50, max_trials=120, rng=np.random.default_rng(8)
    )
    answer, sizes = answers(NETWORK, np.random.default_rng(0)), []
    while not session.finished:
        bands, sds = session.next_block()
        assert ((sds == 0) == (bands == NO_BAND)).all()
        assert sds[sds > 0].min() >= 0.01 - 1e-12
        assert sds.max() <= 0.08
        sizes.append(len(bands))
        session.update(bands, sds, answer(bands, sds))
    assert sizes == [50, 50, 20]


def test_trials_that_could_not_be_shown_may_be_left_out() -> None:
    session = AdaptiveSession(SPECTRA, max_trials=100, rng=np.random.default_rng(9))
    bands, sds = session.next_block()
    session.update(bands[:20], sds[:20], np.ones(20, dtype=bool))
    assert session.n_trials.sum() == 20
    session.update([], [], [])
    assert session.n_trials.sum() == 20


def test_on_the_grid_itself_the_channel_is_the_plain_fits_with_wider_intervals() -> None:
    sds = np.array(GRID_SDS)
    trials = np.full((6, 7), 20)
    correct = np.random.default_rng(10).binomial(trials, MODEL.accuracy(NETWORK, sds))
    plain = fit_channel(correct, trials, sds, spectra=SPECTRA)
    found = fit_adaptive(correct, trials, sds, spectra=SPECTRA)
    error = plain.standard_errors[0]
    assert found.bandwidth_octaves == pytest.approx(plain.bandwidth_octaves, abs=0.5 * error)
    assert found.center_cpi == pytest.approx(plain.center_cpi, abs=0.5 * plain.standard_errors[1])
    assert found.confidence == plain.confidence == 0.95
    ratio = np.diff(found.bandwidth_interval) / np.diff(plain.bandwidth_interval)
    assert 1 < ratio[0] < 1.8
    narrow = fit_adaptive(correct, trials, sds, spectra=SPECTRA, confidence=0.5)
    assert np.diff(narrow.bandwidth_interval) < 0.5 * np.diff(found.bandwidth_interval)
    assert found.standard_errors[0] == pytest.approx(np.diff(found.bandwidth_interval)[0] / 3.92, rel=0.2)


def test_the_interval_of_a_session_is_that_of_its_counts_alone() -> None:
    """A summary knows the SDs that were shown, not those that might have been."""
    rng = np.random.default_rng(11)
    session = AdaptiveSession(
        SPECTRA, interval_octaves=1e-6, max_trials=256, block=64, min_sd=0.0005, rng=rng
    )
    run(session, answers(NETWORK, rng))
    shown = session.n_trials.any(axis=1)
    again = fit_adaptive(
        session.n_correct[shown], session.n_trials[shown], session.noise_sds[shown], spectra=SPECTRA
    )
    assert not shown.all()
    assert again.bandwidth_interval == pytest.approx(session.channel().bandwidth_interval, rel=1e-3)


@pytest.mark.parametrize(
    ("bands", "sds", "correct", "message"),
    [
        ([1, 2], [0.01], [True, True], "one length"),
        ([7], [0.16], [True], "those of the design"),
        ([1], [0.5], [True], "those of the design"),
    ],
)
def test_answers_to_other_trials_are_refused(
    bands: list[int], sds: list[float], correct: list[bool], message: str
) -> None:
    session = AdaptiveSession(SPECTRA, max_sd=0.16, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match=message):
        session.update(bands, sds, correct)


def test_limits_of_the_noise_must_rise() -> None:
    with pytest.raises(DataError, match="min_sd and max_sd"):
        AdaptiveSession(SPECTRA, min_sd=0.2, max_sd=0.1, rng=np.random.default_rng(0))
