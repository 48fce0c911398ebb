"""A person names images in noise: the study's own stimuli, as the paper's persons saw them but for the images.

Scale, contrast, mean, bands and SDs are those of Subramanian et al. (2023); the images are drawn, each shown once,
since the paper's photographs do not ship. Their noise is dealt evenly, where the paper draws it: a short block then has
as many trials in every cell. How long the paper's persons saw a stimulus is not in their published tables; here it is
500 ms, and then there is time without limit to press one of 16 buttons.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cogattn.measures import Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking import measures
from cogattn.psychophysics.masking.config import LOWEST_CPI, PEOPLE_SAW, HumanObserver, MaskingConfig
from cogattn.psychophysics.masking.counts import published_counts
from cogattn.seeds import Streams
from cogattn.sittings import (
    Answer,
    Block,
    Curve,
    Fit,
    Length,
    Scored,
    Sitting,
    SittingTrial,
    left_out,
    png,
    usable,
)
from cogattn.statistics.stats import Estimate, wilson_interval
from cogattn.vision.images.config import ProceduralImages
from cogattn.vision.images.procedural import CATEGORIES

SAW = PEOPLE_SAW["subramanian2023"]
FOREPERIOD_MS = (400.0, 700.0)
SHOWN_MS = 500.0
YOU = "you"
"""Name of the sitting's person in a table of people."""
N_CELLS = len(SAW.noise.sds) * SAW.noise.n_bands


def _config(seed: int, n_images: int) -> MaskingConfig:
    return MaskingConfig(
        observer=HumanObserver(),
        images=ProceduralImages(n_images=n_images, size=SAW.size),
        like="people",
        seed=seed,
    )


