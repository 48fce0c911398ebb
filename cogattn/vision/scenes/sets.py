"""Sets of scenes as data sets with a name, for ``cogattn data list`` and ``--scenes NAME``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cogattn.fetch import Manual, data_sets, locate
from cogattn.running.digests import cache_folder


@dataclass(frozen=True)
class Scenes(Manual):
    """A set of scenes that is put in place by hand, and how a study reads it.

    Parameters
    ----------
    layout : str
        As ``scenes.layout`` has it.
    people : str
        Who looked.
    """

    layout: str = ""
    people: str = ""

    def details(self) -> dict[str, str]:
        """Return who looked, and the settings."""
        return {
            "people": self.people,
            "settings": f'scenes.path = "FOLDER"\nscenes.layout = "{self.layout}"\n'
            f'(scenes.path = "{self.name}" once it is in place)',
        }


def place_of(path: Path) -> Path:
    """Return a path where something is there, else where the data set of that name was put; else the path.

    Data sets are put in place by ``cogattn data fetch NAME --from FOLDER``.
    """
    data_set = None if path.exists() else data_sets().get(str(path))
    return (locate(data_set, cache_folder()) if data_set else None) or path
