"""What ``cogattn efr`` found in each listener, as BIDS derivatives."""

from __future__ import annotations

from cogattn.eeg.derivatives.dataset import Part, data_set, unit_of
from cogattn.eeg.derivatives.tables import Column, Columns
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.steady import FILTERED
from cogattn.reporting.crate.deposit import UNSAID, Deposit
from cogattn.running.records import ConfigRecord
from cogattn.running.store import RunFolder

QUESTION = "Which frequencies of a sound's envelope does the brain follow, where, and is it more than noise and mains?"
CHANNEL = Column("The electrode's label; 'DSS, held out' is a spatial filter that had not seen the sweeps.")
FREQUENCY = Column("Frequency of the response.", "Hz")
RESPONSE = Column(
    "Which response.",
    levels={
        "as recorded": "the average of all sweeps",
        "envelope": "half the sum of both polarities of the sound",
        "fine structure": "half their difference",
    },
)
SWEEPS = Column("Sweeps.")
P = Column("Probability of so much without a response.")
DETECTION: Columns = {
    "response": RESPONSE,
    "detector": Column(
        "The test.",
        levels={
            "t2circ": "T2circ of complex amplitudes (Victor and Mast)",
            "msc": "magnitude-squared coherence",
            "hotelling_t2": "Hotelling's T2",
            "plv": "Rayleigh test of phase locking",
            "f_test": "F-test against neighbouring frequencies",
        },
    ),
    "channel": CHANNEL,
    "frequency_hz": FREQUENCY,
    "statistic": Column("Of the test."),
    "p": P,
    "q": Column("p after false-discovery control over channels and harmonics of one detector and response."),
    "testable": Column(
        "Whether it can be told from mains.",
        levels={"true": "yes", "false": "no: mains would pass for a response"},
    ),
    "n": SWEEPS,
}
GROWTH: Columns = {
    "response": RESPONSE,
    "channel": CHANNEL,
    "frequency_hz": FREQUENCY,
    "n": Column("Sweeps looked at, from the first."),
    "snr_db": Column("Signal to noise of the mean of so many sweeps.", "dB"),
    "p": Column("T2circ in so many sweeps; each look is one more chance."),
}
PITCH: Columns = {
    "response": RESPONSE,
    "score": Column(
        "What is scored of the tracking of F0.",
        levels={
            "strength": "correlation of the response with itself one period later",
            "error_hz": "mean distance from the sound's F0, in Hz",
            "correlation": "with the sound's F0 over time",
        },
    ),
    "value": Column("Of the score."),
    "lo": Column("Lower end of its 95 % interval."),
    "hi": Column("Upper end of its 95 % interval."),
    "p": Column("Probability that noise does as well, by sign-flipped averages."),
    "n": SWEEPS,
}
BANDS: Columns = {
    "measure": Column(
        "The curve.",
        levels={
            "response": "power of the EEG over its background",
            "transfer": "gain from envelope to EEG",
            "csd": "cross-spectral density over its background",
            "following": "mean coherence with the envelope",
        },
    ),
    "low_hz": Column("Lower edge of the dominant band.", "Hz"),
    "high_hz": Column("Upper edge.", "Hz"),
    "peak_hz": Column("Its peak.", "Hz"),
    "peak_lo_hz": Column("Peak, lower end of its 95 % interval.", "Hz"),
    "peak_hi_hz": Column("Peak, upper end of its 95 % interval.", "Hz"),
    "height": Column("Height of the peak: dB over the background, or coherence."),
    "height_lo": Column("Height, lower end of its 95 % interval."),
    "height_hi": Column("Height, upper end of its 95 % interval."),
    "touches_mask": Column(
        "Whether it touches what is masked because of mains.", levels={"true": "yes", "false": "no"}
    ),
    "followed": Column("Of its frequencies, those at which a channel follows the envelope."),
    "n": Column("Segments."),
}


def spectrum(unit: str) -> Columns:
    """What the columns of the spectrum mean, EEG being in `unit`."""
    return {
        "channel": CHANNEL,
        "frequency_hz": FREQUENCY,
        "usable": Column("Whether mains leave it usable.", levels={"true": "yes", "false": "no"}),
        "power": Column("Power spectral density of the EEG.", f"{unit}^2/Hz"),
        "coherence": Column("Squared coherence of envelope and EEG, debiased."),
        "coherence_lo": Column("Coherence, lower end of its 95 % interval."),
        "coherence_hi": Column("Coherence, upper end of its 95 % interval."),
        "p": Column("Against surrogates, their tail fitted by a Beta distribution."),
        "p_counted": Column("Against surrogates, counted."),
        "q": Column("p after false-discovery control over channels and frequencies."),
        "chance": Column("Coherence, not debiased, that 5 % of surrogates exceed."),
        "chance_mean": Column("Mean coherence of surrogates, not debiased."),
        "gain": Column("Gain from envelope to EEG, per unit of the envelope.", unit),
        "gain_lo": Column("Gain, lower end of its 95 % interval.", unit),
        "gain_hi": Column("Gain, upper end of its 95 % interval.", unit),
        "phase_rad": Column("Phase of the EEG relative to the envelope.", "rad"),
        "n": Column("Segments."),
    }


def amplitude(unit: str) -> Columns:
    """What the columns of amplitudes mean, EEG being in `unit`."""
    return {
        "response": RESPONSE,
        "channel": CHANNEL,
        "frequency_hz": FREQUENCY,
        "amplitude": Column("Amplitude of the mean over sweeps.", unit),
        "snr_db": Column("Ratio of its power to that of neighbouring frequencies.", "dB"),
        "ppc": Column("Pairwise phase consistency of sweeps; 0 by chance."),
        "n": SWEEPS,
    }


def derivatives(run: RunFolder, deposit: Deposit = UNSAID) -> dict[str, bytes]:
    """Return the files of a finished run of ``efr`` as a data set of BIDS derivatives.

    Parameters
    ----------
    run : RunFolder
        Finished.
    deposit : Deposit
        Authors and licence.

    Raises
    ------
    StoreError, DataError
        As `cogattn.eeg.derivatives.dataset.data_set`.
    """
    record = run.read(ConfigRecord)
    source = EfrConfig.parse(record.config if record else {}).recordings
    unit = unit_of(source)
    described: dict[str, tuple[str, str, Columns]] = {
        "detection": ("detection", "tests of a rate and its harmonics, by channel", DETECTION),
        "amplitude": (
            "amplitude",
            "amplitude, signal to noise and phase consistency, by channel",
            amplitude(unit),
        ),
        "growth": ("growth", "how the response comes out of the noise as sweeps add up", GROWTH),
        "pitch": ("pitch_score", "tracking of F0", PITCH),
        "spectrum": ("spectrum", "coherence, gain and phase by channel and frequency", spectrum(unit)),
        "bands": ("band", "dominant bands", BANDS),
    }
    parts = [
        Part(desc, about, run.trials(table), "observer", columns)
        for desc, (table, about, columns) in described.items()
    ]
    found: dict[str, list[str]] = {}
    for table in ("spectrum", "detection"):
        for person, own in run.trials(table).groupby("observer"):
            known = found.setdefault(str(person), [])
            known += [name for name in dict.fromkeys(own["channel"]) if name not in (*known, FILTERED)]
    return data_set(run, source, parts, channels=found, question=QUESTION, deposit=deposit)
