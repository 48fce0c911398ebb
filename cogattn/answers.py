"""What a browser says of a block, checked before it is believed: schema, sizes, ranges, order, clock.

Whether an answer is right is never taken from the browser: the block is made again from its seed, and the table holds
its truth beside the answers. Times are milliseconds from the start of the sitting on the browser's own clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from cogattn.errors import DataError
from cogattn.sittings import ANTICIPATION_MS, Block, Sitting, SittingTrial, Value

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 4_000_000
"""Of a result: 1,050 trials take 150 kB."""
MAX_MS = 24 * 3600 * 1000.0
CLOCK_SLACK_MS = 60.0
"""By how much a picture may come before the end of its foreperiod: a frame, and a clock set right meanwhile."""
TOTAL_SLACK_S = 30.0
COLUMNS = (
    "phase", "trial_index", "trial_type", "stimulus", "response", "correct_response", "correct", "rt", "time_elapsed",
    "onset", "foreperiod", "input", "anticipation", "early_keys", "blurred", "slow_frames",
)  # fmt: skip
"""Columns of every table of trials; the block's own follow."""

MEANINGS: Mapping[str, tuple[str, str]] = {
    "phase": ("practice (with feedback) or block", ""),
    "trial_index": ("number of the trial, from 0, practice first", ""),
    "trial_type": ("study and sitting", ""),
    "stimulus": ("name of the picture", ""),
    "response": ("the answer given", ""),
    "correct_response": ("the right answer", ""),
    "correct": ("whether the answer given is the right one", ""),
    "rt": ("reaction time, from onset to the event's own time stamp", "ms"),
    "time_elapsed": ("from the start of the sitting to the answer", "ms"),
    "onset": ("from the start of the sitting to the frame after the one that painted the picture", "ms"),
    "foreperiod": ("from fixation cross to picture, as planned", "ms"),
    "input": ("key or button", ""),
    "anticipation": (f"answered within {ANTICIPATION_MS:.0f} ms of onset, or before it", ""),
    "early_keys": ("answers before the picture, which count for nothing", ""),
    "blurred": ("the window was left while the trial was under way", ""),
    "slow_frames": ("frames of 1.5 times the usual length or longer, from foreperiod to answer", ""),
}
"""What each of them means, and its unit."""

