"""How often left-out people pass and intervals hold, and what a copyist is worth: the figures of docs/people.md.

    python benchmarks/people.py [passing] [pairs] [distance] [worth] [--simulations 2000]
    python benchmarks/people.py naming --people model_vs_human --images cue_conflict

People of `passing` are independent draws whose measures are normal, or gamma with a given skewness, mixed by
`MIXED` so that they correlate. People of `worth` see an image's main or second category with their own probability,
and else answer as people do at all; an image's ambiguity is its own.
`naming` weighs EfficientNet-lite0, and the shape of each image, among the ten people who named 1,280 cue-conflict
images (Geirhos et al. 2019), whose folders it is told.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cogattn.people import Worth, place, worth
from cogattn.people.prediction import worth_of_bits
from cogattn.psychophysics.naming.people import read_answers
from cogattn.vision.images.categories import CATEGORIES

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

MIXED = np.array([[1.0, 0.5, 0.3], [0.0, 0.8, 0.4], [0.0, 0.0, 0.7]])
PEOPLE, MEASURES = (6, 10, 14, 30), (1, 3)
SKEWNESSES = (0.0, 0.5, 1.0, 1.5, 2.0)
PRIOR = np.array([1, 2, 1, 1.5, 1, 1, 2, 1, 0.5, 1, 1, 3, 1, 1, 1, 1]) / 20
"""How often each of 16 categories is shown and answered."""
COPIED = (0.0, 0.25, 0.5, 1.0)


def draw_people(n: int, n_measures: int, skewness: float, rng: np.random.Generator) -> Array:
    """Draw people, shape (n, n_measures), whose measures before they are mixed have SD 1 and this skewness."""
    if skewness == 0:
        drawn = rng.standard_normal((n, n_measures))
    else:
        shape = 4 / skewness**2
        drawn = (rng.gamma(shape, size=(n, n_measures)) - shape) / shape**0.5
    return drawn @ MIXED[:n_measures, :n_measures]


def passing(k: int, n_measures: int, skewness: float, n_simulations: int, rng: np.random.Generator) -> Array:
    """Return the shares of one more person who pass at .05, by the P value and by rank."""
    found = [draw_people(k + 1, n_measures, skewness, rng) for _ in range(n_simulations)]
    places = [place(people[0], people[1:]) for people in found]
    return np.mean([(one.p > 0.05, one.rank > 0.05) for one in places], axis=0)


def failing_of(k: int, n_measures: int, n_simulations: int, rng: np.random.Generator) -> Codes:
    """Return how many of k normal people fail at .05 when each is left out, in every simulation."""
    counts = []
    for _ in range(n_simulations):
        people = draw_people(k, n_measures, 0.0, rng)
        p = [place(people[i], np.delete(people, i, axis=0)).p for i in range(k)]
        counts.append(int((np.array(p) <= 0.05).sum()))
    return np.array(counts)


def covered(
    k: int, n_measures: int, away: float, se: float, n_simulations: int, rng: np.random.Generator
) -> float:
    """Return how often the interval of the distance holds it, `away` SDs in a random direction."""
    mixed = MIXED[:n_measures, :n_measures]
    held = []
    for _ in range(n_simulations):
        direction = rng.standard_normal(n_measures)
        true = away * direction / np.linalg.norm(direction) @ mixed
        errors = np.full(n_measures, se)
        one = place(
            true + se * rng.standard_normal(n_measures), draw_people(k, n_measures, 0, rng), se=errors
        )
        held.append(one.lo <= away <= one.hi)
    return float(np.mean(held))


def draw_answers(k: int, n_images: int, copied: float, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Draw an observer's answers (n_images,) and those of k people (k, n_images).

    The observer answers as a fresh person would with probability `copied`, image by image, else by the prior.
    """
    n_answers = len(PRIOR)
    main, second = rng.choice(n_answers, (2, n_images), p=PRIOR)
    clear = rng.beta(2.5, 1.0, n_images)

    def answers(n: int, attends: Array) -> Codes:
        drawn, other = rng.random((n, n_images)), rng.choice(n_answers, (2, n, n_images), p=PRIOR)
        seen = np.where(drawn < clear, main, np.where(drawn < clear + 0.6 * (1 - clear), second, other[0]))
        return np.where(rng.random((n, n_images)) < attends, seen, other[1])

    people = answers(k, expit(1.5 + rng.standard_normal((k, 1))))
    fresh = answers(1, expit(1.5 + rng.standard_normal((1, n_images))))[0]
    observer = np.where(rng.random(n_images) < copied, fresh, rng.choice(n_answers, n_images, p=PRIOR))
    return observer, people


def true_worth(copied: float, rng: np.random.Generator, *, n_populations: int = 60) -> float:
    """Worth of the copyist among 12 people and 4,000 images, over many populations; 0 and 1 are exact."""
    if copied in (0.0, 1.0):
        return copied
    found = [worth(*draw_answers(12, 4000, copied, rng), n_alternatives=16) for _ in range(n_populations)]
    curve = np.mean([one.curve for one in found], axis=0)
    return worth_of_bits(curve, float(np.mean([one.bits for one in found])))


