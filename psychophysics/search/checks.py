"""All that can be known to be wrong with a run before its first search."""

from __future__ import annotations

import timm
import torch

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers.build import build_network, timm_network
from cogattn.observers.check import check as check_observer
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.observers.network import Network
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.people import read_people
from cogattn.psychophysics.search.plan import n_cells, networks_of
from cogattn.psychophysics.search.searchers.inline import InlineNetwork
from cogattn.psychophysics.search.searchers.searching import n_places
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

MAX_CELLS = 100_000
MAX_PLACES = 20_000
"""Under ``elm`` every place is weighed from every other: 20,000 take 10 GB."""
MAX_VALUES = 50_000_000
"""Places of all searches of a display at once: 400 MB an array."""
PROBE_PX = 96


def check(config: SearchConfig) -> None:
    """Refuse settings that no run can end well with.

    Raises
    ------
    ConfigError
        If something is named twice, the plan or a search has no bound, or its places do not fit into memory.
    ObserverError
        If a network is unknown, its weights are out of reach or do not fit, it does not show the features that the
        fovea needs, or has no weights of which an untrained copy could be made.
    DataError
        If the table of persons cannot be read.
    """
    read_people(config.humans)
    _check_plan(config)
    _check_rules(config)
    check_observer(config.observer, seed=config.seed)
    for network in networks_of(config):
        if isinstance(config.observer, TimmObserver):
            _check_features(config, skeleton_of(network.id))
        else:
            _check_own(config, network.id)


def _check_plan(config: SearchConfig) -> None:
    for setting, names in (("tasks", config.tasks), ("controls", config.controls)):
        if len(set(names)) < len(names):
            raise ConfigError(f"{setting} must name each once; got {', '.join(names)}")
    if n_cells(config) > MAX_CELLS:
        raise ConfigError(
            f"displays.n_displays, n_random and observer must plan at most {MAX_CELLS:,} cells together; "
            f"got {n_cells(config):,}"
        )


def _check_rules(config: SearchConfig) -> None:
    rules = config.rules
    if config.displays.target_absent and rules.quit_below == 0 and rules.max_fixations is None:
        raise ConfigError(
            "rules.quit_below must be above 0, or rules.max_fixations be given, with displays.target_absent: no "
            "searcher could end its search for a target that is not there; got 0"
        )
    most = max(n_places(TASKS[name], pitch_deg=rules.pitch_deg) for name in config.tasks)
    limit = MAX_PLACES if rules.look == "elm" else MAX_VALUES // config.n_searches
    if most > limit:
        cause = "rules.look = elm" if rules.look == "elm" else f"n_searches = {config.n_searches}"
        raise ConfigError(
            f"rules.pitch_deg must leave at most {limit:,} places with {cause}; got {rules.pitch_deg:g} degrees, "
            f"{most:,} places"
        )


def skeleton_of(name: str) -> Network:
    """Return timm's network `name` without numbers: its layers and what it says of its features."""
    with torch.device("meta"):
        return timm_network(timm.create_model(name), name=name, device="meta")


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
            InlineNetwork(network, INTEGRATIONS[config.fovea.preset], n_levels=n_levels)
        else:
            Backbone(network, n_levels=n_levels)
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
