"""What can be known to be wrong with networks beside the people of Flesch et al. (2018) before any of them learns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cogattn.config import refuse_changed
from cogattn.errors import ConfigError
from cogattn.rehearsal.config import (
    NetworkSettings,
    RehearsalConfig,
    TrainingSettings,
    TreesSettings,
)

UNREAD = ("n_new", "batch")
"""Settings of training that have no part where a step is a trial."""
SETTLED = ("n_tasks", "network.depth", "training.optimiser", "training.reset")
"""Settings that the scenario has settled: two tasks, one hidden layer, plain gradient descent without an end."""


def check(config: RehearsalConfig) -> None:
    """Refuse trials that cannot be read and settings that have no part here.

    Raises
    ------
    ConfigError
        If there are penalties, several widths, schedules without a budget, a size of batches.
    DataError
        If the published trials are missing, damaged, or not what they should be.
    """
    from cogattn.rehearsal import rules

    if config.penalties:
        raise ConfigError(
            f"penalties must be left out for trees, where tasks have no end; got {', '.join(config.penalties)}"
        )
    for rule in rules.rules_of(config):
        if not rule.equal_budget:
            raise ConfigError(f"schedules must keep to the budget for trees; got {rule.text}")
    if len(config.network.widths) > 1:
        raise ConfigError(
            f"network.widths must be one for trees; got {', '.join(map(str, config.network.widths))}"
        )
    for name in UNREAD:
        if (value := getattr(config.training, name)) is not None:
            raise ConfigError(f"training.{name} must be left out for trees, a step a trial; got {value}")
    refuse_changed(config, SETTLED, "scenario is trees")
    if (folder := place(config)) is not None:
        from cogattn.rehearsal.trees import reading

        reading.read(folder, config.trees.experiment)


def place(config: RehearsalConfig) -> Path | None:
    """Return the folder of the published trials; None where there are none."""
    if config.trees.path is None:
        return None
    from cogattn.vision.scenes.sets import place_of

    return place_of(config.trees.path)


def contents(config: RehearsalConfig) -> Mapping[str, str]:
    """Return the digest of the published trials, by their file's name; nothing where schedules are simulated."""
    if (folder := place(config)) is None:
        return {}
    from cogattn.rehearsal.trees.reading import file_of
    from cogattn.running.digests import file_digest

    file = file_of(folder, config.trees.experiment)
    return {file.name: file_digest(file)}


def relevant(config: RehearsalConfig) -> Mapping[str, object]:
    """Return the settings of its own that can change its trials: people or how many twins, one width, the rate."""
    given = config.trees
    own = given if given.path is None else given.model_copy(update={"n_twins": TreesSettings().n_twins})
    return {
        "trees": own,
        "network": NetworkSettings(widths=config.network.widths[:1]),
        "training": TrainingSettings(learning_rate=learning_rate(config)),
    }


def learning_rate(config: RehearsalConfig) -> float:
    """Return the rate of gradient descent: as given, else the scenario's own."""
    return config.training.learning_rate or LEARNING_RATE


LEARNING_RATE = 1.0
"""The default of networks; `networks` says how it was chosen."""
