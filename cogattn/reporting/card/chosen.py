"""Which run of a study a card reads: the finished one under the card's settings, or, when asked, the newest other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cogattn.config import StudyConfig
from cogattn.errors import CogattnError, ConfigError, StoreError
from cogattn.registry import load_study, study_entry_points
from cogattn.running.listing import Filters, state_of, surveys
from cogattn.running.records import ConfigRecord
from cogattn.running.store import RunFolder, run_id
from cogattn.study import Study

KINDS = ("behaves like", "explains people")


@dataclass(frozen=True)
class Wanted:
    """What a card wants of a study.

    Parameters
    ----------
    study : Study
        Which.
    config : StudyConfig or None
        The card's own settings; None where the study does not apply to the observer.
    observer : str
        Id under which its tables have the observer; empty where it does not apply.
    """

    study: Study
    config: StudyConfig | None
    observer: str


@dataclass(frozen=True)
class Chosen:
    """The run that was found, or why there is none.

    Parameters
    ----------
    wanted : Wanted
        What was looked for.
    run : RunFolder or None
        A finished run that holds the observer.
    config : StudyConfig or None
        Its settings.
    matches : bool
        Whether they are the card's own.
    problems : tuple of str
        Runs that were passed over, a sentence each.
    """

    wanted: Wanted
    run: RunFolder | None = None
    config: StudyConfig | None = None
    matches: bool = True
    problems: tuple[str, ...] = ()


def wanted_of(model: str) -> tuple[list[Wanted], list[str]]:
    """Return what a card of `model` wants of each registered study, and a sentence for each that cannot be loaded.

    Raises
    ------
    ConfigError, ObserverError
        If no study knows an observer of that name.
    """
    found, problems = [], []
    for name in study_entry_points():
        try:
            study = load_study(name)
        except ConfigError as error:
            problems.append(str(error))
            continue
        config = study.carded(model)
        observers = study.observers(config) if config is not None else ()
        found.append(Wanted(study, config, observers[0].id if observers else ""))
    if found and all(one.config is None for one in found):
        raise ConfigError(_unknown(model))
    return sorted(found, key=lambda one: KINDS.index(one.study.kind)), problems


def choose(wanted: Wanted, root: Path, *, any_settings: bool) -> Chosen:
    """Return the finished run of a store that holds the observer."""
    if wanted.config is None:
        return Chosen(wanted)
    own = RunFolder(root, wanted.study.name, run_id(wanted.study.name, wanted.config))
    problem = _problem(own, wanted.observer)
    if problem is None:
        return Chosen(wanted, own, wanted.config)
    problems = (problem,) if problem else ()
    return _newest(wanted, root, problems) if any_settings else Chosen(wanted, problems=problems)


def _problem(run: RunFolder, observer: str) -> str | None:
    """Why a run cannot be read: empty where it is not there, None where it can."""
    if not run.folder.is_dir():
        return ""
    state, how_far = state_of(run)
    if state != "finished":
        return f"run {run.study}/{run.id} is {how_far if state == 'damaged' else f'unfinished ({how_far})'}"
    try:
        withheld = run.manifest().withheld
        if observer in withheld:
            return f"run {run.study}/{run.id} is without {observer}: {withheld[observer]}"
        run.summary()
    except StoreError as error:
        return f"run {run.study}/{run.id} is damaged: {error}"
    return None


def _newest(wanted: Wanted, root: Path, problems: tuple[str, ...]) -> Chosen:
    """The newest finished run under whatever settings that holds the observer."""
    listed = surveys(root, Filters(study=wanted.study.name))
    own = run_id(wanted.study.name, wanted.config) if wanted.config else ""
    damaged = [
        f"run {one.run.study}/{one.run.id} is damaged"
        for one in listed
        if one.state == "damaged" and one.run.id != own
    ]
    problems += tuple(damaged)
    holding = [one for one in listed if one.state == "finished" and wanted.observer in one.observers]
    for one in sorted(holding, key=lambda one: one.started, reverse=True):
        problem = _problem(one.run, wanted.observer)
        try:
            record = one.run.read(ConfigRecord)
            config = wanted.study.Config.parse(record.config if record else {})
        except CogattnError as error:  # settings of another version
            problem = problem or f"run {one.run.study}/{one.run.id} cannot be read: {error}"
            config = None
        if problem:
            problems += (problem,)
        elif config is not None and _of_the_same(wanted, config):
            return Chosen(wanted, one.run, config, matches=False, problems=problems)
    return Chosen(wanted, problems=problems)


def _of_the_same(wanted: Wanted, config: StudyConfig) -> bool:
    """Whether a run's observer is the card's: its id says so, or, where the id is a schedule's, the settings do."""
    ours = _networks(wanted.config)
    return wanted.observer in ours or ours == _networks(config)


def _networks(config: StudyConfig | None) -> tuple[str, ...]:
    """The networks that settings name, of timm or targets."""
    observer = getattr(config, "observer", None)
    return tuple(getattr(observer, "models", ()) or getattr(observer, "target", ()))


def _unknown(model: str) -> str:
    """The sentence for a name that no study knows, with the networks that it may have meant."""
    import difflib

    import timm

    text = model[:80]
    close = difflib.get_close_matches(text, timm.list_models(), n=3)
    hint = f"did you mean {', '.join(close)}?" if close else "`cogattn models` lists names"
    return (
        f"model must be a network of timm, module:factory, or a decoder of cogattn aad; got {text!r}; {hint}"
    )
