"""What can be known to be wrong before the first cell: from settings, names, headers and events, without the EEG.

Recordings are opened but not loaded; the trigger channel alone is read, where triggers are codes. MATLAB layouts
have no header: small files are read, of large ones only the names are checked.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cogattn.eeg.efr.analysis import MOST_BLOCKS
from cogattn.eeg.efr.config import EfrConfig, SteadyStateSettings
from cogattn.eeg.efr.measures import ALL
from cogattn.eeg.efr.plan import listeners
from cogattn.eeg.efr.surrogates import MIN_SURROGATES
from cogattn.eeg.efr.sweep_cutting import LEAST_SWEEPS
from cogattn.eeg.efr.sweeps import harmonics
from cogattn.eeg.encoding.preflight import check as check_models
from cogattn.eeg.recordings.config import Files, Played
from cogattn.eeg.recordings.outline import Outline, check_people, check_triggers, outlines
from cogattn.eeg.recordings.presence import check_presence
from cogattn.errors import ConfigError, DataError
from cogattn.people.tables import read_persons

NOTHING_HEARD = "recordings.stimuli or recordings.audio_channel must tell what was heard"
LEAST_BLOCKS = 5
"""Of a bootstrap."""


def check(config: EfrConfig) -> None:
    """Refuse what cannot be analysed; see the module.

    Raises
    ------
    ConfigError, DataError
        One sentence that starts with the setting's path.
    """
    if config.humans:
        read_persons(config.humans, known=ALL)
    source = config.recordings
    check_presence(source)
    check_models(config.models, config.encoding, seed=config.seed, taken=listeners(config))
    averages = isinstance(source, Files) and source.content == "averages"
    if averages and config.following:
        raise ConfigError("following must be off when recordings.content is averages; got on")
    found = [outline() for _, outline in outlines(source, config.cleaning)]
    check_people(found)
    if isinstance(source, Played) and len(found) == len(listeners(config)):
        check_triggers(source, found)
    for outline in (analysed(config, one) for one in found):
        if config.following and not outline.streams:
            raise ConfigError(f"{NOTHING_HEARD}; got neither ({outline.subject})")
        if config.following:
            _check_following(config, outline)
        if config.steady_state is not None:
            _check_sweeps(config.steady_state, outline, averages=averages)


def analysed(config: EfrConfig, outline: Outline) -> Outline:
    """The outline at the rate of the analysis."""
    rate = min(outline.sfreq, config.sfreq)
    resampled = tuple(round(n * rate / outline.sfreq) for n in outline.n_times)
    heard = "stimulus" in outline.streams or config.talker in outline.streams
    return replace(outline, sfreq=rate, n_times=resampled, streams=("stimulus",) if heard else ())


def _check_following(config: EfrConfig, outline: Outline) -> None:
    """Channels, band and segments fit the recording."""
    spectrum, where, rate = config.spectrum, outline.subject, outline.sfreq
    if len(outline.channels) < 2:
        raise DataError(
            f"cleaning.channels must leave at least two EEG channels; got {', '.join(outline.channels)} ({where})"
        )
    if spectrum.high_hz >= rate / 2:
        raise ConfigError(
            f"spectrum.high_hz must lie below half of the sampling rate, {rate / 2:g} Hz ({where}); got "
            f"{spectrum.high_hz:g} Hz"
        )
    if spectrum.estimator == "multitaper" and spectrum.half_bandwidth_hz * spectrum.segment_s < 1:
        raise ConfigError(
            f"spectrum.half_bandwidth_hz must be at least 1 / segment_s = {1 / spectrum.segment_s:g} Hz; got "
            f"{spectrum.half_bandwidth_hz:g}"
        )
    length = round(spectrum.segment_s * rate)
    if length < 8 or length > max(outline.n_times):
        raise ConfigError(
            f"spectrum.segment_s must span at least 8 samples and fit into a trial; got {spectrum.segment_s:g} s, "
            f"while the longest trial lasts {max(outline.n_times) / rate:.4g} s ({where})"
        )
    _check_blocks(config, outline, length)


def _check_blocks(config: EfrConfig, outline: Outline, length: int) -> None:
    """There are enough blocks for the bootstrap, and enough surrogates; `length` is a segment's, in samples."""
    spectrum, significance, rate = config.spectrum, config.significance, outline.sfreq
    overlap = spectrum.overlap if spectrum.estimator == "welch" else 0.0
    hop = max(1, round(length * (1 - overlap)))
    segments = [max(0, (n - length) // hop + 1) for n in outline.n_times]
    total_s = sum(segments) * hop / rate
    per_block = max(1, round(max(significance.block_s, total_s / MOST_BLOCKS) * rate / hop))
    n_blocks = sum(-(-n // per_block) for n in segments)
    if n_blocks < LEAST_BLOCKS:
        raise ConfigError(
            f"significance.block_s must leave at least {LEAST_BLOCKS} blocks to resample; got {n_blocks} of "
            f"{significance.block_s:g} s ({outline.subject} lasts {outline.duration_s:.4g} s)"
        )
    _check_surrogates(config, outline, sum(segments), hop / rate)


def _check_surrogates(config: EfrConfig, outline: Outline, n_segments: int, hop_s: float) -> None:
    """There are as many surrogates as calling anything at alpha takes."""
    significance = config.significance
    least = max(MIN_SURROGATES, int(np.ceil(1 / significance.alpha - 1 - 1e-9)))
    needs = f"at least {least} surrogates, without which nothing reaches alpha = {significance.alpha:g}"
    if significance.surrogates == "phase" and significance.n_shuffles < least:
        raise ConfigError(f"significance.n_shuffles must be {needs}; got {significance.n_shuffles}")
    nearest = max(1, int(np.ceil(significance.min_shift_s / hop_s)))
    n_shifts = max(0, n_segments - 2 * nearest + 1)
    if significance.surrogates == "shift" and n_shifts < least:
        raise ConfigError(
            f"significance.min_shift_s must leave {needs}; got {n_shifts} shifts of {outline.duration_s:.4g} s "
            f"({outline.subject}); shorten it or spectrum.segment_s, or record longer"
        )


def _check_sweeps(settings: SteadyStateSettings, outline: Outline, *, averages: bool) -> None:
    """The rate can be seen in the sweeps, and there are enough of them."""
    rate, where = outline.sfreq, outline.subject
    if settings.modulation_hz >= rate / 2:
        raise ConfigError(
            f"steady_state.modulation_hz must lie below half of the sampling rate, {rate / 2:g} Hz ({where}); got "
            f"{settings.modulation_hz:g} Hz"
        )
    exact = settings.sweep_s * rate
    n_times = round(exact)
    if n_times < 2 or abs(exact - n_times) > 1e-6 * exact:
        raise ConfigError(
            f"steady_state.sweep_s must be whole samples; got {settings.sweep_s:g} s, {exact:.3f} samples at "
            f"{rate:g} Hz ({where})"
        )
    rates = harmonics(settings.modulation_hz, below_hz=rate / 2, most=settings.n_harmonics)
    cycles = rates * n_times / rate
    if (np.abs(cycles - np.round(cycles)) > 0.01).any():
        whole = max(1, round(cycles[0])) / settings.modulation_hz
        raise ConfigError(
            f"steady_state.sweep_s must hold whole cycles of the rate; got {settings.sweep_s:g} s, {cycles[0]:.3f} "
            f"cycles of {settings.modulation_hz:g} Hz; cut sweeps at {whole:.6g} s"
        )
    n_used = max(outline.n_times) // n_times if averages else _check_counts(settings, outline, n_times)
    _check_neighbours(settings, rates * n_times * n_used / rate, n_times * n_used // 2 + 1)
    if settings.f0_low_hz is not None and settings.f0_high_hz is not None:
        _check_f0(settings, settings.f0_low_hz, settings.f0_high_hz, outline)


def _check_counts(settings: SteadyStateSettings, outline: Outline, n_times: int) -> int:
    """Sweeps there are, of each polarity where they are parted."""
    first = round(settings.start_s * outline.sfreq)
    counts = [max(0, n - first + 1) // n_times for n in outline.n_times]
    total = sum(counts)
    if total < LEAST_SWEEPS:
        raise ConfigError(
            f"steady_state.sweep_s must leave at least {LEAST_SWEEPS} sweeps; got {total} of {settings.sweep_s:g} s "
            f"({outline.subject} lasts {outline.duration_s:.4g} s in {len(counts)} trials)"
        )
    if not settings.alternating and not settings.inverted:
        return total
    down = sum(n for n, code in zip(counts, outline.codes, strict=True) if code in settings.inverted)
    down = total // 2 if settings.alternating else down
    fewer = min(down, total - down)
    if fewer < LEAST_SWEEPS:
        setting = "alternating" if settings.alternating else "inverted"
        raise ConfigError(
            f"steady_state.{setting} must leave at least {LEAST_SWEEPS} sweeps of each polarity; got "
            f"{total - down} and {down} ({outline.subject})"
        )
    return fewer


def _check_neighbours(settings: SteadyStateSettings, bins: np.ndarray, n_bins: int) -> None:
    """The spectrum of all sweeps end to end has the neighbours that the F-test takes for noise."""
    reach = settings.n_side + 1  # the bin next to the rate is left out
    nearest = min(round(bins.min()), n_bins - 1 - round(bins.max()))
    if nearest < reach:
        raise ConfigError(
            f"steady_state.n_side must leave {reach} bins on each side of every harmonic; got {settings.n_side} with "
            f"{nearest} bins to the end of the spectrum"
        )


def _check_f0(settings: SteadyStateSettings, low_hz: float, high_hz: float, outline: Outline) -> None:
    rate, where = outline.sfreq, outline.subject
    if not outline.streams:
        raise ConfigError(
            "steady_state.f0_low_hz must go with recordings.stimuli or recordings.audio_channel; got neither"
        )
    if high_hz >= rate / 2:
        raise ConfigError(
            f"steady_state.f0_high_hz must lie below half of the sampling rate, {rate / 2:g} Hz ({where}); got "
            f"{high_hz:g} Hz"
        )
    window = round(settings.f0_window_s * rate)
    if window < 2 * np.ceil(rate / low_hz) or window > round(settings.sweep_s * rate):
        raise ConfigError(
            f"steady_state.f0_window_s must hold two periods of f0_low_hz and fit into a sweep; got "
            f"{settings.f0_window_s:g} s with {low_hz:g} Hz and sweeps of {settings.sweep_s:g} s"
        )
