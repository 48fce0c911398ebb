"""What a run with a set says: accuracy and likeness to people over the set, by condition, by pairs, and in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.measures import Row, people_table, summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.naming import persons
from cogattn.psychophysics.naming.config import ImageSet, MadeSet, NamingConfig
from cogattn.psychophysics.naming.plan import observers as all_observers
from cogattn.psychophysics.naming.remarks import of_network
from cogattn.psychophysics.naming.sets import figures as set_figures
from cogattn.psychophysics.naming.sets import material as set_material
from cogattn.psychophysics.naming.sets.by_condition import Answers
from cogattn.psychophysics.naming.sets.published import conditions_of
from cogattn.psychophysics.naming.sets.rows import (
    CEILING_COLUMNS,
    OVER_SET,
    Named,
    ceiling_table,
    condition_table,
    order_table,
    pair_table,
    person_values,
    remark_on_conditions,
    set_rows,
)
from cogattn.reporting.tables import interval_text
from cogattn.study import Results, Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = ["observer", "image", "condition", "correct"]


def summarise_set(config: NamingConfig, trials: Trials) -> Results:
    """Weigh every observer's answers to the images of a set, and set people's beside them.

    Parameters
    ----------
    config : NamingConfig
        Whose ``shown`` is a set, or made like one.
    trials : Trials
        Of all observers that are whole.
    """
    named = named_of(config, trials)
    tested = [
        i for i, one in enumerate(named.observers) if config.observer.kind == "human" or i not in named.people
    ]
    rows = [row for number in tested for row in set_rows(named, number)]
    ids = {named.observers[number].id for number in tested}
    conditions = condition_table(named)
    tables = {"conditions": conditions[conditions["observer"].isin(ids)].reset_index(drop=True)}
    if named.people and config.observer.kind != "human":
        theirs = conditions[~conditions["observer"].isin(ids)]
        tables["people_conditions"] = theirs.reset_index(drop=True)
    if named.people:
        tables["ceilings"] = ceiling_table(named)
    if named.alike and len(named.observers) > 1:
        tables["naming"] = pair_table(named)
    if named.alike and named.people and len(named.observers) - len(named.people) > 1:
        tables["order"] = order_table(named)
    known = people_table(person_values(named)) if named.people else None
    rows = persons.with_persons(config, rows)
    said = remarks(config, named, rows, tables.get("ceilings"))
    return Results(summary_table(rows), tables, _pictures(config, named, tables), said, known)


def named_of(config: NamingConfig, trials: Trials) -> Named:
    """Return a run's answers as they are weighed; of a set only the images that both observers and people saw."""
    answers = set_material.answers(config)
    name, alike = _name(config), config.shown.kind == "set"
    people = pd.DataFrame(columns=_COLUMNS)
    if answers is not None:
        people = answers.assign(observer=answers["person"].map(lambda one: Observer.person(str(one)).id))
        conditions = conditions_of(name, people)
    else:
        conditions = conditions_of(name, trials["set"])
    if config.observer.kind == "human":
        shown = trials["people"]
        people = shown[shown["observer"].isin(set(people["observer"]))]
        shown = people.iloc[:0]
    else:
        shown = trials["set"]
    if alike and config.observer.kind != "human":
        people = people[people["image"].isin(set(shown["image"]))]
    if not alike:
        people = people.assign(image="people's " + people["image"])
    every = pd.concat([shown[_COLUMNS], people[_COLUMNS]], ignore_index=True)
    every["image"] = every["condition"] + "/" + every["image"]
    present = set(every["observer"])
    own = [one for one in all_observers(config) if one.id in present]
    others = [
        Observer.person(str(one)) for one in (() if answers is None else dict.fromkeys(answers["person"]))
    ]
    others = [one for one in others if one.id in present]
    observers = tuple(dict.fromkeys([*own, *others]))
    known = {one.id for one in others}
    return Named(
        name,
        conditions,
        observers,
        Answers.of(
            every, [one.id for one in observers], list(dict.fromkeys(every["image"])), conditions.names
        ),
        tuple(i for i, one in enumerate(observers) if one.id in known),
        config.confidence,
        alike,
    )


