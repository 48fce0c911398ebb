"""All that can be known to be wrong with a run before its first search."""

from __future__ import annotations

import math

import torch

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers.build import build_network
from cogattn.observers.check import check as check_observer
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.observers.network import Network
from cogattn.observers.skeletons import skeleton_of
from cogattn.psychophysics.search.config import FoveaSettings, SearchConfig
from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS
from cogattn.psychophysics.search.eccnet import plan as eccnet
from cogattn.psychophysics.search.natural import checks as natural
from cogattn.psychophysics.search.people import read_people
from cogattn.psychophysics.search.plan import n_cells, networks_of
from cogattn.psychophysics.search.searchers.inline import inline_of
from cogattn.psychophysics.search.searchers.places import n_places
from cogattn.vision.fovea import Backbone
from cogattn.vision.glances import has_own_fovea
from cogattn.vision.retina import INTEGRATIONS

MAX_CELLS = 100_000
MAX_PLACES = 20_000
"""Under ``elm`` every place is weighed from every other: 20,000 take 10 GB."""
MAX_VALUES = 50_000_000
"""Places of all searches of a display at once: 400 MB an array."""
PROBE_PX = 96
OURS = ("rules", "matching", "n_searches")
"""Settings that eccNET does not read."""
CHOICES = ("foveas", "levels", "targets", "temperatures")
"""Settings of the multiverse that are lists."""


def check(config: SearchConfig) -> None:
    """Refuse settings that no run can end well with.

    Raises
    ------
    ConfigError
        If something is named twice, settings make no sense together, the plan or a search has no bound, or its places
        do not fit into memory.
    ObserverError
        If a network is unknown, its weights are out of reach or do not fit, it does not show the features that the
        fovea needs, or has no weights of which an untrained copy could be made.
    DataError
        If the table of persons, or the scenes, cannot be read.
    """
    read_people(config.humans)
    _check_names(config)
    _check_choices(config)
    _check_levels(config)
    if config.scenes.path is None:
        _check_plan(config)
        _check_rules(config)
    check_observer(config.observer, seed=config.seed)
    if config.searcher == "eccnet":
        eccnet.check(config)
    else:
        _check_networks(config)
    if config.scenes.path is not None:
        natural.check(config)


def _check_names(config: SearchConfig) -> None:
    lists = {"tasks": config.tasks, "controls": config.controls, "eccnet.ablate": config.eccnet.ablate}
    lists |= {f"multiverse.{name}": getattr(config.multiverse, name) for name in CHOICES}
    for setting, names in lists.items():
        if len(set(names)) < len(names):
            raise ConfigError(f"{setting} must name each once; got {', '.join(map(str, names))}")


def _check_choices(config: SearchConfig) -> None:
    """Settings that another one has no use for."""
    scenes, ours = config.scenes.path is not None, config.searcher == "matching"
    if scenes and not ours:
        raise ConfigError("searcher must be matching where scenes.path is given; got eccnet")
    if scenes and "ideal" in config.controls and config.controls != SearchConfig().controls:
        raise ConfigError(
            "controls must leave out ideal where scenes.path is given: nobody knows all that could be mistaken for the "
            f"target; got {', '.join(config.controls)}"
        )
    if not ours and (unanswered := [name for name in config.tasks if EXPERIMENTS[name].absent]):
        raise ConfigError(
            "tasks must be of the paper's six where searcher is eccnet, which cannot say that there is no target; got "
            f"{', '.join(unanswered)}"
        )
    for setting in ("without", "ablate"):
        rules = getattr(config.eccnet, setting)
        if rules and ours:
            raise ConfigError(
                f"eccnet.{setting} must be empty unless searcher is eccnet; got {', '.join(rules)}"
            )
    if both := set(config.eccnet.without) & set(config.eccnet.ablate):
        raise ConfigError(f"eccnet.ablate must name no rule of eccnet.without; got {', '.join(sorted(both))}")
    if not ours and config.fovea != FoveaSettings():
        raise ConfigError(
            f"fovea must be left as it is where searcher is eccnet, which has its own; got {config.fovea.preset}, "
            f"{config.fovea.place}"
        )
    if not ours:
        _check_part_in_eccnet(config)
    if config.multiverse.foveas:
        _check_multiverse(config)


def _check_part_in_eccnet(config: SearchConfig) -> None:
    """Rules of looking and matching that nobody follows: eccNET has its own, controls without a network have these."""
    plain = SearchConfig()
    unread = [name for name in OURS if getattr(config, name) != getattr(plain, name)]
    if unread and set(config.controls) <= {"no_fovea", "random_weights"}:
        raise ConfigError(
            f"{unread[0]} must be left as it is where searcher is eccnet and controls name none of pixels, ideal and "
            f"chance: eccNET has rules of its own; got {', '.join(config.controls) or 'no controls'}"
        )


