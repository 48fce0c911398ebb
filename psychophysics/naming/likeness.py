"""Naming like people: answers to cue-conflict images beside those of persons who saw the same images.

Right is the category of the shape. Persons come from a set of model-vs-human (Geirhos et al. 2021) or from a table of
one's own (``shape_bias.humans``); only images that both saw count. Three questions, each with people's own value:
does a network fail where people fail (error consistency), how often does it copy whether a person is right (Klein et
al. 2025), and how many people are its scores worth as a prediction of a further person's answers (`cogattn.people`)?

A network's mean over persons has Student's interval over persons; so has people's mean over pairs, by the jackknife
over persons, because pairs of one person go together. An interval over persons says nothing of other images; that of
a pair, in the table, is over images.

References
----------
Geirhos, Meding, Wichmann (2020), NeurIPS. Klein et al. (2025), arXiv 2507.06645.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking import measures
from cogattn.psychophysics.masking.datasets import MODEL_VS_HUMAN
from cogattn.psychophysics.masking.material import conflict_images
from cogattn.psychophysics.masking.people import person_observer
from cogattn.psychophysics.masking.plan import SCORES
from cogattn.psychophysics.naming.consistency import copy_probability, error_consistency
from cogattn.psychophysics.naming.people import SETS, files_of, image_name, read_answers
from cogattn.running.digests import cache_folder, combined, file_digest
from cogattn.seeds import Streams
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.scales import standard_error
from cogattn.statistics.stats import wilson_interval
from cogattn.vision.images.categories import CATEGORIES

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig

SETTING = "shape_bias.humans"
COLUMNS = ("first", "second", "kappa", "lo", "hi", "copy", "copy_lo", "copy_hi", "n_trials")
"""Of the table of pairs: kappa with its interval, and the probability with which the first copies the second."""
_KEYS = ("image",)


@dataclass(frozen=True, eq=False)
class NamingPeople:
    """Persons who named images of a run.

    Parameters
    ----------
    name : str
        As the setting names them.
    trials : mapping of Observer to DataFrame
        Of each person: columns image, category (of the shape), texture, response ("" where none), correct; images that
        the run shows, and no others.
    images : tuple of str
        All images that the run shows, as `image_name` calls them.
    n_shared : int
        Of these, how many any person saw.
    """

    name: str
    trials: Mapping[Observer, pd.DataFrame]
    images: tuple[str, ...]
    n_shared: int


def read_naming(config: MaskingConfig) -> NamingPeople | None:
    """Return the persons whom a run's answers to cue-conflict images are set beside; None where it names none.

    Raises
    ------
    DataError
        If they are not in the cache, cannot be read, saw none of the images, or know another shape of one.
    """
    digest = _digest(config)
    if config.shape_bias is None or not digest:
        return None
    shown = conflict_images(config)
    images = tuple(image_name(name) for name in shown.ids)
    return _read(config.shape_bias.humans, digest, images, shown.shapes, shown.textures)


def inputs(config: MaskingConfig) -> dict[str, str]:
    """Return the SHA-256 of the persons' trials by the setting's name, nothing where it is not set."""
    digest = _digest(config)
    return {SETTING: digest} if digest else {}


def pairs_table(
    config: MaskingConfig, people: NamingPeople | None, trials: pd.DataFrame, observers: Sequence[Observer]
) -> pd.DataFrame:
    """Return error consistency and copy probability of each network with each person and of all pairs of people.

    Parameters
    ----------
    config : MaskingConfig
        Of the run.
    people : NamingPeople or None
        Persons; without them the table is empty.
    trials : DataFrame
        The run's trials with cue-conflict images.
    observers : sequence of Observer
        Those that are whole, in the order of the table.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, networks first. A network is the first of its pair and may copy the person; of two people
        the less accurate one is the first.
    """
    rows = [] if people is None or trials.empty else list(_pairs(config, people, trials, observers))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def naming_rows(
    config: MaskingConfig,
    people: NamingPeople | None,
    pairs: pd.DataFrame,
    observer: Observer,
    trials: pd.DataFrame,
) -> list[Row]:
    """Return what an observer's answers have in common with people's, people's own beside it.

    Parameters
    ----------
    config, people, pairs
        As for `pairs_table`, and the table itself.
    observer : Observer
        Whose.
    trials : DataFrame
        Its own trials with cue-conflict images.
    """
    own = pairs[pairs["first"] == observer.id]
    if people is None or own.empty:
        return []
    confidence = config.channel.confidence
    theirs = pairs[pairs["first"].isin([person.id for person in people.trials])]
    rows = []
    for measure, column in ((measures.ERROR_CONSISTENCY, "kappa"), (measures.COPYING, "copy")):
        value = mean_interval(own[column], confidence=confidence, lowest=-1, highest=1)
        human = over_pairs(theirs, column, confidence=confidence)
        rows.append(Row(observer, measure, value, human, _range(theirs[column])))
    return [*rows, _worth(people, observer, trials, confidence)]


def shape_values(people: NamingPeople) -> Iterator[tuple[str, Measure, float, float, int]]:
    """Yield each person's shape bias and shape accuracy: person, measure, estimate, standard error, answers."""
    for person, rows in people.trials.items():
        conflict = rows[rows["category"] != rows["texture"]]
        by_shape, by_texture = (conflict["response"] == conflict[cue] for cue in ("category", "texture"))
        n_shape, n = int(by_shape.sum()), int((by_shape | by_texture).sum())
        if n:
            lo, hi = wilson_interval(n_shape, n)
            yield person.id, measures.SHAPE_BIAS, n_shape / n, float(standard_error(lo, hi)), n
        shares = by_shape.groupby(conflict["category"]).agg(["mean", "size"])
        if len(shares):
            variance = (shares["mean"] * (1 - shares["mean"]) / shares["size"]).sum()
            error = math.sqrt(variance) / len(shares)
            yield person.id, measures.SHAPE_ACCURACY, float(shares["mean"].mean()), error, len(conflict)


