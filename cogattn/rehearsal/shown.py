"""What was learnt in a row of a run's tables: items of a phase, made again by the plan that the run had.

A row of ``learning`` is of the new items of a part of a phase, one of ``items`` of those of a task in a phase; the
first of them are shown as the network met them, in the batch that they were in. A row of ``scores``, and of the
scenarios beside people, is a mean over all of a test: nothing single was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cogattn.exhibits import Picture, Shown, Value
from cogattn.rehearsal import plan
from cogattn.rehearsal.columns import CONDITION, ITEMS, LEARNING
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.plan import RehearsalCell
from cogattn.rehearsal.plans import Draws, bins_of
from cogattn.rehearsal.scenario import Pictured

N_SHOWN = 2
"""Items of a row that are shown, at most."""
Row = Mapping[str, object]


def stimulus(config: RehearsalConfig, task: str, trial: Row) -> Shown | None:
    """Return the first items that a row is of.

    Parameters
    ----------
    config : RehearsalConfig
        The run's.
    task : str
        ``learning`` or ``items``.
    trial : mapping
        A row of that table.

    Returns
    -------
    Shown or None
        None where the run has no such network or phase, nothing was learnt there, or the scenario has no pictures.
    """
    cell = _cell(config, trial) if task in (LEARNING, ITEMS) else None
    if cell is None:
        return None
    from cogattn.rehearsal import trials

    own = plan.relevant(config, cell)
    scenario, phases = trials.meets(own, cell, trials.streams_of_seed(own, _whole(trial["seed"])))
    phase = _whole(trial["phase"]) - 1
    if not (isinstance(scenario, Pictured) and 0 <= phase < len(phases)):
        return None
    draws = phases[phase]
    places = _of_bin(draws, own.n_bins, trial) if task == LEARNING else _of_task(draws, trial)
    parts = [part for place in places[:N_SHOWN] for part in _met(scenario, draws, int(place))]
    if not parts:
        return None
    return Shown(parts, _facts(own, task, trial, scenario.names, len(places), min(len(places), N_SHOWN)))


def _cell(config: RehearsalConfig, trial: Row) -> RehearsalCell | None:
    """The cell whose network a row is of."""
    if plan.beside_people(config):
        return None
    wanted = [str(trial[name]) for name in CONDITION if name != "seed"]
    for cell in plan.each_cell(config):
        found = [str(value) for value in (cell.observer, cell.budget, cell.n_tasks, cell.width)]
        if found == wanted and _whole(trial["seed"]) in cell.seeds:
            return cell
    return None


def _of_bin(draws: Draws, n_bins: int, trial: Row) -> NDArray[np.int64]:
    """Places in a phase of the new items of a bin."""
    new = np.flatnonzero(draws.new)
    return new[bins_of(len(new), n_bins) == _whole(trial["bin"]) - 1]


def _of_task(draws: Draws, trial: Row) -> NDArray[np.int64]:
    """Places in a phase of a task's items."""
    return np.flatnonzero(draws.task == _whole(trial["task"]) - 1)


def _met(scenario: Pictured, draws: Draws, place: int) -> Sequence[Picture]:
    """One item of a phase as its batch had it."""
    step = int(np.searchsorted(draws.offsets, place, side="right")) - 1
    begin, end = draws.offsets[step], draws.offsets[step + 1]
    return scenario.pictures_of(draws.task[begin:end], draws.index[begin:end], place - int(begin))


def _facts(
    config: RehearsalConfig, task: str, trial: Row, names: Sequence[str], n_items: int, n_shown: int
) -> dict[str, Value]:
    phase = _whole(trial["phase"])
    about = phase if task == LEARNING else _whole(trial["task"])
    facts: dict[str, Value] = {
        "phase": f"{phase} of {len(names)}: {names[phase - 1]}",
        "network (seed)": _whole(trial["seed"]),
    }
    if task == LEARNING:
        facts["part of the phase"] = f"{_whole(trial['bin'])} of {config.n_bins}"
    facts[f"items of {names[about - 1]}"] = n_items
    return facts | {"shown": f"the first {n_shown}" if n_shown > 1 else "the first"}


def _whole(value: object) -> int:
    return int(str(value))
