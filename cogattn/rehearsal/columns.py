"""Trial tables of the study, by name, and their columns. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

from cogattn.study import Schema

SCORES, LEARNING, ITEMS, PERSONS, ANSWERS = "scores", "learning", "items", "persons", "answers"

CONDITION: Schema = {
    "observer": "str",
    "budget": "float64",
    "n_tasks": "int64",
    "width": "int64",
    "seed": "int64",
}
"""Who, under which point of a sweep; width is 0 where the network is not ours."""

TABLES: Mapping[str, Schema] = {
    SCORES: {**CONDITION, "after": "int64", "task": "int64", "name": "str", "score": "float64", "n": "int64"},
    LEARNING: {**CONDITION, "phase": "int64", "bin": "int64", "score": "float64", "n": "int64"},
    ITEMS: {**CONDITION, "phase": "int64", "task": "int64", "items": "int64", "updates": "int64"},
    PERSONS: {
        "observer": "str",
        "budget": "float64",
        "person": "str",
        "group": "str",
        "measure": "str",
        "estimate": "float64",
        "se": "float64",
        "n": "int64",
    },
    ANSWERS: {
        "observer": "str",
        "budget": "float64",
        "person": "str",
        "group": "str",
        "part": "str",
        "task": "str",
        "score": "float64",
        "n": "int64",
    },
}
"""``scores``: R, ``after`` 0 is untrained, k is after phase k; tasks count from 1. ``learning``: score of the phase's
new items before each update, in bins. ``items``: what a phase trained on. ``persons``, ``answers``: of people's
scenarios, a row each person (or twin) and measure, and each person, part and task."""
