"""The adaptive design on simulated observers: it finds the channel, saves trials, repeats, and sees misfit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.adaptive import AdaptiveSession, fit_adaptive
from cogattn.psychophysics.masking.channel.fit import fit_channel
from cogattn.psychophysics.masking.channel.likelihood import Cells, ChannelModel, channel_parameters
from cogattn.psychophysics.masking.channel.maximum import fit_many
from cogattn.psychophysics.masking.design import NO_BAND
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra

SPECTRA = octave_spectra()
MODEL = ChannelModel.of(SPECTRA)
NETWORK = channel_parameters(2.3, 24, 80, steepness=0.9, top_accuracy=0.85)
Answer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def answers(theta: np.ndarray, rng: np.random.Generator) -> Answer:
    def answer(bands: np.ndarray, sds: np.ndarray) -> np.ndarray:
        p, _ = MODEL.slopes(theta[None], Cells.of(sds, np.maximum(bands, 0)))
        return rng.random(len(bands)) < p[0]

    return answer


def run(session: AdaptiveSession, answer: Answer) -> AdaptiveSession:
    while not session.finished:
        bands, sds = session.next_block()
        session.update(bands, sds, answer(bands, sds))
    return session


def test_the_asked_interval_is_reached_and_sessions_cover_the_truth() -> None:
    covered = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        session = run(AdaptiveSession(SPECTRA, interval_octaves=0.5, rng=rng), answers(NETWORK, rng))
        lo, hi = session.channel().bandwidth_interval
        assert session.reached
        assert hi - lo <= 0.5
        covered.append(lo <= 2.3 <= hi)
    assert np.mean(covered) > 0.81  # 0.95 less three standard errors


def test_trials_go_further_than_on_the_grid() -> None:
    """As many trials on the crossed grid give an interval at least 1.6 times as wide."""
    rng = np.random.default_rng(0)
    session = run(
        AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=720, rng=rng), answers(NETWORK, rng)
    )
    sds = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
    trials = np.full((100, 6, 7), 20)
    trials[:, 0, 1:] = 0
    fits = fit_many(rng.binomial(trials, MODEL.accuracy(NETWORK, sds)), trials, sds, SPECTRA)
    on_grid = np.median(np.exp(fits.intervals[:, 0, 1]) - np.exp(fits.intervals[:, 0, 0]))
    lo, hi = session.channel().bandwidth_interval
    assert on_grid > 1.6 * (hi - lo)


def test_same_generator_and_answers_give_the_same_trials() -> None:
    def trial_list(seed: int) -> list[tuple[int, float]]:
        session = AdaptiveSession(SPECTRA, max_trials=160, rng=np.random.default_rng(seed))
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
        AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=640, rng=rng), answers(NETWORK, rng)
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

    session = run(AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=1200, rng=rng), answer)
    assert session.channel().dispersion > 1.6


def test_dispersion_of_a_true_model_is_about_one() -> None:
    rng = np.random.default_rng(7)
    session = run(
        AdaptiveSession(SPECTRA, interval_octaves=1e-6, max_trials=1200, rng=rng), answers(NETWORK, rng)
    )
    assert session.channel().dispersion == pytest.approx(1, abs=0.4)


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


def test_corrected_intervals_are_wider_by_little() -> None:
    rng = np.random.default_rng(10)
    session = run(AdaptiveSession(SPECTRA, interval_octaves=0.4, rng=rng), answers(NETWORK, rng))
    counts = session.n_correct, session.n_trials, session.noise_sds
    plain = fit_channel(*counts, spectra=SPECTRA)
    corrected = fit_adaptive(*counts, spectra=SPECTRA)
    assert corrected.bandwidth_octaves == plain.bandwidth_octaves
    assert corrected.confidence == plain.confidence == 0.95
    ratio = np.diff(corrected.bandwidth_interval) / np.diff(plain.bandwidth_interval)
    assert 1 < ratio[0] < 1.4


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
