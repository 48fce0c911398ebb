"""All that can be known to be wrong with a run before its first cell."""

from __future__ import annotations

from cogattn.config import refuse_changed
from cogattn.errors import ConfigError, DataError, ObserverError
from cogattn.observers import roster
from cogattn.observers.build import build_network
from cogattn.observers.check import check as check_observer
from cogattn.observers.config import TimmObserver
from cogattn.observers.skeletons import skeleton_of
from cogattn.psychophysics.scanpath import costs, leaks, plan
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.fitted import Fitted
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.models.seeing import N_DEPTHS
from cogattn.vision.fovea import Backbone

MAX_CELLS = 100_000
MAX_MEMORY_MB = 64_000.0
N_NAMED = 3
OF_SCENES = ("layout", "pixels_per_degree")
"""Settings of ``scenes`` that simulated ones do not read."""
OF_FITTING = (
    "observer", "appearance", "models", "network", "training", "controls", "n_random", "baselines", "viewers",
)  # fmt: skip
"""Settings that nobody reads where models of another run are tested."""


def check(config: ScanpathConfig) -> None:
    """Refuse settings that no run can end well with.

    Raises
    ------
    ConfigError
        If something is named twice, a setting has no part in the run, there are no images to look at, or the run has
        no bound.
    DataError
        If scenes, scanpaths, predictions or weights cannot be used, layouts are no grid where the published model needs
        one, or a test shares with training what it must not.
    ObserverError
        If a network is unknown or its weights are out of reach.
    """
    _check_lists(config)
    _check_unread(config)
    _check_files(config)
    data = plan.data_of(config)
    if config.weights is None:
        _check_models(config, data)
    else:
        _check_fitted(config, data)
    _check_names(config)
    _check_leaks(config, data)
    _check_predictions(config, data)
    _check_size(config)


def _check_lists(config: ScanpathConfig) -> None:
    lists: dict[str, tuple[object, ...]] = {
        name: getattr(config, name) for name in ("models", "controls", "baselines", "viewers", "predictors")
    }
    lists |= {f"network.{name}": getattr(config.network, name) for name in ("without", "ablate")}
    for setting, names in lists.items():
        if len(set(names)) < len(names):
            raise ConfigError(f"{setting} must name each once; got {', '.join(map(str, names))}")
    if both := sorted(set(config.network.without) & set(config.network.ablate)):
        raise ConfigError(f"network.ablate must name no part of network.without; got {', '.join(both)}")


def _check_unread(config: ScanpathConfig) -> None:
    """Settings that another one has no use for."""
    if config.scenes.path is not None:
        refuse_changed(config, ("synthetic",), "scenes.path is given")
    else:
        names = tuple(f"scenes.{name}" for name in OF_SCENES)
        refuse_changed(config, names, "layouts are simulated (scenes.path)")
    if config.weights is not None:
        refuse_changed(config, OF_FITTING, "weights are given: their run has settled it")
        names = tuple(f"split.{name}" for name in ("by", "test", "validation", "n_splits"))
        refuse_changed(config, names, "weights are given: all these scanpaths are tested on")
    elif "ours" not in config.models:
        refuse_changed(config, ("network",), "models are published ones alone")


def _check_files(config: ScanpathConfig) -> None:
    for path in config.predictors:
        if not path.exists():
            raise DataError(f"predictors must be files or folders; got {path}")


def _check_models(config: ScanpathConfig, data: PathSet) -> None:
    """Networks can be built, and there is for all of them what they need."""
    if config.appearance == "network":
        _need_images("appearance must be auto or none", data)
    if plan.sees(config) and "ours" in config.models:
        check_observer(config.observer, seed=config.seed)
        _check_features(config)
    else:
        why = "nobody is told what objects look like by a network (appearance, models)"
        refuse_changed(config, ("observer", "n_random"), why)
    if "published" in config.models:
        from cogattn.psychophysics.scanpath.layouts.grids import grid_of

        grid_of(data.layouts)