def _check_multiverse(config: SearchConfig) -> None:
    for setting, wrong in (
        ("scenes.path", config.scenes.path is not None),
        ("searcher", config.searcher != "matching"),
        ("fovea.place", config.fovea.place != "late"),
    ):
        if wrong:
            raise ConfigError(
                f"multiverse.foveas must be empty: its searchers match features of drawn displays behind the network; "
                f"got {', '.join(config.multiverse.foveas)} ({setting})"
            )
    if all(len(EXPERIMENTS[name].conditions) < 2 for name in config.tasks):
        raise ConfigError(
            f"tasks must hold one with two sides where multiverse.foveas are given; got {', '.join(config.tasks)}"
        )
    empty = [name for name in CHOICES if not getattr(config.multiverse, name)]
    if empty:
        raise ConfigError(
            f"multiverse.{empty[0]} must name a choice where multiverse.foveas are given; got none"
        )
    cold = [value for value in config.multiverse.temperatures if not 0 <= value < math.inf]
    if cold:
        raise ConfigError(f"multiverse.temperatures must be 0 or more; got {cold[0]:g}")
    if "eccnet" in config.multiverse.foveas and config.matching.n_levels != 3:
        raise ConfigError(f"matching.n_levels must be 3 for eccNET's fovea; got {config.matching.n_levels}")


def _check_levels(config: SearchConfig) -> None:
    chosen = {"matching.levels": (config.matching.levels,)}
    if config.multiverse.foveas:
        chosen["multiverse.levels"] = config.multiverse.levels
    for setting, rules in chosen.items():
        for rule in rules:
            if rule.startswith("only_") and int(rule.removeprefix("only_")) > config.matching.n_levels:
                raise ConfigError(
                    f"{setting} must be one of the matching.n_levels = {config.matching.n_levels} depths; got {rule}"
                )


def _check_plan(config: SearchConfig) -> None:
    if n_cells(config) > MAX_CELLS:
        raise ConfigError(
            f"displays.n_displays, n_random and observer must plan at most {MAX_CELLS:,} cells together; "
            f"got {n_cells(config):,}"
        )


def _check_rules(config: SearchConfig) -> None:
    rules = config.rules
    if rules.max_fixations is None and (endless := [name for name in config.tasks if _endless(config, name)]):
        raise ConfigError(
            "rules.quit_below must be above 0, or rules.max_fixations be given, where displays have no target: no "
            f"searcher could end its search for it; got {rules.quit_below or 0:g} ({endless[0]})"
        )
    most = max(n_places(EXPERIMENTS[name], pitch_deg=rules.pitch_deg) for name in config.tasks)
    limit = MAX_PLACES if rules.look == "elm" else MAX_VALUES // config.n_searches
    if most > limit:
        cause = "rules.look = elm" if rules.look == "elm" else f"n_searches = {config.n_searches}"
        raise ConfigError(
            f"rules.pitch_deg must leave at most {limit:,} places with {cause}; got {rules.pitch_deg:g} degrees, "
            f"{most:,} places"
        )


def _endless(config: SearchConfig, name: str) -> bool:
    """Whether displays of a task have no target and nothing tells a searcher to give up."""
    own, given = EXPERIMENTS[name].absent, config.rules.quit_below
    return (own or config.displays.target_absent) and not (own if given is None else given)


def _check_networks(config: SearchConfig) -> None:
    for network in networks_of(config):
        if isinstance(config.observer, TimmObserver):
            _check_features(config, skeleton_of(network.id, config.observer.fovea))
        else:
            _check_own(config, network.id)


def _check_own(config: SearchConfig, name: str) -> None:
    """A factory's network, or a live one: it must be built to be known."""
    network = build_network(config.observer, name, seed=config.seed)
    _check_features(config, network)
    setting = "observer.target" if isinstance(config.observer, FactoryObserver) else "observer"
    try:
        levels = Backbone(network, n_levels=config.matching.n_levels)(
            torch.full((1, 3, PROBE_PX, PROBE_PX), 0.5)
        )
        answered = all(level.maps.ndim == 4 and bool(level.maps.isfinite().all()) for level in levels)
    except Exception as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise ObserverError(
            f"{setting} must show its features of images of {PROBE_PX} pixels; got {cause} ({name})"
        ) from error
    if not answered:
        raise ObserverError(
            f"{setting} must show finite features (n, channels, height, width); got others ({name})"
        )
    if "random_weights" in config.controls:
        _check_copy(config, network, name)


def _check_features(config: SearchConfig, network: Network) -> None:
    n_levels, inline = config.matching.n_levels, config.fovea.place == "inline"
    try:
        if inline:
            inline_of(network, INTEGRATIONS[config.fovea.preset], n_levels=n_levels)
        elif has_own_fovea(Backbone(network, n_levels=n_levels)):
            raise ObserverError(
                f"fovea.place must be inline where the network has its own; got late ({network.name})"
            )
    except ObserverError as error:
        raise ObserverError(f"observer and matching.n_levels = {n_levels} must fit: {error}") from None


def _check_copy(config: SearchConfig, network: Network, name: str) -> None:
    trained = {key: tensor.clone() for key, tensor in network.module.named_parameters()}
    copy = build_network(config.observer, name, seed=config.seed, untrained=True).module
    if all(torch.equal(tensor, trained[key]) for key, tensor in copy.named_parameters()):
        raise ObserverError(
            f"controls must leave out random_weights: {name} has no weights that could be drawn anew; got "
            f"{', '.join(config.controls)}"
        )
