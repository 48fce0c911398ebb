"""All that can be known to be wrong with tasks A, B and A before any training, and what their cells hang on."""

from __future__ import annotations

from collections.abc import Mapping

from cogattn.config import refuse_changed
from cogattn.errors import ConfigError
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.rules import rules_of

UNREAD = ("penalties", "n_tasks", "network", "training", "rehearsal.mixing")
"""Settings that have no part here: the networks and their training are the published ones."""


def check(config: RehearsalConfig) -> None:
    """Refuse what this scenario cannot do, and people who cannot be read.

    Raises
    ------
    ConfigError
        If there are regularisers, schedules of unequal budget, or settings that nobody reads here.
    DataError
        If people's trials are given and cannot be used.
    """
    refuse_changed(config, UNREAD, "scenario is transfer")
    unequal = [rule.text for rule in rules_of(config) if not rule.equal_budget]
    if unequal:
        raise ConfigError(
            "schedules must rehearse by the budget where the scenario is transfer, one trial after the other; got "
            f"{', '.join(unequal)}"
        )
    if config.transfer.path is not None:
        from cogattn.rehearsal.transfer.reader import read_people

        read_people(config.transfer.path)


def contents(config: RehearsalConfig) -> Mapping[str, str]:
    """Return the digest of people's trials; nothing where none are given."""
    if config.transfer.path is None:
        return {}
    from cogattn.rehearsal.transfer.reader import digest

    return {"transfer.path": digest(config.transfer.path)}


def relevant(config: RehearsalConfig) -> Mapping[str, object]:
    """Return the settings of this scenario's own that can change its trials."""
    return {"transfer": config.transfer}
