"""The trial tables of the study."""

from __future__ import annotations

from collections.abc import Mapping

from cogattn.study import Schema

FIXATIONS, PATHS, TRAINING, PREDICTED, WEIGHTS = (
    "scanpath_fixations",
    "scanpath_paths",
    "scanpath_training",
    "scanpath_predicted",
    "scanpath_weights",
)
_PATH = {"observer": "str", "split": "int64", "scene": "str", "group": "str", "person": "str"}
BEHAVIOURS = ("on_target", "length", "first_visits", "refixations", "revisits")
"""Of a path: its last fixation is on the target, fixations, shares of them on an object not seen before, on the one
before, and on one seen earlier."""
MULTIMATCH = ("shape", "direction", "length", "position", "duration")
SCORES = (
    "sequence_score", "shuffled", "levenshtein", "scanmatch", *(f"multimatch_{part}" for part in MULTIMATCH),
)  # fmt: skip
TABLES: Mapping[str, Schema] = {
    FIXATIONS: {
        **_PATH,
        "fixation": "int64",
        "object": "int64",
        "n_objects": "int64",
        "bits": "float64",
        "rank": "float64",
        "nss": "float64",
        "auc": "float64",
        "goes_on_bits": "float64",
    },
    PATHS: {
        **_PATH,
        "kind": "str",
        "n_compared": "int64",
        "end_bits": "float64",
        **dict.fromkeys(SCORES, "float64"),
        **{f"own_{name}": "float64" for name in BEHAVIOURS},
        **{f"person_{name}": "float64" for name in BEHAVIOURS},
    },
    TRAINING: {
        "observer": "str",
        "split": "int64",
        "epoch": "int64",
        "train_bits": "float64",
        "validation_bits": "float64",
        "kept": "bool",
    },
    PREDICTED: {
        "observer": "str",
        "split": "int64",
        "scene": "str",
        "person": "str",
        "sample": "int64",
        "fixation": "int64",
        "object": "int64",
        "x": "float64",
        "y": "float64",
    },
    WEIGHTS: {
        "observer": "str",
        "person": "str",
        "weight": "str",
        "estimate": "float64",
        "se": "float64",
        "n": "int64",
    },
}
"""``scanpath_fixations``: a row for each predicted fixation of the test: ``bits`` is -log2 of the chance of its object
given that the path goes on, ``rank`` the object's place among all (1 is best, ties share their mean), ``nss`` and
``auc`` are over objects, ``goes_on_bits`` -log2 of the chance that the path goes on (NaN where nobody says).

``scanpath_paths``: a row for each scanpath of the test and ``kind`` of prediction: ``greedy``, ``consensus`` (one of
the samples), ``sampled`` (means over ``n_compared`` samples) or ``people`` (means over so many other people in that
scene, never the person's own). ``shuffled`` is the sequence score with the order of the predicted path shuffled;
``end_bits`` -log2 of the chance of the true end.

``scanpath_training`` is of the first member where several networks are averaged.

``scanpath_predicted``: predicted paths for pictures; sample -1 is the greedy one, -2 the consensus.

``scanpath_weights``: weights of the choice model, of each person and of everybody (person "")."""
