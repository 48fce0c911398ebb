"""What a reader of scenes leaves out, counted by reason, so that a run can say it."""

from __future__ import annotations

from collections import defaultdict

N_NAMED = 3
"""How many cases a sentence names."""


class LeftOut:
    """Counts what is left out; each reason becomes one sentence.

    Examples
    --------
    >>> left_out = LeftOut()
    >>> left_out.add("scanpath", "without a fixation", "AMB, kitchen_3")
    >>> left_out.sentences()
    ('1 scanpath without a fixation was left out (AMB, kitchen_3)',)
    """

    def __init__(self) -> None:
        self._cases: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, thing: str, reason: str, where: str) -> None:
        """Count one `thing` (a noun in the singular) that is left out for a reason ("without ...", "whose ...")."""
        self._cases[thing, reason].append(where)

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence a reason, in the order of the alphabet."""
        return tuple(
            _sentence(thing, reason, sorted(cases)) for (thing, reason), cases in sorted(self._cases.items())
        )


def _sentence(thing: str, reason: str, cases: list[str]) -> str:
    more = f" and {len(cases) - N_NAMED:,} more" if len(cases) > N_NAMED else ""
    named = "; ".join(cases[:N_NAMED]) + more
    were = "was" if len(cases) == 1 else "were"
    return f"{many(len(cases), thing)} {reason} {were} left out ({named})"


def many(n: int, thing: str) -> str:
    """Return how many there are of a noun.

    >>> many(1, "box"), many(1200, "scanpath")
    ('1 box', '1,200 scanpaths')
    """
    return f"{n:,} {thing if n == 1 else plural(thing)}"


def plural(thing: str) -> str:
    """Return a noun for many of its kind.

    >>> plural("box"), plural("scanpath")
    ('boxes', 'scanpaths')
    """
    return f"{thing}es" if thing.endswith("x") else f"{thing}s"
