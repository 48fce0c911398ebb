"""What a reader must know before the numbers: first what makes them other than they look, then what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cogattn.measures import Row
from cogattn.observers.config import ReadoutObserver, TimmObserver
from cogattn.people.tables import HUMANS, holds_persons, read_persons, remark_on
from cogattn.psychophysics.naming import material, measures, persons
from cogattn.psychophysics.naming.config import Conflicts, ImageSet, NamingConfig
from cogattn.psychophysics.naming.persons import NamingPeople
from cogattn.vision.images.config import ProceduralImages


def of_conflicts(config: NamingConfig, people: NamingPeople | None, rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the sentences of a run with cue-conflict images, the gravest first.

    Parameters
    ----------
    config : NamingConfig
        Of the run.
    people : NamingPeople or None
        Persons who named the images.
    rows : sequence of Row
        Of the summary.
    """
    drawn = isinstance(config.shown, Conflicts) and config.shown.path is None
    if config.observer.kind == "human":
        unused = "" if drawn else "shown.path is not used: people are told by their answers alone"
        return tuple(filter(None, (unused, remark(people, config))))
    said = (
        "drawn images: their shape bias is not to be set beside that of the published images"
        if drawn
        else "",
        _untrained(config),
        *_unused(config),
        _divided(config),
        remark(people, config),
        _table(config, rows),
    )
    return tuple(filter(None, said))


def of_attacks(config: NamingConfig, rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the sentences of a run with attacked images, the gravest first."""
    nobody = "nobody was attacked: there are no people beside these measures"
    said = (
        _table(config, rows) or nobody,
        _untrained(config),
        *_unused(config),
        _divided(config),
        _skipped(config),
    )
    return tuple(filter(None, said))


def of_network(config: NamingConfig, rows: Sequence[Row] = ()) -> Iterator[str]:
    """Yield what is to be known of the networks of a run with a set, of settings that do nothing, and of images."""
    if config.observer.kind == "human":
        return
    made = config.shown.kind == "made"
    yield from filter(None, (_untrained(config), *_unused(config), _divided(config)))
    yield from filter(None, (_skipped(config) if made else "", _table(config, rows)))


def remark(people: NamingPeople | None, config: NamingConfig) -> str:
    """Return who named the images, and how many of the run's images they saw where these are not all."""
    if people is None:
        return ""
    n_people, n = len(people.trials), len(people.images)
    who = f"naming: {people.name}, {n_people} {'person' if n_people == 1 else 'persons'}"
    if config.observer.kind == "human":
        return f"{who}, {n:,} images; each is set beside the others"
    if people.n_shared == n:
        return f"{who}, all {n:,} images; intervals of means are over persons"
    return (
        f"{who}; they saw {people.n_shared:,} of the {n:,} images, and only these are compared, while the observer's "
        "shape bias is of all"
    )


def _untrained(config: NamingConfig) -> str:
    observer = config.observer
    if not isinstance(observer, TimmObserver | ReadoutObserver) or observer.weights != "random":
        return ""
    what = "networks" if config.observer.kind == "timm" else "features"
    return f"observer.weights is random: the {what} are untrained"


def _unused(config: NamingConfig) -> Iterator[str]:
    """Settings that were given and that change nothing."""
    if config.decision != "mean" and config.observer.kind == "readout":
        yield f"decision ({config.decision}) is not used: a readout knows the images' own categories only"
    if isinstance(config.shown, Conflicts):
        yield from _unused_of_conflicts(config, config.shown)
    named_only = isinstance(config.shown, ImageSet) and config.observer.kind != "readout"
    if named_only and config.images != NamingConfig().images:
        yield "images is not used: a set is shown, and only a readout is trained on others"


def _unused_of_conflicts(config: NamingConfig, shown: Conflicts) -> Iterator[str]:
    images, given = config.images, NamingConfig().images
    if shown.path is not None and shown != Conflicts(path=shown.path):
        yield "shown.n_images and shown.size are of drawn images and not used: images come from shown.path"
    if config.observer.kind != "readout" and images != given:
        yield "images is not used: cue-conflict images are shown, and only a readout is trained on others"
    elif isinstance(images, ProceduralImages) and images.n_images != ProceduralImages().n_images:
        yield (
            f"images.n_images ({images.n_images}) is not used: observer.train_per_category counts those that train"
        )


def _divided(config: NamingConfig) -> str:
    """Where images come from files, training takes its part of them."""
    training = material.training(config)
    if training is None or config.images.kind == "procedural":
        return ""
    n_train, n = len(training.images), len(material.whole_images(config))
    rest = {"attacked": f", {n} are left to be attacked", "made": f", {n} are left to be shown"}
    return f"{n_train} of {n_train + n} images train the readout{rest.get(config.shown.kind, '')}"


def _skipped(config: NamingConfig) -> str:
    skipped = material.whole_images(config).skipped
    if not skipped:
        return ""
    shown = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
    return f"{len(skipped)} damaged image(s) were skipped ({shown}{'; ...' if len(skipped) > 3 else ''})"


def _table(config: NamingConfig, rows: Sequence[Row]) -> str:
    """Who a table of persons is, where ``humans`` names one."""
    given, setting = persons.named(config)
    if setting != HUMANS or not given or not holds_persons(given):
        return ""
    return remark_on(given, read_persons(given, known=measures.ALL), rows)
