"""Naming like people: answers to cue-conflict images beside those of persons who saw the same images.

Right is the category of the shape; only images that both saw count. Three questions, each with people's own value:
does an observer fail where people fail (error consistency), how often does it copy whether a person is right (Klein et
al. 2025), and how many people are its scores worth as a prediction of a further person's answers (`cogattn.people`)?

An observer's mean over persons has Student's interval over persons; so has people's mean over pairs, by the jackknife
over persons, because pairs of one person go together. An interval over persons says nothing of other images; that of
a pair, in the table, is over images. A person who is the observer is left out of the people beside.

References
----------
Geirhos, Meding, Wichmann (2020), NeurIPS. Klein et al. (2025), arXiv 2507.06645.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, permutations, product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.psychophysics.naming import measures
from cogattn.psychophysics.naming.pairs import consistency_of_pairs
from cogattn.psychophysics.naming.people import image_name
from cogattn.psychophysics.naming.plan import SCORES
from cogattn.seeds import Streams
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.scales import standard_error
from cogattn.statistics.stats import wilson_interval

if TYPE_CHECKING:
    from cogattn.psychophysics.naming.config import NamingConfig
    from cogattn.psychophysics.naming.persons import NamingPeople

COLUMNS = ("first", "second", "kappa", "lo", "hi", "copy", "copy_lo", "copy_hi", "n_trials")
"""Of the table of pairs: kappa with its interval, and the probability with which the first copies the second."""


def pairs_table(
    config: NamingConfig, people: NamingPeople | None, trials: pd.DataFrame, observers: Sequence[Observer]
) -> pd.DataFrame:
    """Return error consistency and copy probability of each network with each person and of all pairs of people.

    Parameters
    ----------
    config : NamingConfig
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
        the less accurate one is the first. Where people are the observers, each is the first of a pair with every
        other.
    """
    if people is None or trials.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    columns = ["observer", "image", "correct"]
    shown = (
        []
        if config.observer.kind == "human"
        else [trials.assign(image=trials["image"].map(image_name))[columns]]
    )
    shown += [rows.assign(observer=person.id)[columns] for person, rows in people.trials.items()]
    streams = Streams(config.seed)
    found = consistency_of_pairs(
        pd.concat(shown, ignore_index=True),
        pairs=_asked(config, people, observers),
        streams=lambda first, second: streams.generator("summary", first, second, "naming"),
        confidence=config.confidence,
        keys=["image"],
    )
    return found[list(COLUMNS)]


def naming_rows(
    config: NamingConfig,
    people: NamingPeople | None,
    pairs: pd.DataFrame,
    observer: Observer,
    trials: pd.DataFrame,
    categories: Sequence[str],
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
    categories : sequence of str
        What could be answered.
    """
    own = pairs[pairs["first"] == observer.id]
    if people is None or own.empty:
        return []
    theirs, others = among_people(pairs, people, without=observer), others_than(people, observer)
    rows = []
    for measure, column in ((measures.ERROR_CONSISTENCY, "kappa"), (measures.COPYING, "copy")):
        value = mean_interval(own[column], confidence=config.confidence, lowest=-1, highest=1)
        human = over_pairs(theirs, column, confidence=config.confidence)
        rows.append(Row(observer, measure, value, human, _range(theirs[column])))
    return [*rows, _worth(others, observer, trials, categories, config.confidence)]


def others_than(people: NamingPeople, observer: Observer) -> NamingPeople:
    """Return the people without an observer who is one of them."""
    left = {person: rows for person, rows in people.trials.items() if person != observer}
    return replace(people, trials=left)


def among_people(
    pairs: pd.DataFrame, people: NamingPeople, *, without: Observer | None = None
) -> pd.DataFrame:
    """Return the pairs of people, each once: the less accurate is the first, the earlier of equals."""
    accuracy = {
        person.id: rows["correct"].mean() for person, rows in people.trials.items() if person != without
    }
    place = {name: (accuracy[name], k) for k, name in enumerate(accuracy)}
    known = pairs["first"].isin(accuracy) & pairs["second"].isin(accuracy)
    rows = pairs[known]
    ordered = [place[one] < place[other] for one, other in zip(rows["first"], rows["second"], strict=True)]
    return rows[np.array(ordered, dtype=bool)]


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


def _asked(
    config: NamingConfig, people: NamingPeople, observers: Sequence[Observer]
) -> list[tuple[str, str]]:
    """Who is compared with whom, in the order of the table."""
    persons = [person.id for person in people.trials]
    if config.observer.kind == "human":
        return list(permutations(persons, 2))
    accuracy = {person.id: rows["correct"].mean() for person, rows in people.trials.items()}
    among = [(a, b) if accuracy[a] <= accuracy[b] else (b, a) for a, b in combinations(persons, 2)]
    return [*product([observer.id for observer in observers], persons), *among]


def _range(values: pd.Series) -> str:
    known = values[np.isfinite(values)]
    if known.empty:
        return ""
    return f"people among each other {known.min():.3f} to {known.max():.3f} over {len(known)} pairs"


def _worth(
    people: NamingPeople,
    observer: Observer,
    trials: pd.DataFrame,
    categories: Sequence[str],
    confidence: float,
) -> Row:
    """How many people the scores are worth; without a number where there are too few people or answers."""
    from cogattn.people import worth

    own = trials.assign(image=trials["image"].map(image_name)).drop_duplicates("image")
    images = own["image"].tolist()
    group = np.stack([_codes(theirs, images, categories) for theirs in people.trials.values()])
    ask = partial(worth, people=group, n_alternatives=len(categories), confidence=confidence)
    try:
        alone = ask(_codes(own, images, categories))
        found = ask(own[list(SCORES)].to_numpy(float)) if SCORES[0] in own else alone
    except DataError as error:
        return Row(observer, measures.WORTH, Estimate.bare(math.nan, 0), note=str(error))
    nobody, one, most = found.curve[0], found.curve[1], found.curve[-1]
    note = (
        f"bits an answer left open: {found.bits:.2f}; by nobody {nobody:.2f}, by one other person {one:.2f}, "
        f"by {len(found.curve) - 1} {most:.2f}"
    )
    if found is not alone:
        note += (
            ". Scores of all categories count; by the answers alone, as people are taken, "
            f"{alone.worth:.3f} [{alone.lo:.3f}, {alone.hi:.3f}]"
        )
    return Row(observer, measures.WORTH, Estimate(found.worth, found.lo, found.hi, found.n_images), note=note)


def _codes(rows: pd.DataFrame, images: Sequence[str], categories: Sequence[str]) -> NDArray[np.int64]:
    """First answer to each image as its category's number, -1 where there is none."""
    answers = rows.drop_duplicates("image").set_index("image")["response"].reindex(images).fillna("")
    return answers.map({name: code for code, name in enumerate(categories)}).fillna(-1).to_numpy(np.int64)
