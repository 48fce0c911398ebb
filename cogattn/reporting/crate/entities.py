"""Entities of JSON-LD: references to them, their identifiers, persons among them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

Entity = dict[str, JsonValue]
ROOT = "./"
"""The data set that a crate is."""
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")


def at(identifier: JsonValue) -> Entity:
    """Return a reference to an entity."""
    return {"@id": identifier}


def word(text: str) -> str:
    """Return a text as a part of an @id: no blanks or other characters that an address may not have."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


def bare_name(text: str) -> str:
    """Return a person's name without the ORCID."""
    return " ".join(re.sub(rf"<?(?:https?://orcid\.org/)?{_ORCID.pattern}>?", "", text).split())


def person(text: str) -> Entity:
    """Return a person by name and, where it is told, ORCID: ``Ada Lovelace 0000-0002-1825-0097``."""
    orcid, name = _ORCID.search(text), bare_name(text)
    own = f"https://orcid.org/{orcid[0]}" if orcid else f"#person-{word(name)}"
    return {"@id": own, "@type": "Person", "name": name}


def each_once(entities: Sequence[Entity]) -> list[Entity]:
    """Return the first entity of each @id, as JSON-LD is written compactly: no empty lists, none of one."""
    found: dict[str, Entity] = {}
    for entity in entities:
        found.setdefault(
            str(entity["@id"]), {name: _compact(value) for name, value in entity.items() if value != []}
        )
    return list(found.values())


def _compact(value: JsonValue) -> JsonValue:
    return value[0] if isinstance(value, list) and len(value) == 1 else value