def worth_coverage(
    copied: float,
    true: float,
    n_simulations: int,
    rng: np.random.Generator,
    *,
    k: int = 10,
    n_images: int = 300,
) -> tuple[Array, float]:
    """Return the estimates, and how often the interval holds the true worth."""
    found = [worth(*draw_answers(k, n_images, copied, rng), n_alternatives=16) for _ in range(n_simulations)]
    held = [one.lo <= true <= one.hi for one in found]
    return np.array([one.worth for one in found]), float(np.mean(held))


def tell_passing(n: int, rng: np.random.Generator) -> None:
    print("people passing at .05: by P value, by rank")
    for skewness in SKEWNESSES:
        for p in MEASURES:
            shares = (passing(k, p, skewness, n, rng) for k in PEOPLE)
            told = "  ".join(f"k {k}: {a:.3f} {b:.3f}" for k, (a, b) in zip(PEOPLE, shares, strict=True))
            print(f"  skewness {skewness}, {p} measure(s)  {told}", flush=True)


def tell_pairs(n: int, rng: np.random.Generator) -> None:
    counts = failing_of(14, 3, n, rng)
    told = ", ".join(f"{m}: {(counts == m).mean():.3f}" for m in range(4))
    print(f"of 14 left-out people fail: {told}; two or more {(counts >= 2).mean():.3f}")


def tell_distance(n: int, rng: np.random.Generator) -> None:
    print("interval of the distance holds it, 0, 1, 3, 6 SDs away")
    for se in (0.0, 0.5, 1.0):
        for k in (6, 14):
            for p in MEASURES:
                shares = [covered(k, p, away, se, n, rng) for away in (0.0, 1.0, 3.0, 6.0)]
                print(
                    f"  se {se}, k {k}, {p} measure(s)  " + " ".join(f"{share:.3f}" for share in shares),
                    flush=True,
                )


def tell_worth(n: int, rng: np.random.Generator) -> None:
    print("worth of one who copies a person with probability c: true, mean and SD of estimates, covered")
    for copied in COPIED:
        true = true_worth(copied, rng)
        estimates, held = worth_coverage(copied, true, n, rng)
        print(
            f"  c {copied:.2f}  {true:.3f}  {estimates.mean():.3f} (median {np.median(estimates):.3f}) "
            f"{estimates.std():.3f}  {held:.3f}",
            flush=True,
        )


def naming(people: Path, images: Path) -> dict[str, Worth]:
    """Return what the network is worth by scores and by answers, whoever answers with the shape, and each person."""
    answers = read_answers(people, "cue-conflict")
    wide = answers.pivot_table(index="person", columns="image", values="response", aggfunc="first").fillna("")
    code = {name: number for number, name in enumerate(CATEGORIES)}
    group = np.array([[code.get(answer, -1) for answer in row] for row in wide.to_numpy()])
    files = [images / re.split(r"\d", name)[0] / f"{name}.jpg" for name in wide.columns]
    scores = scores_of(files)
    shapes = np.array([code[file.parent.name] for file in files])
    observers = {"lite0, scores": scores, "lite0, answers": scores.argmax(axis=1), "shape": shapes}
    found = {name: worth(observer, group, n_alternatives=16) for name, observer in observers.items()}
    for index, name in enumerate(wide.index):
        found[name] = worth(group[index], np.delete(group, index, axis=0), n_alternatives=16)
    return found


def scores_of(files: Sequence[Path]) -> Array:
    """EfficientNet-lite0's log probabilities of the 16 categories, (n_files, 16)."""
    import torch

    from cogattn.observers import TimmObserver
    from cogattn.observers.naming import build_namer
    from cogattn.psychophysics.naming.conflicts import ConflictImages

    namer = build_namer(TimmObserver(), "tf_efficientnet_lite0", seed=0, categories=CATEGORIES)
    images = ConflictImages(Path(), tuple(map(str, files)), (), ())
    shown = (torch.from_numpy(images.load(index))[None] for index in range(len(files)))
    return np.concatenate([namer.scores(one).numpy() for one in shown]).astype(float)


def tell_naming(people: Path, images: Path) -> None:
    for name, found in naming(people, images).items():
        curve = " ".join(f"{bits:.2f}" for bits in found.curve)
        print(
            f"{name}: {found.worth:.3f} [{found.lo:.3f}, {found.hi:.3f}], {found.bits:.2f} bits; people {curve}",
            flush=True,
        )


PARTS: dict[str, Callable[[int, np.random.Generator], None]] = {
    "passing": tell_passing, "pairs": tell_pairs, "distance": tell_distance, "worth": tell_worth,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=list(PARTS), choices=[*PARTS, "naming", []])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--people", type=Path, help="folder of model-vs-human's answers")
    parser.add_argument("--images", type=Path, help="folder of the cue-conflict images, as JPEG")
    asked = parser.parse_args()
    for part in asked.parts:
        if part == "naming":
            tell_naming(asked.people, asked.images)
            continue
        PARTS[part](asked.simulations, np.random.default_rng(0))


if __name__ == "__main__":
    main()
