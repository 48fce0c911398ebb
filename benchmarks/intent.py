"""Gain in SI-SDR of a mixture that is enhanced by a decoded envelope, against the decoder's correlation.

Two corpora of test mixtures of two equally loud talkers: six synthetic voices (espeak-ng) reading matrix sentences, and
people reading audiobooks (the excerpts in the wheel of naplib). Priors were chosen, and the worth of each decoder is
learned, on six other synthetic voices only. The decoded envelope is the attended talker's, band-passed, in noise of the
same modulation spectrum at a given correlation; or it is decoded by ridge from simulated EEG (--part eeg).

    pip download --no-deps naplib && unzip -j naplib*.whl naplib/io/sample_data/demo_data.mat   # needs h5py to read
    for part in tune components loudness separated eeg; do
        python benchmarks/intent.py --part $part --readers demo_data.mat --out DIR; done
    python benchmarks/intent.py --part figure --out DIR      # draws docs/figures/intent_gain.png

espeak-ng must be installed; each part takes one to three minutes on one core.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from cogattn.eeg.aad.metrics import correlation, window_correlation
from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.intent import (
    LOUDNESS_ONLY,
    Band,
    EnvelopeEnhancer,
    Prior,
    Selector,
    SeparatedTalkers,
    Tracking,
    blend,
    condition,
    si_sdr,
)
from cogattn.eeg.intent.components import SOUND_SFREQ
from cogattn.eeg.intent.enhancing import TakenApart, take_apart
from cogattn.eeg.recordings.envelope import Envelope, read_audio
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_eeg
from cogattn.figures import SERIES, draw_estimate, new_figure, render, style
from cogattn.statistics.intervals import mean_interval

BAND = Band(1.0, 9.0, 32.0)
R = (1.0, 0.6, 0.3, 0.2, 0.15, 0.1, 0.05, 0.0)
SNR_DB = (0.0, -12.0, -20.0, -26.0, -32.0, -38.0)
LENGTH_S, WINDOW_S, LEAK = 50.0, 5.0, 0.25
WORDS = (
    "Peter Anna Thomas Rachel William Lucy Alan Kathy Steven Nina",
    "bought sees wants gives kept sold wins ordered sorts likes",
    "two three four five six seven eight nine twelve fifteen",
    "large small old dark heavy green cheap pretty red white",
    "desks chairs tables toys spoons windows houses rings flowers ships",
)
VOICES = (
    ("en-gb", 30, 165), ("en-us+f2", 55, 150), ("en-gb-scotland+m3", 25, 175), ("en-gb-x-rp+f3", 65, 160),
    ("en-us+m7", 40, 140), ("en-gb+f5", 50, 170), ("en-029+m1", 35, 155), ("en-gb-x-gbclan+f4", 60, 180),
    ("en-us-nyc+m4", 45, 150), ("en-gb-x-gbcwmd+f1", 70, 165), ("en-us+m2", 20, 170), ("en-gb+f2", 80, 145),
)  # fmt: skip
"""Voice, pitch, words per minute; the first six to tune on, the others to test."""
READER_PAIRS = (
    (0, 3),
    (4, 1),
    (2, 5),
    (9, 7),
    (8, 3),
    (5, 8),
    (0, 2),
    (7, 1),
    (3, 4),
    (9, 5),
    (1, 8),
    (4, 9),
)
"""Excerpts: six pairs of a lower and a higher voice, six of like voices."""


@dataclass(frozen=True)
class Mixture:
    corpus: str
    name: str
    attended: np.ndarray
    other: np.ndarray

    @property
    def sound(self) -> np.ndarray:
        return self.attended + self.other

    @property
    def gain_free(self) -> float:
        return si_sdr(self.sound, self.attended)

    @cached_property
    def parts(self) -> TakenApart:
        return take_apart(self.sound, audio_sfreq=SOUND_SFREQ)


def sentences(rng: np.random.Generator, n: int) -> str:
    matrix = [row.split() for row in WORDS]
    return " ".join(
        " ".join(row[rng.integers(10)] for row in matrix) + rng.choice([".", ",", ";"]) for _ in range(n)
    )


def voice(i: int) -> np.ndarray:
    name, pitch, speed = VOICES[i]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "voice.wav"
        text = sentences(np.random.default_rng(i), 70)
        subprocess.run(
            ["espeak-ng", "-v", name, "-p", str(pitch), "-s", str(speed), "-w", str(file), text], check=True
        )
        return resample(*read_audio(file), SOUND_SFREQ)


def mixtures(sounds: dict[int, np.ndarray], pairs, corpus: str, *, apart: bool) -> list[Mixture]:
    """Pairs of talkers of unit power; the second of a voice that says other sentences where `apart`."""
    n = round(LENGTH_S * SOUND_SFREQ)
    made = []
    for a, b in pairs:
        first, second = sounds[a][:n], sounds[b][n : 2 * n] if apart else sounds[b][:n]
        made.append(Mixture(corpus, f"{a}+{b}", first / first.std(), second / second.std()))
    return made


def tuning() -> list[Mixture]:
    pairs = ((0, 1), (3, 2), (4, 5), (1, 2), (0, 4), (5, 3))
    return mixtures({i: voice(i) for i in range(6)}, pairs, "tuning", apart=True)


def tests(readers: Path | None) -> list[Mixture]:
    pairs = [(a, b) for a, b in itertools.permutations(range(6, 12), 2) if (a + 2 * b) % 5 in (0, 2)]
    made = mixtures({i: voice(i) for i in range(6, 12)}, pairs, "synthetic voices", apart=True)
    if readers is not None:
        made += mixtures(read_readers(readers), READER_PAIRS, "people reading", apart=False)
    return made


def read_readers(path: Path) -> dict[int, np.ndarray]:
    import h5py

    with h5py.File(path) as file:
        found = {
            i: (np.asarray(file[sound]).ravel().astype(float), float(np.asarray(file[rate]).ravel()[0]))
            for i, (sound, rate) in enumerate(
                zip(file["out/sound"][:].ravel(), file["out/soundf"][:].ravel(), strict=True)
            )
        }
    return {i: resample(sound, rate, SOUND_SFREQ) for i, (sound, rate) in found.items()}


def envelope(sound: np.ndarray) -> np.ndarray:
    return BAND.of(Envelope(sfreq=BAND.sfreq)(sound, SOUND_SFREQ))


def decoded_at(r: float, target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The envelope in noise of its own spectrum, at exactly this correlation."""
    z = (target - target.mean()) / target.std()
    spectrum = np.abs(np.fft.rfft(z)) * np.exp(2j * np.pi * rng.random(z.size // 2 + 1))
    noise = np.fft.irfft(spectrum, z.size)
    noise -= noise.mean() + (noise @ z) / (z @ z) * z
    return r * z + np.sqrt(1 - r * r) * noise / noise.std()


def learned(trials: list[Mixture], decoded: list[np.ndarray]) -> Tracking:
    return Tracking.fit(decoded, [(m.attended, m.other) for m in trials], band=BAND)


def gains(trials: list[Mixture], decoded: list[np.ndarray], tracking: Tracking, prior: Prior) -> list[float]:
    enhance = EnvelopeEnhancer(tracking, prior)
    return [
        si_sdr(enhance.enhance(m.parts, d), m.attended) - m.gain_free
        for m, d in zip(trials, decoded, strict=True)
    ]


def at(r: float, trials: list[Mixture], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, round(1000 * r)])
    return [decoded_at(r, envelope(m.attended), rng) for m in trials]


def tune() -> pd.DataFrame:
    """Mean gain on the tuning mixtures, the worth of the decoder learned on the same."""
    trials, rows = tuning(), []
    grid = [
        Prior(lasting=lasting, kinship=kinship, gain=gain)
        for lasting in (0.03, 0.06, 0.12, 0.2)
        for kinship, gain in ((0.0, 0.0), (0.5, 0.0), (0.5, 0.08))
    ]
    for prior in grid:
        for r in (0.6, 0.3, 0.1):
            decoded = at(r, trials, 0)
            found = gains(trials, decoded, learned(trials, decoded), prior)
            rows.append({**vars(prior), "r": r, "mean": np.mean(found), "least": np.min(found)})
    return pd.DataFrame(rows)


def curve(prior: Prior, readers: Path | None) -> pd.DataFrame:
    trials, before, rows = tests(readers), tuning(), []
    for r in R:
        tracking = learned(before, at(r, before, 1))
        for m, gain in zip(trials, gains(trials, at(r, trials, 2), tracking, prior), strict=True):
            rows.append({"corpus": m.corpus, "mixture": m.name, "r": r, "gain_db": gain})
    return pd.DataFrame(rows)


def separated(readers: Path | None) -> pd.DataFrame:
    """A stand-in for a separation model, 12 dB: what the same envelope is worth when talkers are given."""
    trials, before, rows = tests(readers), tuning(), []
    for r in R:
        selector = Selector.fit(np.concatenate(margins(before, at(r, before, 1))), window_s=WINDOW_S)
        for m, d in zip(trials, at(r, trials, 2), strict=True):
            talkers = [m.attended + LEAK * m.other, m.other + LEAK * m.attended]
            n, k = round(WINDOW_S * SOUND_SFREQ), round(WINDOW_S * BAND.sfreq)
            soft, hard = [], []
            for i in range(round(LENGTH_S / WINDOW_S)):
                cut = [t[i * n : (i + 1) * n] for t in talkers]
                scene = SeparatedTalkers(lambda mixture, sfreq, cut=cut: cut, selector, BAND)
                target = m.attended[i * n : (i + 1) * n]
                found = condition(
                    m.sound[i * n : (i + 1) * n], d[i * k : (i + 1) * k], audio_sfreq=SOUND_SFREQ, scene=scene
                )
                free = si_sdr(m.sound[i * n : (i + 1) * n], target)
                pick = replace(
                    found.intent, probabilities=np.eye(2)[int(found.intent.probabilities.argmax())]
                )
                soft.append(si_sdr(found.output, target) - free)
                hard.append(si_sdr(blend(cut, pick, sfreq=SOUND_SFREQ), target) - free)
            row = {"corpus": m.corpus, "mixture": m.name, "r": r}
            rows.append({**row, "soft_db": np.mean(soft), "hard_db": np.mean(hard)})
    return pd.DataFrame(rows)


def margins(trials: list[Mixture], decoded: list[np.ndarray]) -> list[np.ndarray]:
    length = round(WINDOW_S * BAND.sfreq)
    return [
        window_correlation(d, envelope(m.attended), length=length)
        - window_correlation(d, envelope(m.other), length=length)
        for m, d in zip(trials, decoded, strict=True)
    ]


def from_eeg(readers: Path | None) -> pd.DataFrame:
    """Ridge learned on half the tuning mixtures, its worth on the other half, used on the test mixtures."""
    trials, before, rows = tests(readers), tuning(), []
    everything = before + trials
    envelopes = [[Envelope(sfreq=64.0)(s, SOUND_SFREQ) for s in (m.attended, m.other)] for m in everything]
    targets = [envelope(m.attended) for m in everything]
    for snr_db in SNR_DB:
        rng = np.random.default_rng(7)
        listener = draw_listener(rng, name="S", n_channels=32, sfreq=64.0, snr_db=snr_db)
        eeg = [simulate_eeg(rng, listener, a, u, sfreq=64.0) for a, u in envelopes]
        eeg = [BAND.of(resample(x - x.mean(axis=0), 64.0, BAND.sfreq)) for x in eeg]
        n, halves = len(before), ([0, 1, 2], [3, 4, 5])
        known = {}
        for train, held_out in (halves, halves[::-1]):
            model = RidgeDecoder(BAND.sfreq).fit([eeg[k] for k in train], [targets[k] for k in train])
            known |= {k: model.predict(eeg[k]) for k in held_out}
        tracking = learned(before, [known[k] for k in range(n)])
        model = RidgeDecoder(BAND.sfreq).fit(eeg[:n], targets[:n])
        decoded = [model.predict(x) for x in eeg[n:]]
        found = gains(trials, decoded, tracking, Prior())
        for m, d, y, gain in zip(trials, decoded, targets[n:], found, strict=True):
            row = {"corpus": m.corpus, "mixture": m.name, "snr_db": snr_db}
            rows.append({**row, "r": float(correlation(d, y)), "gain_db": gain})
    return pd.DataFrame(rows)


def table(rows: pd.DataFrame, column: str, by: str = "r") -> str:
    lines = []
    for key, own in rows.groupby(["corpus", by], sort=False):
        found = mean_interval(own[column].to_numpy(float))
        worst = own[column].min()
        lines.append(
            f"{key[0]:18s} {by} {key[1]:6.2f}  mean r {own['r'].mean():5.2f}  {column} {found.estimate:6.2f} "
            f"[{found.lo:6.2f}, {found.hi:6.2f}]  n {found.n}  least {worst:6.2f}"
        )
    return "\n".join(lines)


def draw(folder: Path, to: Path) -> None:
    """Left: no separation model; right: one whose talkers stand 12 dB apart."""
    figure, axes = new_figure(1, 2, height_in=2.9)
    left, right = axes[0]
    panels = (
        (left, "components", "gain_db", "components"),
        (left, "loudness", "gain_db", "gain of the whole"),
        (right, "separated", "soft_db", "blend by probability"),
        (right, "separated", "hard_db", "pick"),
    )
    for panel, part, column, name in panels:
        rows = pd.read_csv(folder / f"{part}.csv")
        for i, (corpus, own) in enumerate(rows.groupby("corpus", sort=False)):
            means = [mean_interval(one[column].to_numpy(float)) for _, one in own.groupby("r")]
            first = name in ("components", "blend by probability")
            draw_estimate(
                panel, sorted(own["r"].unique()), *zip(*((m.estimate, m.lo, m.hi) for m in means), strict=True),
                label=f"{corpus}: {name}", colour=SERIES[2 * i + (0 if first else 1)], line=True,
            )  # fmt: skip
    decoded = pd.read_csv(folder / "eeg.csv")
    for i, (corpus, own) in enumerate(decoded.groupby("corpus", sort=False)):
        means = own.groupby("snr_db")[["r", "gain_db"]].mean()
        left.plot(means["r"], means["gain_db"], "x", color=SERIES[2 * i], label=f"{corpus}: decoded from EEG")
    with style():
        _label(left, right)
    to.write_bytes(render(figure, "png"))


def _label(left, right) -> None:
    for panel, title in ((left, "mixture alone"), (right, "with a separation model, 5-s decisions")):
        panel.axhline(0.0, color="#7F7F7F", linewidth=0.8)
        panel.axvspan(0.05, 0.2, color="#7F7F7F", alpha=0.15, linewidth=0)
        panel.set(title=title, xlabel="correlation of decoded envelope", ylabel="gain in SI-SDR (dB)")
        panel.legend(fontsize=6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("tune", "components", "loudness", "separated", "eeg", "figure")
    parser.add_argument("--part", choices=parts, required=True)
    parser.add_argument("--readers", type=Path, help="demo_data.mat of naplib")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figure", type=Path, default=Path("docs/figures/intent_gain.png"))
    given = parser.parse_args()
    if given.part == "figure":
        draw(given.out, given.figure)
        return
    start = time.process_time()
    if given.part == "tune":
        rows = tune()
    elif given.part == "separated":
        rows = separated(given.readers)
        print(table(rows, "soft_db"), table(rows, "hard_db"), sep="\n")
    elif given.part == "eeg":
        rows = from_eeg(given.readers)
        print(table(rows, "gain_db", "snr_db"))
    else:
        rows = curve(Prior() if given.part == "components" else LOUDNESS_ONLY, given.readers)
        print(table(rows, "gain_db"))
    given.out.mkdir(parents=True, exist_ok=True)
    rows.to_csv(given.out / f"{given.part}.csv", index=False)
    print(f"{time.process_time() - start:.0f} s of one core")


if __name__ == "__main__":
    main()