def _check_features(config: ScanpathConfig) -> None:
    """Networks show their features at the depths that are looked at."""
    for network in roster.observers_of(config.observer):
        if isinstance(config.observer, TimmObserver):
            built = skeleton_of(network.id, config.observer.fovea)
        else:
            built = build_network(config.observer, network.id, seed=config.seed)
        try:
            Backbone(built, n_levels=N_DEPTHS)
        except ObserverError as error:
            raise ObserverError(f"observer must be a network whose features can be read: {error}") from None


def _need_images(rule: str, data: PathSet) -> None:
    blind = [layout.name for layout in data.layouts if layout.scene.picture is None]
    if blind:
        raise ConfigError(
            f"{rule} where a scene has no image; got network, and {len(blind):,} of {len(data.layouts):,} without one "
            f"({blind[0]})"
        )


def _check_fitted(config: ScanpathConfig, data: PathSet) -> None:
    """Models of another run can be read here, and have all that they need."""
    for fitted in plan.fitted_of(config):
        if fitted.sight is not None or fitted.has_crops:
            _need_images(f"weights must be of models that see no objects ({fitted.observer.id})", data)
        fitted.network_contents()
        if fitted.is_network:
            _check_network(fitted, data)
    seen = _seen(config, data)
    if seen and config.split.leaks == "refuse":
        raise DataError(f"{seen}; leave them out, or see what that scores with split.leaks = show")


def _check_network(fitted: Fitted, data: PathSet) -> None:
    """Weights fit the network that the file says they are of, and layouts the grid that it knows."""
    from cogattn.psychophysics.scanpath.layouts.grids import grid_of
    from cogattn.psychophysics.scanpath.models import saving

    saving.load(fitted.data, source=fitted.where)
    about = saving.read(fitted.data, source=fitted.where).about
    if about.grid is not None:
        there, known = grid_of(data.layouts), about.grid
        if there[0] > known[0] or there[1] > known[1]:
            raise DataError(
                f"objects must be the cells of a grid of at most {known[0]} x {known[1]}, as {fitted.observer.id} "
                f"was fitted on; got {there[0]} x {there[1]} (weights)"
            )


def _seen(config: ScanpathConfig, data: PathSet) -> str:
    """What models of another run were fitted on of these data; empty where nothing."""
    known = {mark: mark for fitted in plan.fitted_of(config) for mark in fitted.trained_on.values()}
    names = leaks.against(data, known)
    if not names:
        return ""
    more = f" and {len(names) - N_NAMED:,} more" if len(names) > N_NAMED else ""
    return (
        f"layouts must be none that the models of weights were fitted on; got {len(names):,} of "
        f"{len(data.layouts):,} ({', '.join(names[:N_NAMED])}{more})"
    )


def _check_names(config: ScanpathConfig) -> None:
    ids = [observer.id for observer in plan.observers_of(config)]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise ConfigError(
            f"observers must have different names; got {twice} twice (observer, predictors, baselines, weights)"
        )


def _check_leaks(config: ScanpathConfig, data: PathSet) -> None:
    """Every split has all its parts, and its test shares nothing with training that it must not."""
    if config.weights is None:
        for number in plan.splits_of(config):
            leaks.find(data, plan.split_of(config, number)).raise_or_say(config.split)


def _check_predictions(config: ScanpathConfig, data: PathSet) -> None:
    from cogattn.psychophysics.scanpath.baselines import outside

    for path in config.predictors:
        outside.read(path, data, config.objects)


def _check_size(config: ScanpathConfig) -> None:
    cells = plan.cells_of(config)
    if len(cells) > MAX_CELLS:
        raise ConfigError(
            f"split.n_splits and observer must plan at most {MAX_CELLS:,} cells together; got {len(cells):,}"
        )
    first = {cell.observer: cell for cell in reversed(cells)}
    for cell in first.values():
        memory = costs.cost(config, cell).memory_mb
        if memory > MAX_MEMORY_MB:
            raise ConfigError(
                f"objects.grid, training.batch and network must leave a cell at most {MAX_MEMORY_MB:,.0f} MB; got "
                f"about {memory:,.0f} ({cell.label})"
            )