def _block(seed: int, n: int) -> Block:
    """One image of each category to practise on, every other one without noise; then `n` others."""
    from cogattn.psychophysics.masking.material import trial_images

    config = _config(seed, n + len(CATEGORIES))
    labels, rng = trial_images(config).labels, Streams(seed).generator("sitting")
    first = np.unique(labels, return_index=True)[1]
    others = rng.permutation(np.setdiff1d(np.arange(len(labels)), first))
    cells = rng.permutation(np.resize(rng.permutation(N_CELLS), len(others)))
    easy = np.resize([0.0, 0.02], len(first))
    practice = pd.DataFrame(
        {"image": rng.permutation(first), "band": np.arange(len(first)) % SAW.noise.n_bands, "noise_sd": easy}
    )
    counted = pd.DataFrame(
        {
            "image": others,
            "band": cells % SAW.noise.n_bands,
            "noise_sd": np.asarray(SAW.noise.sds)[cells // SAW.noise.n_bands],
        }
    )
    return Block(*(tuple(_shown(config, trials, rng)) for trials in (practice, counted)))


def _shown(config: MaskingConfig, trials: pd.DataFrame, rng: np.random.Generator) -> Iterator[SittingTrial]:
    from cogattn.psychophysics.masking.material import trial_images
    from cogattn.psychophysics.masking.presentation import stimuli_of

    images = trial_images(config)
    pictures = stimuli_of(config, images, trials)[0].images.numpy()
    for picture, (image, band, noise_sd) in zip(pictures, trials.itertuples(index=False), strict=True):
        category = images.categories[images.labels[image]]
        yield SittingTrial(
            stimulus=images.ids[image],
            picture=png(picture),
            correct=category,
            foreperiod_ms=round(float(rng.uniform(*FOREPERIOD_MS)), 1),
            what={
                "image": images.ids[image],
                "category": category,
                "band": int(band),
                "noise_sd": float(noise_sd),
            },
        )


def _score(trials: pd.DataFrame, observer: Observer) -> Scored:
    counted = usable(trials)
    clean = counted.loc[counted["noise_sd"] == 0, "correct"].astype(bool)
    rows = []
    if len(clean):
        rows = [
            Row(observer, measures.CLEAN_ACCURACY, _share(int(clean.sum()), len(clean)), note="drawn images")
        ]
    remarks = [
        *left_out(trials),
        "You saw drawn images, the paper's persons photographs: your place among them is that of another task.",
    ]
    return Scored(summary_table(rows), curves=(_by_band(counted),), remarks=remarks)


def _by_band(counted: pd.DataFrame) -> Curve:
    """Share correct by band, a line for each noise SD, Wilson intervals."""
    points = []
    noisy = counted[counted["noise_sd"] > 0]
    for (noise_sd, band), own in noisy.groupby(["noise_sd", "band"]):
        share = _share(int(own["correct"].astype(bool).sum()), len(own))
        points.append((f"{noise_sd:g}", LOWEST_CPI * 2.0**band, share.estimate, share.lo, share.hi, share.n))
    columns = ["line", "x", "estimate", "lo", "hi", "n"]
    return Curve(
        "Accuracy in noise",
        "noise band (cycles per image)",
        "share correct",
        "noise SD",
        pd.DataFrame(points, columns=columns),
        x_scale="log",
    )


def _share(right: int, n: int) -> Estimate:
    lo, hi = wilson_interval(right, n)
    return Estimate(right / n, float(lo), float(hi), n)


def _table(trials: pd.DataFrame) -> pd.DataFrame:
    """Counts as ``--observer.table`` reads them: the paper's persons', and the sitting's as one person more."""
    counts = published_counts()
    person, row, band = np.nonzero(counts.n_trials)
    paper = pd.DataFrame(
        {
            "observer": np.asarray(counts.observers)[person],
            "noise_sd": counts.noise_sds[row],
            "band": band,
            "n_correct": counts.n_correct[person, row, band],
            "n_trials": counts.n_trials[person, row, band],
        }
    )
    counted = usable(trials).assign(correct=lambda t: t["correct"].astype(int), observer=YOU)
    cells = counted.groupby(["observer", "noise_sd", "band"], as_index=False)
    yours = cells.agg(n_correct=("correct", "sum"), n_trials=("correct", "size"))
    return pd.concat([paper, yours], ignore_index=True).assign(
        nominal_cpi=lambda t: LOWEST_CPI * 2.0 ** t["band"]
    )


MASKING = Sitting(
    title="Masking: images in noise",
    about=(
        "Which spatial frequencies you use to name an object: noise hurts only where you look. Contrast, noise bands "
        "and SDs are those that 14 persons of Subramanian et al. (2023) saw; your images are drawn."
    ),
    instructions=(
        f"Look at the cross. A picture in noise appears for {SHOWN_MS:.0f} ms.",
        "Then press the button that names it, one of 16; take your time, and guess where you do not know.",
        "Tab and the arrow keys move between the buttons, Enter or space presses one.",
    ),
    answers=tuple(Answer(name, name) for name in CATEGORIES),
    length=Length(
        "trials",
        default=210,
        least=N_CELLS,
        most=1050,
        step=N_CELLS,
        enough=210,
        trials_each=1,
        why="six trials in each of 35 cells of noise SD and band; the paper's persons did 1,050",
    ),
    side_deg=6.0,
    shown_ms=SHOWN_MS,
    exact_pixels=True,
    background=f"#{round(255 * SAW.stimulus.mean):02x}" + 2 * f"{round(255 * SAW.stimulus.mean):02x}",
    break_every=70,
    columns={
        "image": "name of the image",
        "category": "what the image shows",
        "band": "noise band, counted from 0, the lowest; octaves apart",
        "noise_sd": "SD of the noise in 8-bit sRGB code values over 255; 0 is none",
    },
    block=_block,
    score=_score,
    fit=Fit(
        about=(
            "Your channel (bandwidth, centre, peak sensitivity) by the study's own fit: the table holds the counts of "
            "the paper's 14 persons and yours, the command fits all 15, and its place table sets you among the others. "
            "They did 1,050 trials each; from fewer your intervals are wide, and say so."
        ),
        command="cogattn masking --observer.kind human --observer.table {file} --noise.bands pyramid",
        table=_table,
    ),
)
