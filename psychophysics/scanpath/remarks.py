"""What a reader of a run must hear before the numbers: what is no result first, then what numbers are of, then they."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.columns import MULTIMATCH
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.likelihood import NO_CONTENT, Likelihoods
from cogattn.psychophysics.scanpath.likeness import PEOPLE, Likeness
from cogattn.psychophysics.scanpath.splits import stopped

Tables = Mapping[str, pd.DataFrame]
FEW_GROUPS, FEW_PEOPLE = 10, 4
"""Below these intervals are wide, and how wide is itself uncertain."""
N_NAMED = 3

TOLD_WHERE = (
    "Models are told which object is the target, and so where it is (objects.target_position): these are paths to a "
    "known place, not searches."
)
TOLD_NOT = "Models are not told which object is the target (objects.target_position)."
BITS_OF = (
    "Bits are of the object that a person looked at next, given that the path goes on; of a person, they are those "
    "that the choice model needs when it is told of the most other viewers."
)


@dataclass(frozen=True)
class Said:
    """What was found out before the trials, each a sentence.

    Parameters
    ----------
    leaks : tuple of str
        What tests give away, split by split.
    transfer : tuple of str
        What models of another run had seen of these layouts.
    left_out : tuple of str
        Who was asked for and could not take part.
    predictions : tuple of str
        What predictions from elsewhere are.
    """

    leaks: tuple[str, ...] = ()
    transfer: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: ScanpathConfig) -> Said:
        """Find it out."""
        from cogattn.psychophysics.scanpath import leaks, plan
        from cogattn.psychophysics.scanpath.baselines import outside

        data = plan.data_of(config)
        found = []
        if config.weights is None:
            for number in plan.splits_of(config):
                if sentence := leaks.find(data, plan.split_of(config, number)).sentence():
                    found.append(f"split {number}: {sentence}")
        read = [outside.read(path, data, config.objects).said for path in config.predictors]
        return cls(
            leaks=tuple(found),
            transfer=tuple(_transfer(config, data)),
            left_out=plan.left_out(config),
            predictions=tuple(sentence for said in read for sentence in said),
        )


def _transfer(config: ScanpathConfig, data: PathSet) -> Iterator[str]:
    """What models of another run are tested on here, and what they had seen of it."""
    from cogattn.psychophysics.scanpath import leaks, plan

    if config.weights is None:
        return
    fitted = plan.fitted_of(config)
    yield (
        f"Models come from another run ({config.weights}), {len(fitted)} of them; none was fitted here, and each is "
        f"tested on all {len(data.paths):,} scanpaths of {len(data.layouts):,} layouts."
    )
    seen = {name for one in fitted for name in leaks.against(data, one.trained_on)}
    if seen:
        yield (
            f"Not a result of new layouts: {len(seen):,} of these {len(data.layouts):,} layouts were in the models' "
            f"own training or validation ({_some(sorted(seen))})."
        )
    else:
        yield "None of these layouts was in the models' training or validation."
    nominal = any(layout.scene.pixels_per_degree is None for layout in data.layouts)
    scales = {one.about["scale"] for one in fitted if "scale" in one.about}
    if scales and scales != {"nominal" if nominal else "known"}:
        there, here = ("nominal", "known") if not nominal else ("known", "nominal")
        yield f"Degrees are {here} here and were {there} where models were fitted: distances are not the same to them."


def remarks_of(
    config: ScanpathConfig,
    data: PathSet,
    likelihoods: Likelihoods,
    likeness: Likeness,
    tables: Tables,
    said: Said,
) -> tuple[str, ...]:
    """Return the remarks of a run.

    Parameters
    ----------
    config : ScanpathConfig
        Its settings.
    data : PathSet
        Layouts and scanpaths.
    likelihoods : Likelihoods
        Who says how likely fixations are.
    likeness : Likeness
        Who drew paths.
    tables : mapping of str to DataFrame
        ``likelihood``, ``scores``, ``splits``, and ``worth`` where there are other viewers.
    said : Said
        What was found out before.
    """
    return (
        *(f"Not a result: {sentence}." for sentence in said.leaks),
        *said.transfer,
        *(_sentence(one) for one in data.remarks),
        *_trial_splits(config),
        *_target(config, data),
        *_test(likelihoods, likeness),
        *(_sentence(one) for one in (*data.left_out, *said.left_out, *said.predictions)),
        *([BITS_OF] if likelihoods.curve is not None else []),
        *_training(tables["splits"], config),
        *_viewers(tables["viewers"]),
        *_order(tables["scores"]),
        *_multimatch(tables["scores"]),
        *_impossible(likelihoods),
        *_findings(likelihoods.observers, tables),
    )


def _trial_splits(config: ScanpathConfig) -> Iterator[str]:
    if config.weights is None and config.split.by != "layout":
        shared = {
            "trial": "layouts and persons are in training as well (split.by = trial)",
            "person": "layouts are in training as well, seen by others (split.by = person)",
            "target": "persons are in training as well (split.by = target)",
        }
        yield f"The test is of other {config.split.by}s than training; its {shared[config.split.by]}."


def _target(config: ScanpathConfig, data: PathSet) -> Iterator[str]:
    if not any(layout.target_name for layout in data.layouts):
        yield "Nobody looked for anything: free viewing, and no path ends on a target."
    elif config.objects.target_position == "unknown":
        yield TOLD_NOT
    elif any(layout.target is not None for layout in data.layouts):
        yield TOLD_WHERE


def _test(likelihoods: Likelihoods, likeness: Likeness) -> Iterator[str]:
    rows, paths = likelihoods.fixations.rows, likeness.paths.rows
    both = pd.concat([rows[["group", "person"]], paths[["group", "person"]]])
    n_groups, n_people = both["group"].nunique(), both["person"].nunique()
    yield (
        f"Tested on {len(paths):,} scanpaths ({len(rows):,} fixations) of {n_people} persons over {n_groups} groups of "
        "layouts; intervals are over groups and persons at once, differences on the same fixations."
    )
    if n_groups < FEW_GROUPS or n_people < FEW_PEOPLE:
        yield (
            f"{n_groups} groups of layouts and {n_people} persons are few: intervals are wide, and what they say of "
            "other layouts and people is itself uncertain."
        )


def _training(splits: pd.DataFrame, config: ScanpathConfig) -> Iterator[str]:
    for name, n, of in stopped(splits):
        yield (
            f"{name} still got better when training ended in {n} of {of} splits (training.max_epochs = "
            f"{config.training.max_epochs}): it could do better."
        )


def _viewers(viewers: pd.DataFrame) -> Iterator[str]:
    """Whether other viewers tell anything, without which nothing can be worth some."""
    if len(viewers) > 1 and not viewers["gain_lo"].iloc[-1] > 0:
        row = viewers.iloc[-1]
        yield (
            f"Told of {row['n_viewers']:g} other viewers the choice model does not surely gain "
            f"({row['gain']:.2f} [{row['gain_lo']:.2f}, {row['gain_hi']:.2f}] bits a fixation): worth in viewers says "
            "nothing here."
        )


def _order(scores: pd.DataFrame) -> Iterator[str]:
    """How much of people's agreement is left when the order of fixations is shuffled."""
    own = scores[(scores["observer"] == PEOPLE) & (scores["measure"] == "sequence_score")]
    for row in own.to_dict("records"):
        if np.isfinite([row["estimate"], row["shuffled"]]).all() and row["estimate"] > 0:
            uniform = (
                f"; paths at random have {_number(row['uniform'])}" if np.isfinite(row["uniform"]) else ""
            )
            yield (
                f"Of the sequence score that people have with one another ({_number(row['estimate'])}) "
                f"{row['shuffled'] / row['estimate']:.0%} is left with the order of fixations shuffled "
                f"({_number(row['shuffled'])}){uniform}."
            )


