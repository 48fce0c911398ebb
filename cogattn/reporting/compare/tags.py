"""Networks of timm that one source calls by their tag (``resnet50.a1_in1k``) and another without it (``resnet50``).

A name without a tag stands for one of the weights that go by it. It is taken for the tagged name of the other sources
where they know only one; where they know several, for the default weights of the installed timm, if these are among
them. What was taken for what is said; what could be several stays alone, and that is said, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cogattn.reporting.compare.values import Source

SHOWN = 3
"""Names that a sentence tells."""


def joined(sources: Sequence[Source]) -> tuple[list[Source], tuple[str, ...]]:
    """Return the sources with names that join, and what a reader must know of them.

    Parameters
    ----------
    sources : sequence of Source
        As they are named.

    Returns
    -------
    sources : list of Source
        In each, a name without a tag is replaced by the tagged one that it was taken for.
    remarks : tuple of str
    """
    found, said = [], []
    for source in sources:
        others = set().union(*(other.observers for other in sources if other is not source))
        taken: dict[str, str] = {}
        unclear: dict[str, list[str]] = {}
        for name in sorted(source.observers - others):
            tagged = sorted(other for other in others if other.startswith(f"{name}."))
            if not tagged or "." in name:
                continue
            choice = tagged[0] if len(tagged) == 1 else _default(name, tagged)
            if choice in source.observers:
                continue
            if choice:
                taken[name] = choice
            else:
                unclear[name] = tagged
        found.append(_renamed(source, taken) if taken else source)
        said += _told(source.name, taken, unclear)
    return found, tuple(said)


def _default(name: str, tagged: Sequence[str]) -> str:
    """The tagged name of timm's default weights, if it is among these, else nothing."""
    import timm

    known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    whole = f"{name}.{known.tag}" if known is not None and known.tag else ""
    return whole if whole in tagged else ""


def _renamed(source: Source, names: dict[str, str]) -> Source:
    values = source.values.assign(observer=source.values["observer"].replace(names))
    return replace(
        source, values=values, families={names.get(name, name): kin for name, kin in source.families.items()}
    )


def _told(source: str, taken: dict[str, str], unclear: dict[str, list[str]]) -> list[str]:
    said = []
    if taken:
        said.append(f"{source}: names without a tag are taken for {_some(list(taken.values()))}")
    if unclear:
        names = [f"{name} ({_some(tagged)})" for name, tagged in unclear.items()]
        said.append(
            f"{source}: names without a tag could be several networks, and join with none: {_some(names)}"
        )
    return said


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