def shape_means(people: NamingPeople | None, *, confidence: float) -> dict[str, Estimate]:
    """Return people's mean shape bias and shape accuracy by the measure's key, with intervals over persons."""
    if people is None:
        return {}
    values: dict[str, list[float]] = {}
    for _, measure, value, _, _ in shape_values(people):
        values.setdefault(measure.key, []).append(value)
    return {
        key: mean_interval(each, confidence=confidence, lowest=0, highest=1) for key, each in values.items()
    }


def remark(people: NamingPeople | None) -> str:
    """Return who named the images, and how many of the run's images they saw where these are not all."""
    if people is None:
        return ""
    n_people, n = len(people.trials), len(people.images)
    who = f"naming: {people.name}, {n_people} {'person' if n_people == 1 else 'persons'}"
    if people.n_shared == n:
        return f"{who}, all {n:,} images of shape_bias.path; intervals of means are over persons"
    return (
        f"{who}; they saw {people.n_shared:,} of the {n:,} images of shape_bias.path, and only these are compared, "
        "while the observer's shape bias is of all"
    )


def over_pairs(pairs: pd.DataFrame, column: str, *, confidence: float = 0.95) -> Estimate:
    """Return the mean over pairs of people with its interval by the jackknife over persons; n counts persons.

    Parameters
    ----------
    pairs : DataFrame
        Columns first, second and `column`, a row a pair.
    column : str
        What is averaged.
    confidence : float
        Level; no interval for fewer than three persons.

    References
    ----------
    Arvesen (1969), Jackknifing U-statistics, Ann. Math. Stat. 40, 2076-2100.
    """
    known = pairs[np.isfinite(pairs[column].to_numpy(float))]
    persons = pd.unique(known[["first", "second"]].to_numpy().ravel())
    n, mean = len(persons), float(known[column].mean()) if len(known) else math.nan
    if n < 3:
        return Estimate.bare(mean, n)
    without = [known.loc[(known["first"] != p) & (known["second"] != p), column].mean() for p in persons]
    pseudo = mean_interval(n * mean - (n - 1) * np.array(without), confidence=confidence)
    half = (pseudo.hi - pseudo.lo) / 2
    return Estimate(mean, mean - half, mean + half, n)


def _digest(config: MaskingConfig) -> str:
    """SHA-256 of the persons' files; empty where none are named."""
    place = _place(config)
    if place is None:
        return ""
    return combined({file.name: file_digest(file) for file in files_of(*place, setting=SETTING)})


def _place(config: MaskingConfig) -> tuple[Path, str] | None:
    """Folder or file, and the set in it."""
    from cogattn.fetch import check, locate

    named = config.shape_bias.humans if config.shape_bias else ""
    if not named:
        return None
    if named not in SETS:
        return _own_place(named), ""
    place = locate(MODEL_VS_HUMAN, cache_folder())
    if place is None:
        raise DataError(
            f"{SETTING} must be fetched first; got {named}, but no {MODEL_VS_HUMAN.name} in {cache_folder()}; run: "
            f"cogattn data fetch {MODEL_VS_HUMAN.name} --from FOLDER ({MODEL_VS_HUMAN.instructions})"
        )
    check(MODEL_VS_HUMAN, place)
    return place, named


def _own_place(named: str) -> Path:
    if not Path(named).exists():
        raise DataError(
            f"{SETTING} must be one of {', '.join(SETS)}, or a CSV file or folder of trials; got {named}, which is not "
            "there"
        )
    return Path(named)


