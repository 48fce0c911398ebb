"""Coupling against scipy and the formulae of the papers; what volume conduction raises and what it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from cogattn.eeg.efr.coupling import pair_coupling
from cogattn.eeg.efr.spectra import welch_segments
from cogattn.errors import DataError

SETTINGS = {"sfreq": 128.0, "segment_s": 1.0, "band_hz": (4.0, 50.0)}


def mixed_sources(seed: int, seconds: float = 120) -> np.ndarray:
    """Five channels that see four independent sources at once, as through volume conduction."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((round(128 * seconds), 4)) @ rng.standard_normal((4, 5))


def test_cross_density_is_scipys():
    x = mixed_sources(0)
    coupling = pair_coupling(welch_segments([x], **SETTINGS))
    f, expected = scipy.signal.csd(x[:, 3], x[:, 1], 128, nperseg=128)  # scipy conjugates the first
    inside = (f >= 4) & (f <= 50)
    np.testing.assert_allclose(coupling.csd[:, 1, 3], expected[inside], rtol=1e-3, atol=1e-6)
    _, coherence = scipy.signal.coherence(x[:, 1], x[:, 3], 128, nperseg=128)
    np.testing.assert_allclose(coupling.coherence[:, 1, 3], coherence[inside], rtol=1e-3, atol=1e-5)


def test_phase_lag_indices_are_the_papers():
    spectra = welch_segments([mixed_sources(1)], **SETTINGS)
    coupling = pair_coupling(spectra)
    x = spectra.values.astype(np.complex128)
    imag = np.imag(x[:, :, None] * x[:, None].conj())  # (frequency, i, j, segment)
    off = ~np.eye(5, dtype=bool)
    wpli = np.abs(imag.mean(-1))[:, off] / np.abs(imag).mean(-1)[:, off]
    np.testing.assert_allclose(coupling.wpli[:, off], wpli, rtol=1e-3, atol=1e-4)
    squares = (imag**2).sum(-1)
    debiased = (imag.sum(-1) ** 2 - squares)[:, off] / (np.abs(imag).sum(-1) ** 2 - squares)[:, off]
    np.testing.assert_allclose(coupling.debiased_wpli[:, off], debiased, rtol=1e-2, atol=1e-4)


def test_volume_conduction_raises_coherence_but_no_lagged_measure():
    off = ~np.eye(5, dtype=bool)
    p, coherence, debiased = [], [], []
    for seed in range(40):
        coupling = pair_coupling(welch_segments([mixed_sources(seed, 60)], **SETTINGS))
        p.append(coupling.p_lagged[:, off])
        coherence.append((1 - coupling.coherence[:, off]) ** (coupling.n_effective - 1))
        debiased.append(coupling.debiased_wpli[:, off])
    assert np.mean(np.concatenate(coherence) < 0.05) > 0.75
    assert np.mean(np.concatenate(p) < 0.05) == pytest.approx(0.05, abs=0.01)
    assert np.mean(np.concatenate(debiased)) == pytest.approx(0, abs=0.002)


def test_a_lagged_source_is_seen_and_its_leader_has_positive_phase():
    x = mixed_sources(2)
    rng = np.random.default_rng(3)
    source = rng.standard_normal(len(x))
    x[:, 0] += 2 * source
    x[:, 1] += 2 * np.roll(source, 1)  # channel 1 lags by 8 ms
    coupling = pair_coupling(welch_segments([x], **SETTINGS))
    assert (coupling.p_lagged[10:, 0, 1] < 1e-4).all()
    assert (coupling.imaginary[10:, 0, 1] > 0.1).all()
    np.testing.assert_allclose(coupling.imaginary[:, 0, 1], -coupling.imaginary[:, 1, 0], atol=1e-6)


def test_the_unit_does_not_matter():
    x = mixed_sources(4)
    one = pair_coupling(welch_segments([x], **SETTINGS))
    tiny = pair_coupling(welch_segments([1e-7 * x], **SETTINGS))
    np.testing.assert_allclose(tiny.wpli, one.wpli, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(tiny.csd, 1e-14 * one.csd, rtol=1e-4, atol=1e-20)


def test_one_channel_or_a_silent_one_is_refused():
    x = mixed_sources(5)
    with pytest.raises(DataError, match="at least 2 signals"):
        pair_coupling(welch_segments([x[:, :1]], **SETTINGS))
    x[:, 2] = 0
    with pytest.raises(DataError, match="must have power"):
        pair_coupling(welch_segments([x], **SETTINGS))
