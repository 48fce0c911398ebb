"""The rows of one run: each measure of the observer beside people's, and where the observer lies among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from cogattn.config import StudyConfig
from cogattn.measures import Scale
from cogattn.people.placing import detectable_sd, place_table
from cogattn.reporting.card.row import LEVEL, TARGET_POWER, CardRow, JointRow, Status
from cogattn.running.store import PEOPLE, TABLES, RunFolder
from cogattn.statistics.multiple import holm
from cogattn.study import Study

if TYPE_CHECKING:
    import pandas as pd

PEOPLE_UNITS = ("people", "viewers")
"""Units of a measure that says how many people an observer is worth."""
SIMULATED = "persons are simulated: nobody to be placed among"
MEANS_ONLY = "of people only the mean of a group is known"
UNTOLD = "no value to be placed among people"
NOBODY = "nobody is known on this measure"
Record = Mapping[str, object]


def rows_of(
    study: Study, config: StudyConfig, run: RunFolder, observer: str
) -> tuple[list[CardRow], list[JointRow]]:
    """Return the card's rows of a run, and where the observer lies by several measures jointly.

    Raises
    ------
    StoreError
        If a table of the run is not as it was written.
    """
    summary = run.summary()
    own = summary[summary["observer"] == observer].drop_duplicates("measure")
    people = people_of(study, run)
    keys = _keys(study, own)
    if people is not None and not study.simulated(config):
        placed = place_table(own, people, joint=study.joint or None)
        by_measure = {str(record["measures"]): record for record in placed.to_dict("records")}
    else:
        by_measure = {}
    records = {str(record["measure"]): record for record in own.to_dict("records")}
    name = f"{run.study}/{run.id}"
    rows = [
        _row(study, config, records[key], people, by_measure.get(key, {}), name)
        for key in keys
        if key in records
    ]
    return rows, [_joint(study, record, name) for key, record in by_measure.items() if " " in key]


def people_of(study: Study, run: RunFolder) -> pd.DataFrame | None:
    """Return the persons of a run, else those that the study brings along; None where there are means only."""
    if f"{TABLES}/{PEOPLE}.csv" in run.listed(TABLES):
        return run.table(PEOPLE).astype({"person": str, "measure": str})
    return study.persons()


def corrected(rows: Sequence[CardRow]) -> tuple[CardRow, ...]:
    """Return rows with P values by Holm over all that were tested, and the status that follows."""
    adjusted = holm([row.p for row in rows])
    return tuple(
        replace(row, p_holm=float(p), status=_status(row.p, float(p), row.power)) if math.isfinite(p) else row
        for row, p in zip(rows, adjusted, strict=True)
    )


def _status(p: float, p_holm: float, power: float) -> Status:
    if p_holm <= LEVEL:
        return "outside"
    return "inside" if power >= TARGET_POWER else "underpowered"


def _keys(study: Study, own: pd.DataFrame) -> Sequence[str]:
    return tuple(study.on_card) or tuple(study.joint) or tuple(own["measure"])


def _row(
    study: Study, config: StudyConfig, record: Record, people: pd.DataFrame | None, place: Record, run: str
) -> CardRow:
    """One measure, not yet corrected; who cannot be placed has status ``no people`` and a note that says why."""
    persons = _persons(people, str(record["measure"]))
    n_people = _whole(place.get("n", 0))
    row = CardRow(
        study=study.name, kind=study.kind, status="no people", run=run,
        measure=str(record["measure"]), label=str(record["label"]), unit=str(record["unit"]),
        scale=cast(Scale, record["scale"]), estimate=_number(record["estimate"]), lo=_number(record["lo"]),
        hi=_number(record["hi"]), n=_whole(record["n"]), people=persons,
        simulated=bool(persons) and study.simulated(config), human=_number(record["human"]),
        human_lo=_number(record["human_lo"]), human_hi=_number(record["human_hi"]), n_people=n_people,
    )  # fmt: skip
    if str(record["unit"]) in PEOPLE_UNITS:
        row = replace(row, worth=row.estimate, worth_lo=row.lo, worth_hi=row.hi)
    notes = [str(record["note"] or "")]
    if place:
        notes = [str(place["note"] or "")]
        row = replace(
            row, distance=_number(place["distance"]), distance_lo=_number(place["distance_lo"]),
            distance_hi=_number(place["distance_hi"]), p=_number(place["p"]), rank=_number(place["rank"]),
            power=_number(place["power"]), detectable_sd=detectable_sd(n_people),
        )  # fmt: skip
        if not math.isfinite(row.estimate):
            row, notes = replace(row, status="underpowered"), [str(record["note"] or ""), UNTOLD]
    elif row.simulated:
        notes.append(SIMULATED)
    else:
        notes.append(MEANS_ONLY if math.isfinite(row.human) else NOBODY)
    return replace(row, note="; ".join(note for note in notes if note))


def _persons(people: pd.DataFrame | None, measure: str) -> tuple[tuple[str, float], ...]:
    if people is None:
        return ()
    own = people[(people["measure"] == measure) & people["estimate"].notna()]
    return tuple(
        (str(person), float(value)) for person, value in zip(own["person"], own["estimate"], strict=True)
    )


def _joint(study: Study, record: Record, run: str) -> JointRow:
    return JointRow(
        study=study.name, measures=tuple(str(record["measures"]).split()), run=run,
        distance=_number(record["distance"]), distance_lo=_number(record["distance_lo"]),
        distance_hi=_number(record["distance_hi"]), p=_number(record["p"]), rank=_number(record["rank"]),
        power=_number(record["power"]), n_people=_whole(record["n"]), note=str(record["note"] or ""),
    )  # fmt: skip


def _number(value: object) -> float:
    return math.nan if value is None else float(str(value))


def _whole(value: object) -> int:
    number = _number(value)
    return int(number) if math.isfinite(number) else 0