def remarks(
    config: NamingConfig, named: Named, rows: Sequence[Row], ceilings: pd.DataFrame | None = None
) -> tuple[str, ...]:
    """Return the sentences of a run with a set, the gravest first; `ceilings` are people's own numbers."""
    said = (
        _other_images(config, named),
        *of_network(config, rows),
        _unseen(config),
        remark_on_conditions(named),
        _who(config, named),
        _ceiling(named, ceilings),
    )
    return tuple(filter(None, said))


def _name(config: NamingConfig) -> str:
    if not isinstance(config.shown, ImageSet | MadeSet):
        raise TypeError(f"shown.kind must be set or made; got {config.shown.kind}")
    return config.shown.name


def _other_images(config: NamingConfig, named: Named) -> str:
    if named.alike:
        return ""
    what = "drawn objects" if config.images.kind == "procedural" else "photographs"
    if not named.people:
        return (
            f"other images: {what} made as people's were; nobody is set beside them, since the people of {named.name} "
            "are not at hand (cogattn data fetch model-vs-human --from FOLDER)"
        )
    return (
        f"other images: people named manipulated photographs of ImageNet, the observer {what} manipulated here in the "
        "same way; accuracies alone stand side by side, and what differs may be the images"
    )


def _unseen(config: NamingConfig) -> str:
    if config.observer.kind == "human" or config.shown.kind != "set":
        return "shown.path is not used: people are told by their answers alone" if _has_path(config) else ""
    images = set_material.set_images(config)
    parts = []
    if n := getattr(images, "n_missing", 0):
        parts.append(f"{n:,} of the {n + len(images):,} images that people saw are not in shown.path")
    if n := getattr(images, "n_other", 0):
        parts.append(f"{n:,} of its images are not among those that people saw, and are not shown")
    return f"{config.shown.name}: {'; '.join(parts)}" if parts else ""


def _has_path(config: NamingConfig) -> bool:
    return config.shown.kind == "set" and config.shown.path is not None


def _who(config: NamingConfig, named: Named) -> str:
    answers = set_material.answers(config)
    if answers is None or not named.people:
        return ""
    n, unanswered = len(named.people), int((answers["response"] == "").sum())
    who = f"people: {named.name}, {n} {'person' if n == 1 else 'persons'}, {len(answers):,} answers"
    if unanswered:
        who += f" ({unanswered:,} were not given in time and count as wrong)"
    if not named.alike:
        return f"{who}; interval of the mean over persons"
    each = "; each is set beside the others" if config.observer.kind == "human" else ""
    return f"{who}{each}; intervals of consistency are over persons and images, of people's accuracy over persons"


def _ceiling(named: Named, ceilings: pd.DataFrame | None) -> str:
    if ceilings is None:
        return ""
    over = ceilings[ceilings["condition"] == OVER_SET].set_index("measure")
    told = [
        f"{what} {interval_text(*over.loc[key, ['estimate', 'lo', 'hi']])}"
        for key, what in (
            ("accuracy", "accuracy"),
            ("error_consistency", "error consistency among each other"),
        )
        if key in over.index
    ]
    return f"people over {named.name}: {', '.join(told)}" if told else ""


def _pictures(
    config: NamingConfig, named: Named, tables: dict[str, pd.DataFrame]
) -> dict[str, Callable[[], Figure]]:
    names = {one.id: one.name for one in named.observers}
    people = tables.get("ceilings", pd.DataFrame(columns=list(CEILING_COLUMNS)))
    draw = partial(set_figures.set_figure, tables["conditions"], people)
    pictures: dict[str, Callable[[], Figure]] = {"accuracy": partial(draw, "accuracy", named, names)}
    if np.any(tables["conditions"]["measure"] == "error_consistency"):
        pictures["consistency"] = partial(draw, "error_consistency", named, names)
    if config.observer.kind != "human":
        images = set_material.set_images(config)
        pictures["stimuli"] = partial(set_figures.set_sheet, images, named.conditions)
    return pictures
