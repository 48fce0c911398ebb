"""What a reader of the numbers must know of how fixations became objects."""

from __future__ import annotations

from dataclasses import dataclass, field

from cogattn.psychophysics.scanpath.config import ObjectSettings
from cogattn.vision.scenes.leaving import N_NAMED, many


@dataclass
class Counts:
    """What was counted while layouts and scanpaths were read.

    Parameters
    ----------
    n_layouts, n_fixations : int
        Layouts that are used, fixations in their images.
    n_nominal : int
        Layouts whose scale nobody knows.
    patches : bool
        Whether objects are patches of a grid; `n_with_objects` of `n_scenes` have objects of their own.
    n_beside, beside_deg : int, float
        Fixations that count for an object beside them, and the sum of the distances.
    n_in_several, n_overlapping : int
        Fixations that lie in more than one object; layouts with an object whose middle lies in another.
    n_merged : int
        Fixations that were merged with the one before.
    without_target : list of str
        Scenes whose target is on no object.
    aliased : bool
        Whether everybody has the last person's scanpath.
    """

    n_layouts: int = 0
    n_fixations: int = 0
    n_nominal: int = 0
    patches: bool = False
    n_with_objects: int = 0
    n_scenes: int = 0
    n_beside: int = 0
    beside_deg: float = 0.0
    n_in_several: int = 0
    n_overlapping: int = 0
    n_merged: int = 0
    without_target: list[str] = field(default_factory=list)
    aliased: bool = False


def remarks_of(counts: Counts, settings: ObjectSettings) -> tuple[str, ...]:
    """Return a sentence for each thing that must be known, those that change most first."""
    told = (
        _of_aliasing(counts),
        _of_patches(counts, settings),
        _of_scale(counts),
        _of_beside(counts),
        _of_several(counts),
        _of_merging(counts),
        _of_targets(counts),
    )
    return tuple(sentence for sentence in told if sentence)


def _of_aliasing(counts: Counts) -> str:
    if not counts.aliased:
        return ""
    return (
        "everybody has the scanpath of the last person before each layout (scenes.aliased): what is scored is how a "
        "published data set was built, not people"
    )


def _of_patches(counts: Counts, settings: ObjectSettings) -> str:
    if not counts.patches:
        return ""
    rows, columns = settings.grid
    some = ""
    if counts.n_with_objects and settings.source == "auto":
        some = f", since only {_share_of_layouts(counts.n_with_objects, counts.n_scenes)} objects"
    return f"objects are the patches of a grid of {rows} x {columns} over each image (objects.grid){some}"


def _of_scale(counts: Counts) -> str:
    if not counts.n_nominal:
        return ""
    which = "the layouts" if counts.n_nominal >= counts.n_layouts else many(counts.n_nominal, "layout")
    return (
        f"the scale of {which} is not known: the longer side counts as 32 degrees, and degrees are nominal "
        "(scenes.pixels_per_degree)"
    )


def _of_beside(counts: Counts) -> str:
    if not counts.n_beside:
        return ""
    return (
        f"{_share(counts.n_beside, counts)} on no object and count for the nearest, "
        f"{counts.beside_deg / counts.n_beside:.2f} degrees away on average (objects.beside)"
    )


def _of_several(counts: Counts) -> str:
    if not counts.n_in_several:
        return ""
    return (
        f"{_share(counts.n_in_several, counts)} in more than one object and count for the smallest; in "
        f"{counts.n_overlapping:,} of {many(counts.n_layouts, 'layout')} an object's middle lies in another"
    )


def _of_merging(counts: Counts) -> str:
    if not counts.n_merged:
        return ""
    fixations, were = many(counts.n_merged, "fixation"), "was" if counts.n_merged == 1 else "were"
    return f"{fixations} on the object of the one before {were} merged with it (objects.merge)"


def _of_targets(counts: Counts) -> str:
    cases = sorted(counts.without_target)
    if not cases:
        return ""
    more = f" and {len(cases) - N_NAMED:,} more" if len(cases) > N_NAMED else ""
    named = "; ".join(cases[:N_NAMED]) + more
    return f"in {many(len(cases), 'layout')} the target is on no object, and models are not told it ({named})"


def _share_of_layouts(n: int, of: int) -> str:
    return f"{n:,} of {many(of, 'layout')} {'has' if n == 1 else 'have'}"


def _share(n: int, counts: Counts) -> str:
    return f"{n:,} of {counts.n_fixations:,} fixations ({n / counts.n_fixations:.1%}) lie"