Ms = Annotated[float, Field(ge=0, le=MAX_MS)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TrialAnswer(_Checked):
    """One trial as the browser saw it."""

    index: Count
    response: Annotated[str, Field(max_length=64)]
    onset: Ms
    """The frame after the one that painted the picture."""
    rt: Ms
    """From there to the event's own time stamp; 0 is none."""
    input: Literal["key", "button"]
    early: Count
    """Answers before the picture, which count for nothing."""
    blurred: bool
    slow: Count
    """Frames of 1.5 times the usual length and longer, from foreperiod to answer."""


class Frames(_Checked):
    """Intervals between frames over the whole sitting."""

    usual_ms: Annotated[float, Field(gt=0, le=1000)]
    """Median before the practice: the screen's own."""
    n: Count
    mean_ms: Ms
    sd_ms: Ms
    longest_ms: Ms
    dropped: Count
    slow: Annotated[list[tuple[Ms, Ms]], Field(max_length=500)]
    """When, and how long, of the first 500."""


class Event(_Checked):
    """Something that takes a person off the task."""

    at: Ms
    kind: Literal["blur", "focus", "hidden", "visible", "reload", "break"]


class Screen(_Checked):
    """What it was shown on."""

    width_px: Annotated[int, Field(gt=0, le=100_000)]
    height_px: Annotated[int, Field(gt=0, le=100_000)]
    device_pixel_ratio: Annotated[float, Field(gt=0, le=20)]
    picture_px: Annotated[float, Field(gt=0, le=100_000)]
    """Side of the picture in CSS pixels."""


class Calibration(_Checked):
    """A bank card held to the screen, and how far the eyes are."""

    px_per_mm: Annotated[float, Field(ge=0.5, le=50)]
    distance_mm: Annotated[float, Field(ge=100, le=5000)]

    @property
    def px_per_deg(self) -> float:
        """CSS pixels in a degree about the middle of the screen."""
        return self.px_per_mm * self.distance_mm * 2 * math.tan(math.radians(0.5))


class Result(_Checked):
    """All that a browser sends of a sitting, once."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    practice: Annotated[list[TrialAnswer], Field(max_length=1000)]
    trials: Annotated[list[TrialAnswer], Field(max_length=10_000)]
    frames: Frames
    events: Annotated[list[Event], Field(max_length=5000)]
    screen: Screen
    calibration: Calibration | None
    resumed: Count
    """Times that it went on after a reload."""

    @field_validator("frames")
    @classmethod
    def _enough_frames(cls, frames: Frames) -> Frames:
        if frames.n < 2:
            raise ValueError("must count two frames at least")
        return frames


def read_result(text: str, sitting: Sitting, block: Block, *, id: str, seconds: float) -> Result:
    """Return a browser's result, or refuse it.

    Parameters
    ----------
    text : str
        JSON.
    sitting, block : Sitting, Block
        What was sent.
    id : str
        Of the sitting.
    seconds : float
        Since it was begun, by the server's clock: nobody can have sat longer.

    Raises
    ------
    DataError
        In one sentence that repeats nothing of the text.
    """
    if len(text) > MAX_BYTES:
        raise DataError(
            f"the result of a sitting must have at most {MAX_BYTES:,} characters; got {len(text):,}"
        )
    try:
        result = Result.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"][:4]))[:80]
        raise DataError(
            f"the result of a sitting must be what this page sends; got {first['msg'][:120]} ({where})"
        ) from None
    except RecursionError:
        raise DataError(
            "the result of a sitting must be what this page sends; got JSON nested too deeply"
        ) from None
    if result.id != id:
        raise DataError("the result of a sitting must be of the one that was begun; got another's")
    values = {answer.value for answer in sitting.answers}
    _check_phase("practice", result.practice, block.practice, values)
    _check_phase("block", result.trials, block.trials, values)
    _check_clock(result, block, seconds)
    return result


def _check_phase(
    name: str, answers: Sequence[TrialAnswer], planned: Sequence[SittingTrial], values: set[str]
) -> None:
    if [answer.index for answer in answers] != list(range(len(planned))):
        raise DataError(
            f"the {name} of a sitting must have each of its {len(planned)} trials once, in order; got {len(answers)}"
        )
    for answer in answers:
        if answer.response not in values:
            raise DataError(f"a response must be one of the sitting's; got another (trial {answer.index})")
        if answer.rt == 0:
            raise DataError(f"a reaction time must be above 0 ms; got 0 (trial {answer.index})")


def _check_clock(result: Result, block: Block, seconds: float) -> None:
    """A picture comes after the answer before it and its own foreperiod; all in the time that has passed."""
    end = 0.0
    for answer, trial in _in_order(result, block):
        if answer.onset < end + trial.foreperiod_ms - CLOCK_SLACK_MS:
            raise DataError(
                "a picture must come after the answer before it and its foreperiod; got "
                f"{answer.onset:.0f} ms (trial {answer.index})"
            )
        end = answer.onset + answer.rt
    if end > (seconds + TOTAL_SLACK_S) * 1000:
        raise DataError(
            f"a sitting must not be longer than the time since it was begun; got {end / 1000:.0f} s in {seconds:.0f} s"
        )


def _in_order(result: Result, block: Block) -> Iterator[tuple[TrialAnswer, SittingTrial]]:
    yield from zip(result.practice, block.practice, strict=True)
    yield from zip(result.trials, block.trials, strict=True)


def trial_table(result: Result, block: Block, *, trial_type: str) -> pd.DataFrame:
    """Return the trials as a table, practice first: `COLUMNS`, then those of the block.

    Notes
    -----
    The names ``rt``, ``response``, ``stimulus``, ``trial_type``, ``trial_index``, ``time_elapsed`` and ``correct`` are
    jsPsych's, with its units. An anticipation is an answer within `cogattn.sittings.ANTICIPATION_MS` of onset, or one
    with an answer before it.
    """
    import pandas as pd

    n_practice, rows = len(block.practice), []
    for number, (answer, trial) in enumerate(_in_order(result, block)):
        row: dict[str, Value] = {
            "phase": "practice" if number < n_practice else "block",
            "trial_index": number,
            "trial_type": trial_type,
            "stimulus": trial.stimulus,
            "response": answer.response,
            "correct_response": trial.correct,
            "correct": answer.response == trial.correct,
            "rt": round(answer.rt, 3),
            "time_elapsed": round(answer.onset + answer.rt, 3),
            "onset": round(answer.onset, 3),
            "foreperiod": trial.foreperiod_ms,
            "input": answer.input,
            "anticipation": answer.rt < ANTICIPATION_MS or answer.early > 0,
            "early_keys": answer.early,
            "blurred": answer.blurred,
            "slow_frames": answer.slow,
        }
        rows.append(row | dict(trial.what))
    return pd.DataFrame(rows)


def apparatus(result: Result) -> dict[str, JsonValue]:
    """Return what the block was shown on: screen, calibration, degrees where they are known, frames, and events."""
    told = result.model_dump(mode="json", include={"frames", "events", "screen", "calibration", "resumed"})
    scale = result.calibration
    degrees = None if scale is None else round(result.screen.picture_px / scale.px_per_deg, 3)
    return told | {
        "px_per_deg": None if scale is None else round(scale.px_per_deg, 3),
        "picture_deg": degrees,
    }


def marks(result: Result, trials: pd.DataFrame, *, short: bool) -> dict[str, Value]:
    """Return what a reader must know of a block before its numbers: it is kept, and marked.

    Parameters
    ----------
    result : Result
    trials : DataFrame
        Of `trial_table`.
    short : bool
        Fewer trials than are enough.
    """
    counted = trials[trials["phase"] == "block"]
    found: Mapping[str, Value] = {
        "blurred": int(counted["blurred"].sum()),
        "anticipations": int(counted["anticipation"].sum()),
        "with slow frames": int((counted["slow_frames"] > 0).sum()),
        "resumed": result.resumed,
        "not calibrated": result.calibration is None,
        "short": short,
    }
    return {name: value for name, value in found.items() if value}