@lru_cache(maxsize=2)
def _read(
    named: str, digest: str, images: tuple[str, ...], shapes: tuple[str, ...], textures: tuple[str, ...]
) -> NamingPeople:
    """`digest` is that of the files: kept as long as they stay as they are."""
    place = (cache_folder() / MODEL_VS_HUMAN.name, named) if named in SETS else (Path(named), "")
    answers = read_answers(*place, setting=SETTING)
    shown = pd.DataFrame({"image": images, "shape": shapes, "texture": textures}).drop_duplicates("image")
    both = answers.merge(shown, on="image")
    if both.empty:
        raise DataError(
            f"{SETTING} must name people who saw images of shape_bias.path; got none of its {len(images):,} images "
            f"({named} has {answers['image'].iloc[0]}, shape_bias.path has {images[0]})"
        )
    other = both[both["category"] != both["shape"]]
    if len(other):
        first = other.iloc[0]
        raise DataError(
            f"{SETTING} must have the category of an image's shape; got {first['category']} for {first['image']}, "
            f"whose shape is {first['shape']}"
        )
    both["correct"] = both["response"] == both["category"]
    kept = ["image", "category", "texture", "response", "correct"]
    trials = {
        person_observer(str(name)): rows[kept].reset_index(drop=True)
        for name, rows in both.groupby("person", sort=False)
    }
    return NamingPeople(named, trials, images, both["image"].nunique())


def _pairs(
    config: MaskingConfig, people: NamingPeople, trials: pd.DataFrame, observers: Sequence[Observer]
) -> Iterator[dict[str, object]]:
    named = trials.assign(image=trials["image"].map(image_name))
    for observer in observers:
        own = named[named["observer"] == observer.id]
        for person, theirs in people.trials.items():
            yield from _pair(config, (observer.id, own), (person.id, theirs))
    for (one, its), (other, others) in combinations(people.trials.items(), 2):
        pair = ((one.id, its), (other.id, others))
        first, second = sorted(pair, key=lambda named: named[1]["correct"].mean())
        yield from _pair(config, first, second)


def _pair(
    config: MaskingConfig, first: tuple[str, pd.DataFrame], second: tuple[str, pd.DataFrame]
) -> Iterator[dict[str, object]]:
    """One row, or none where two share no image."""
    if not first[1]["image"].isin(second[1]["image"]).any():
        return
    streams = Streams(config.seed)
    both, confidence = (first[1], second[1]), config.channel.confidence
    rng = streams.generator("summary", first[0], second[0], "naming")
    found = error_consistency(*both, rng=rng, confidence=confidence, keys=_KEYS)
    copied = copy_probability(*both, rng=rng, confidence=confidence, keys=_KEYS)
    yield {
        "first": first[0], "second": second[0], "kappa": found.kappa, "lo": found.lo, "hi": found.hi,
        "copy": copied.estimate, "copy_lo": copied.lo, "copy_hi": copied.hi, "n_trials": found.n_trials,
    }  # fmt: skip


def _range(values: pd.Series) -> str:
    known = values[np.isfinite(values)]
    if known.empty:
        return ""
    return f"people among each other {known.min():.3f} to {known.max():.3f} over {len(known)} pairs"


def _worth(people: NamingPeople, observer: Observer, trials: pd.DataFrame, confidence: float) -> Row:
    """How many people the scores are worth; without a number where there are too few people or answers."""
    from cogattn.people import worth

    own = trials.assign(image=trials["image"].map(image_name)).drop_duplicates("image")
    images = own["image"].tolist()
    group = np.stack([_codes(theirs, images) for theirs in people.trials.values()])
    ask = partial(worth, people=group, n_alternatives=len(CATEGORIES), confidence=confidence)
    try:
        found, alone = ask(own[list(SCORES)].to_numpy(float)), ask(_codes(own, images))
    except DataError as error:
        return Row(observer, measures.WORTH, Estimate.bare(math.nan, 0), note=str(error))
    nobody, one, most = found.curve[0], found.curve[1], found.curve[-1]
    note = (
        f"bits an answer left open: {found.bits:.2f}; by nobody {nobody:.2f}, by one other person {one:.2f}, "
        f"by {len(found.curve) - 1} {most:.2f}. Scores of all categories count; by the answers alone, as people are "
        f"taken, {alone.worth:.3f} [{alone.lo:.3f}, {alone.hi:.3f}]"
    )
    return Row(observer, measures.WORTH, Estimate(found.worth, found.lo, found.hi, found.n_images), note=note)


def _codes(rows: pd.DataFrame, images: Sequence[str]) -> NDArray[np.int64]:
    """First answer to each image as its category's number, -1 where there is none."""
    answers = rows.drop_duplicates("image").set_index("image")["response"].reindex(images).fillna("")
    return answers.map({name: code for code, name in enumerate(CATEGORIES)}).fillna(-1).to_numpy(np.int64)
