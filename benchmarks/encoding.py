"""Encoding models of listeners whose truth is known: which front end explains whom, by how much, and what is null.

Five listeners of each of three kinds hear the same eight pairs of talkers (two tones that rise and fall apart): they
follow the envelope, the low band, or how fast loudness changes. Prints a table of gains beyond the envelope with
intervals over listeners and draws ``docs/figures/encoding.png``:

    python benchmarks/encoding.py docs/figures/encoding.png
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.figures import encoding_figure
from cogattn.eeg.encoding.fronts import FrontEnd, build, of_module
from cogattn.eeg.encoding.listening import ceiling, encode
from cogattn.eeg.encoding.measures import ATTENDED, ATTENTION, GAIN, SHIFTED
from cogattn.eeg.encoding.rows import listener_table
from cogattn.eeg.encoding.simulate import RATE, SFREQ, Talker, recording_of, respond, two_bands
from cogattn.eeg.recordings.simulate_talkers import speech_kernel
from cogattn.figures import render
from cogattn.people.tables import mean_of

BAND_HZ = (1.0, 9.0)
SETTINGS = EncodingSettings(sound_hz=RATE, n_components=8)
WAVEFORM = SETTINGS.model_copy(update={"hears": "waveform", "window_s": 2.0})


class Changes(nn.Module):
    """Reads waveforms: how fast loudness changes, up or down."""

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        level = nn.functional.avg_pool1d(sound.abs()[:, None], 480, 80, padding=240)[:, 0]
        return torch.diff(level, dim=1, prepend=level[:, :1]).abs()[:, :, None]


def change_of(talker: Talker) -> np.ndarray:
    change = np.abs(np.diff(talker.envelope, prepend=talker.envelope[0]))
    return talker.envelope / talker.envelope.std() + change / change.std()


FOLLOWED = {
    "envelope": lambda talker: talker.envelope,
    "low band": lambda talker: talker.bands[:, 0],
    "changes": change_of,
}


class Remembering:
    """A front end that hears each sound once."""

    def __init__(self, front: FrontEnd) -> None:
        self.front, self.layers, self.kept = front, front.layers, {}

    def __call__(self, sound, rate):
        key = hash(sound.tobytes())
        if key not in self.kept:
            self.kept[key] = self.front(sound, rate)
        return self.kept[key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", type=Path, nargs="?")
    parser.add_argument("--listeners", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    talkers = [two_bands(rng, duration_s=30.0) for _ in range(16)]
    attended, ignored = talkers[:8], talkers[8:]
    sounds = {"attended": attended, "unattended": ignored}
    fronts = {
        "gammatone": Remembering(build("gammatone", SETTINGS, seed=0)),
        "spectrogram": Remembering(build("spectrogram", SETTINGS, seed=0)),
        "test_convnext, untrained": Remembering(build("test_convnext", SETTINGS, seed=0)),
        "changes of loudness": Remembering(of_module(Changes(), WAVEFORM)),
    }
    records, drawn, ceilings = [], [], {}
    for kind, followed in FOLLOWED.items():
        kernel = speech_kernel(rng, n_channels=8, sfreq=SFREQ)
        raws = [
            recording_of(
                respond(rng, [followed(t) for t in attended], snr_db=-12.0, kernel=kernel),
                attended,
                ignored,
                subject=f"listener {k + 1}",
            )
            for k in range(options.listeners)
        ]
        recordings = [raw.filtered(*BAND_HZ, streams=("attended", "unattended")) for raw in raws]
        for name, front in fronts.items():
            start = time.process_time()
            for raw, recording in zip(raws, recordings, strict=True):
                rows, _ = encode(
                    recording,
                    raw,
                    front,
                    lambda trial, role: (sounds[role][int(trial.name.split()[1])].sound, RATE),
                    SETTINGS,
                    band_hz=BAND_HZ,
                )
                records.append(rows.assign(kind=kind, listener=recording.subject, model=name))
            print(
                f"{kind}, {name}: {(time.process_time() - start) / len(raws):.1f} CPU s a listener",
                flush=True,
            )
        if kind == "low band":
            for own in recordings:
                ceilings[own.subject] = float(ceiling(own, recordings)["r"].mean())
    everything = pd.concat(records, ignore_index=True)
    for kind, own in everything.groupby("kind", sort=False):
        table = listener_table(own)
        drawn = table if kind == "low band" else drawn
        print(f"\nlisteners to {kind}")
        for (model, measure), rows in table.groupby(["model", "measure"], sort=False):
            if measure in (GAIN.key, SHIFTED.key, ATTENDED.key, ATTENTION.key):
                mean = mean_of(rows["estimate"].tolist(), "linear")
                print(f"  {model:26} {measure:24} {mean.estimate:7.4f} [{mean.lo:.4f}, {mean.hi:.4f}]")
    print(f"\nceiling (low band) {np.mean(list(ceilings.values())):.3f}")
    if options.figure:
        options.figure.write_bytes(render(encoding_figure(drawn, ceilings), "png"))


if __name__ == "__main__":
    main()