def _multimatch(scores: pd.DataFrame) -> Iterator[str]:
    """How far people are from random paths on MultiMatch."""
    own = scores[scores["observer"] == PEOPLE].set_index("measure")
    parts = [name for part in MULTIMATCH if (name := f"multimatch_{part}") in own.index]
    ranges = [
        f"{name.removeprefix('multimatch_')} {_number(people)} and {_number(uniform)}"
        for name in parts
        if np.isfinite([people := own.loc[name, "estimate"], uniform := own.loc[name, "uniform"]]).all()
    ]
    if ranges:
        yield f"MultiMatch has its range between people with one another and paths at random: {', '.join(ranges)}."


def _impossible(likelihoods: Likelihoods) -> Iterator[str]:
    for one in likelihoods.observers:
        n = int(np.isinf(bits := likelihoods.bits(one)).sum())
        if n:
            share = n / int((~np.isnan(bits)).sum())
            yield f"{one.name} holds {n:,} fixations impossible that people made ({share:.1%}): its bits are infinite."


def _findings(observers: Sequence[Observer], tables: Tables) -> Iterator[str]:
    likelihood = tables["likelihood"]
    for one in (one for one in observers if one.role == "network"):
        own = likelihood[likelihood["observer"] == one.id].set_index("measure")
        parts = [
            f"{_with_interval(own.loc[key])} over {text}"
            for key, text in (
                ("information_gain.uniform", "uniform"),
                ("information_gain.history", "geometry and history (history)"),
                ("information_gain.no_content", NO_CONTENT),
            )
            if key in own.index
        ]
        needs = f"{one.name} needs {_with_interval(own.loc['bits_per_fixation'])} bits a fixation"
        gains = f" and gains {', '.join(parts)}" if parts else ""
        yield f"{needs}{gains}{_worth(one, tables)}."


def _worth(one: Observer, tables: Tables) -> str:
    if "worth" not in tables:
        return ""
    own = tables["worth"].set_index("observer")
    if one.id not in own.index:
        return ""
    row = own.loc[one.id]
    if row["note"]:
        return f"; worth {row['note']}" if "more than" in row["note"] else f"; {row['note']}"
    bounds = f" [{row['lo']:.2g}, {'more' if np.isinf(row['hi']) else format(row['hi'], '.2g')}]"
    return f"; worth {row['viewers']:.2g}{bounds if np.isfinite(row['lo']) else ''} other viewers"


def _with_interval(row: pd.Series) -> str:
    if not np.isfinite(row["lo"]):
        return f"{row['estimate']:.2f}"
    return f"{row['estimate']:.2f} [{row['lo']:.2f}, {row['hi']:.2f}]"


def _number(value: float) -> str:
    return f"{value:.3f}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:N_NAMED]) + (
        f" and {len(names) - N_NAMED:,} more" if len(names) > N_NAMED else ""
    )


def _sentence(text: str) -> str:
    """A clause with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
