"""A card as the ``model-index`` of a model card on the Hugging Face Hub: a result a study, a metric a measured row.

The hub asks for a task's type, a dataset's type and name, and a metric's type and value; what else a number needs to be
a result (interval, n, people, place, status) stands among the metric's ``args``, the one place that is free in form.
Rows without a number are left out: the hub has no word for "does not apply". ``verified`` is the hub's own to set.

References
----------
The specification: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cogattn.reporting.card.words import studies_of, unit_text
from cogattn.reporting.tables import printable

if TYPE_CHECKING:
    from cogattn.reporting.card.model import Card, CardRow

TASK_TYPE = "other"
"""The hub's own word for a task that is none of its list."""
ARGS = (
    "unit", "scale", "kind", "status", "lo", "hi", "n", "human", "human_lo", "human_hi", "n_people", "distance",
    "distance_lo", "distance_hi", "p", "p_holm", "rank", "power", "worth", "worth_lo", "worth_hi", "note",
)  # fmt: skip
"""Fields of a row that go with its value; those that have none are left out."""


def model_index(card: Card) -> dict[str, object]:
    """Return the fragment, ``{"model-index": [...]}``, as a README's front matter has it.

    Parameters
    ----------
    card : Card
        Whose rows with an estimate become metrics.

    Returns
    -------
    dict
        Of texts, numbers, lists and dicts alone; nothing is NaN, infinite or None.
    """
    measured = [row for row in card.rows if math.isfinite(row.estimate)]
    results = [_result(card, study, rows) for study, rows in studies_of(measured).items()]
    return {"model-index": [{"name": printable(card.observer), "results": results}]}


def front_matter(card: Card) -> str:
    """Return the same as YAML between two lines of dashes: the head of a ``README.md``."""
    return "\n".join(["---", *_yaml(model_index(card)), "---", ""])


def _result(card: Card, study: str, rows: Sequence[CardRow]) -> dict[str, object]:
    runs = list(dict.fromkeys(row.run for row in rows if row.run))
    made = {each.run: each for each in card.provenance}
    versions = list(dict.fromkeys(made[run].version for run in runs if run in made and made[run].version))
    args = {"runs": ", ".join(runs), "cogattn": ", ".join(versions)}
    return {
        "task": {"type": TASK_TYPE, "name": f"{study}: {rows[0].kind}"},
        "dataset": {
            "type": f"cogattn/{study}",
            "name": f"cogattn {study}",
            **({"args": told} if (told := {name: text for name, text in args.items() if text}) else {}),
        },
        "metrics": [_metric(row) for row in rows],
    }


def _metric(row: CardRow) -> dict[str, object]:
    fields = ((name, getattr(row, name)) for name in ARGS)
    return {
        "type": row.measure,
        "value": row.estimate,
        "name": printable(unit_text(row)),
        "args": {name: _clean(value) for name, value in fields if _told(value)},
    }


def _clean(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def _told(value: object) -> bool:
    return math.isfinite(value) if isinstance(value, float) else value != ""


def _yaml(value: object, indent: str = "") -> Iterator[str]:
    """Lines of a mapping or a list in block style; texts are quoted as JSON quotes them, which YAML reads alike."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _entry(f"{indent}{key}:", each, indent + "  ")
    elif isinstance(value, list):
        for each in value:
            first, *rest = list(_yaml(each, indent + "  "))
            yield f"{indent}- {first.lstrip()}"
            yield from rest


def _entry(head: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield head
        yield from _yaml(value, indent)
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: object) -> str:
    """A float always has its point: ``1e-05`` is a text to YAML 1.1. Beyond U+FFFF YAML knows no escape of JSON's."""
    if isinstance(value, str):
        return f'"{"".join(c if ord(c) > 0xFFFF else json.dumps(c)[1:-1] for c in value)}"'
    text = json.dumps(value)
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text
