"""What only people can say of a run: who made it, who its authors are, on what terms it may be used."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from cogattn.errors import ConfigError
from cogattn.reporting.crate.entities import ROOT, Entity, at, bare_name, each_once, person

_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


@dataclass(frozen=True)
class Deposit:
    """What only people can say of a run.

    Parameters
    ----------
    authors : tuple of str
        Names, each with its ORCID where there is one: ``Ada Lovelace 0000-0002-1825-0097``.
    agent : str
        Who ran it, in the same form.
    licence : str
        Of the run's own tables and figures: an SPDX identifier (``CC-BY-4.0``), an address, or a sentence.

    Raises
    ------
    ConfigError
        If a name is empty.
    """

    authors: tuple[str, ...] = ()
    agent: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        told = [
            *(("--author", name) for name in self.authors),
            *([("--agent", self.agent)] if self.agent else []),
        ]
        for flag, name in told:
            if not bare_name(name):
                raise ConfigError(f"{flag} must be a name, an ORCID may follow; got {name!r}")


UNSAID = Deposit()


def with_deposit(document: Mapping[str, JsonValue], deposit: Deposit) -> Entity:
    """Return metadata with what people say of the run."""
    changed = copy.deepcopy(dict(document))
    graph = changed["@graph"]
    entities = [entity for entity in graph if isinstance(entity, dict)] if isinstance(graph, list) else []
    root = next(entity for entity in entities if entity["@id"] == ROOT)
    if deposit.licence:
        root["license"], added = _licence(deposit.licence)
        entities += added
    if deposit.authors:
        people = [person(name) for name in deposit.authors]
        root["author"] = [at(one["@id"]) for one in people]
        entities += people
    if deposit.agent:
        agent = person(deposit.agent)
        for entity in entities:
            if entity["@type"] == "CreateAction":
                entity["agent"] = at(agent["@id"])
        entities.append(agent)
    return {**changed, "@graph": [*each_once(entities)]}


def _licence(licence: str) -> tuple[JsonValue, list[Entity]]:
    """What stands for a licence, and its own entity where it has an address."""
    if licence.startswith(("https://", "http://")):
        address = licence
    elif _SPDX.fullmatch(licence):
        address = f"https://spdx.org/licenses/{licence}"
    else:
        return licence, []
    entity: Entity = {
        "@id": address,
        "@type": "CreativeWork",
        "name": licence,
        "description": f"Licence {licence}",
    }
    return at(address), [entity]
