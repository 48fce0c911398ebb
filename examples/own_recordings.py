"""
Recordings of your own: which envelope frequencies does the EEG follow?
=======================================================================

EEG and the sound that was heard are files. The sound rarely begins with the recording; here it begins three seconds
later, where the recording has an event, and onsets are taken from it. The listener is simulated: two of four channels
follow the sound's envelope up to 8 Hz, a tenth of a second late, in noise twice as strong. That must be found; and if
one says, wrongly, that sound and recording begin together, nothing must be.

Takes some 20 s of one core and needs no download. On the command line it is ``cogattn efr --recordings.kind files
--recordings.files s1_raw.fif --recordings.stimuli story.wav``; BDF, EDF, BrainVision, EEGLAB and BIDS are read alike.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np
from scipy.io import wavfile
from scipy.signal import butter, sosfiltfilt

import cogattn

SOUND_HZ, EEG_HZ, SOUND_S, ONSET_S, DELAY_S = 8000, 128, 240, 3.0, 0.1
CHANNELS = ["Fz", "Cz", "Pz", "Oz"]
FOLLOWING = [0.5, 0.5, 0.0, 0.0]  # response of each channel, relative to the noise


def make_sound(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return noise whose level swings up to 8 Hz, (n_samples,), and that level at the EEG's rate, (n_times,)."""
    low = butter(4, 8, fs=EEG_HZ, output="sos")
    swing = sosfiltfilt(low, rng.standard_normal(SOUND_S * EEG_HZ))
    level = np.clip(1 + 0.5 * swing / swing.std(), 0, None)
    fine = np.interp(np.arange(SOUND_S * SOUND_HZ) / SOUND_HZ, np.arange(len(level)) / EEG_HZ, level)
    sound = fine * rng.standard_normal(len(fine))
    return sound / np.abs(sound).max(), level


def write_recording(folder: Path) -> None:
    """Write ``story.wav``, and ``s1_raw.fif`` in which it begins at the event "story"."""
    rng = np.random.default_rng(0)
    sound, level = make_sound(rng)
    wavfile.write(folder / "story.wav", SOUND_HZ, sound.astype(np.float32))
    eeg = rng.standard_normal((len(CHANNELS), (SOUND_S + 6) * EEG_HZ))
    first = round((ONSET_S + DELAY_S) * EEG_HZ)
    response = (level - level.mean()) / level.std()
    eeg[:, first : first + len(level)] += np.outer(FOLLOWING, response)
    raw = mne.io.RawArray(1e-5 * eeg, mne.create_info(CHANNELS, EEG_HZ, "eeg"), verbose="error")  # volts
    raw.set_annotations(mne.Annotations([ONSET_S], [0.0], ["story"]))
    raw.save(folder / "s1_raw.fif", verbose="error")


def following(folder: Path, align: str) -> cogattn.Run:
    """Return the run of the study of envelope following."""
    return cogattn.run(
        "efr",
        recordings={
            "kind": "files",
            "files": [folder / "s1_raw.fif"],
            "stimuli": [folder / "story.wav"],
            "align": align,
        },
        spectrum={"high_hz": 20},
        significance={"n_bootstrap": 50},
        workers=1,
        progress=False,
    )


def main() -> None:
    """Print the largest coherence, aligned by the event and wrongly from the start, and draw both spectra."""
    _, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    with tempfile.TemporaryDirectory() as folder:
        write_recording(Path(folder))
        for align in ("auto", "start"):
            run = following(Path(folder), align)
            row = run.summary.set_index("measure").loc["coherence.largest"]
            value = f"{row['estimate']:.3f} [{row['lo']:.3f}, {row['hi']:.3f}]"
            print(f"align {align}: largest coherence {value}; {row['note']}")
            spectrum = run.trials["spectrum"].query("channel == 'Fz'")
            axes.plot(spectrum["frequency_hz"], spectrum["coherence"], label=f"Fz, align {align}")
    axes.plot(spectrum["frequency_hz"], spectrum["chance"], "k:", label="chance, 95 %")
    axes.set(xlabel="frequency (Hz)", ylabel="coherence with the envelope")
    axes.legend()
    plt.show()


if __name__ == "__main__":
    main()
