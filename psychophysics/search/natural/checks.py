"""All that can be known to be wrong with a search of scenes before its first one."""

from __future__ import annotations

from cogattn.errors import ConfigError, DataError
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.natural.plan import n_cells, scenes_of, searched
from cogattn.psychophysics.search.natural.targets import shown
from cogattn.psychophysics.search.searchers.places import n_places_over
from cogattn.vision.scenes.scene import Scene

MAX_CELLS = 100_000
MAX_PLACES = 20_000
"""Under ``elm`` every place is weighed from every other: 20,000 take 10 GB."""
MAX_VALUES = 50_000_000
"""Places of all searches of a scene at once: 400 MB an array."""
INSTEAD = {
    "rules.temperature": "scenes.temperature",
    "rules.pitch_deg": "scenes.pitch_deg",
    "rules.max_fixations": "scenes.max_saccades",
    "matching.knows_distractors": "",
    "fovea.place": "",
    "tasks": "",
    "displays": "",
    "n_random": "scenes.n_random",
    "n_random_displays": "",
    "humans": "",
}
"""Settings that no search of scenes reads, and what it reads instead."""


def check(config: SearchConfig) -> None:
    """Refuse scenes that cannot be read or searched, and settings that have no part in it.

    Raises
    ------
    ConfigError
        If a setting has no part in a search of scenes, the scale is not known, or the places do not fit into memory.
    DataError
        If scenes cannot be read, or one of them has no image, no target or one of which nothing can be shown.
    """
    _check_settings(config)
    every, chosen = scenes_of(config).scenes, searched(config)
    _check_images(every)
    for scene in chosen:
        _check_scale(scene)
        _check_looks(scene, every)
    _check_size(config, chosen)


def _check_settings(config: SearchConfig) -> None:
    plain = SearchConfig()
    for setting, instead in INSTEAD.items():
        given, default = _value(config, setting), _value(plain, setting)
        if given != default:
            hint = f" ({instead} is read instead)" if instead else ""
            raise ConfigError(
                f"{setting} must be left as it is where scenes.path is given; got {_told(given)}{hint}"
            )


def _value(config: SearchConfig, setting: str) -> object:
    value: object = config
    for name in setting.split("."):
        value = getattr(value, name)
    return value


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check_images(every: tuple[Scene, ...]) -> None:
    if lacking := [scene.name for scene in every if scene.picture is None]:
        raise DataError(
            f"scenes must have images to be searched; got none for {len(lacking):,} of {len(every):,} ({lacking[0]})"
        )


def _check_scale(scene: Scene) -> None:
    if scene.pixels_per_degree is None:
        raise ConfigError(
            f"scenes.pixels_per_degree must be given where the files do not tell it; got none ({scene.name})"
        )


def _check_looks(scene: Scene, every: tuple[Scene, ...]) -> None:
    for look in shown(scene, every).looks:
        width, height = look.size
        if width > scene.size_px[1] or height > scene.size_px[0]:
            raise DataError(
                f"a target's picture must not be larger than the scene; got {width} x {height} pixels in one of "
                f"{scene.size_px[1]} x {scene.size_px[0]} ({scene.name})"
            )


def _check_size(config: SearchConfig, chosen: tuple[Scene, ...]) -> None:
    if n_cells(config) > MAX_CELLS:
        raise ConfigError(
            f"scenes and observer must plan at most {MAX_CELLS:,} cells together; got {n_cells(config):,}"
        )
    pitch, elm = config.scenes.pitch_deg, config.rules.look == "elm"
    for scene in chosen:
        n_searches = config.n_searches + len(scene.scanpaths)
        most = n_places_over(scene, pitch_deg=pitch)
        limit = MAX_PLACES if elm else MAX_VALUES // n_searches
        if most > limit:
            cause = "rules.look = elm" if elm else f"{n_searches} searches of a scene"
            raise ConfigError(
                f"scenes.pitch_deg must leave at most {limit:,} places with {cause}; got {pitch:g} degrees, "
                f"{most:,} places ({scene.name})"
            )
