"""What the study measures: keys that its summary rows carry, made of what a scenario's score is (a share, bits)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from cogattn.measures import Measure

N_NEWEST = 3
"""Tasks that are new, at the end."""
ACCURACY = Measure("accuracy", "share", "accuracy", scale="share")
"""The score of scenarios that classify."""


@dataclass(frozen=True)
class Measures:
    """All measures of a scenario, by what they are.

    Scores have the score's own scale; differences of scores are linear. Where a score is no accuracy, its key stands
    behind those of differences, so that runs of different scores are not joined.
    """

    average: Measure
    """Mean over tasks after the last phase."""
    need_weighted: Measure
    """The same, each task weighed by how much the environment needs it."""
    newest: Measure
    """Of the tasks learnt last."""
    incremental: Measure
    """Mean over phases of the mean over tasks met by then."""
    forgetting: Measure
    """As Chaudhry et al. (2018) define it."""
    backward: Measure
    """As Lopez-Paz and Ranzato (2017) define it."""
    forward: Measure
    """Likewise, the baseline being the same network untrained."""
    facilitation: Measure
    """Rise of the early learning curve of new items from phase 1 to the last third of phases; early is the first half
    of a phase, which is as many updates in every phase of every schedule of equal budget."""
    facilitation_items: Measure
    """The same where early is as many new items in every phase: what rehearses then has made more updates."""
    over_uniform: Measure
    """Average less that of uniform rehearsal, of the same seed."""
    over_none: Measure
    """Average less that without rehearsal, of the same seed, on as many items."""
    facilitation_over_none: Measure
    """Facilitation less that without rehearsal, of the same seed, at as many updates."""
    facilitation_items_over_none: Measure
    """The same at as many new items."""

    @classmethod
    def of(cls, score: Measure) -> Measures:
        """Make them of a scenario's score."""
        label = score.label

        def change(key: str, words: str, *parameters: str) -> Measure:
            measure = Measure(key, score.unit, words)
            own = () if score.key == ACCURACY.key else (score.key,)
            return measure.at(*own, *parameters, label=words) if own or parameters else measure

        return cls(
            average=score,
            need_weighted=score.at("need_weighted", label=f"{label}, weighed by need"),
            newest=score.at("newest", N_NEWEST, label=f"{label}, newest {N_NEWEST} tasks"),
            incremental=score.at("incremental", label=f"{label}, mean over phases"),
            forgetting=change("forgetting", "forgetting"),
            backward=change("backward_transfer", "backward transfer"),
            forward=change("forward_transfer", "forward transfer"),
            facilitation=change("facilitation", "facilitation"),
            facilitation_items=change("facilitation", "facilitation, equal new items", "equal_items"),
            over_uniform=replace(score.at("over_uniform", label=f"{label} over uniform"), scale="linear"),
            over_none=replace(score.at("over_none", label=f"{label} over none"), scale="linear"),
            facilitation_over_none=change("facilitation", "facilitation over none", "over_none"),
            facilitation_items_over_none=change(
                "facilitation", "facilitation over none, equal new items", "equal_items", "over_none"
            ),
        )

    def __iter__(self) -> Iterator[Measure]:
        return (getattr(self, one.name) for one in fields(self))


ALL = tuple(Measures.of(ACCURACY))
"""Of scenarios that classify."""
