"""When events occur in a recording: values of its trigger channel, or annotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne


def trigger_events(
    raw: mne.io.BaseRaw, codes: Sequence[int | str], *, stim_channel: str | None = None
) -> list[tuple[float, int | str]]:
    """When any of `codes` occurs, and which, from a stim channel or from annotations.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Recording with a stim channel, or with annotations.
    codes : sequence of int or str
        Annotation texts, or integers: values of the stim channel or, where the recording has none, the number
        that ends an annotation (7 finds "Stimulus/S  7" and "7").
    stim_channel : str, optional
        Its name; mne finds it when absent.

    Returns
    -------
    list of (float, int or str)
        Seconds from the first sample, rising, and the code.

    Raises
    ------
    DataError
        If none of the codes occurs; the message lists those that do.
    """
    texts = _annotation_onsets(raw)
    numbers = [] if all(isinstance(code, str) for code in codes) else _number_onsets(raw, texts, stim_channel)
    occurring = [*texts, *numbers]
    found = [(onset_s, code) for onset_s, code in occurring if code in codes]
    if not found:
        known = sorted({code for _, code in (numbers or texts)})
        raise DataError(f"codes must occur in the recording; got {list(codes)}, which has {known[:20]}")
    return sorted(found, key=lambda event: event[0])


def _annotation_onsets(raw: mne.io.BaseRaw) -> list[tuple[float, str]]:
    """Seconds from the first sample, and text, of every annotation."""
    offset = raw.first_time if raw.annotations.orig_time is not None else 0.0
    marks = zip(raw.annotations.onset, raw.annotations.description, strict=True)
    return [(float(onset) - offset, str(text)) for onset, text in marks]


def _number_onsets(
    raw: mne.io.BaseRaw, texts: Sequence[tuple[float, str]], stim_channel: str | None
) -> list[tuple[float, int]]:
    """Seconds from the first sample, and value, of every trigger or, without a stim channel, numbered text."""
    import mne

    if stim_channel is None and "stim" not in raw:
        ends = [(onset_s, re.search(r"(\d+)\s*$", text)) for onset_s, text in texts]
        return [(onset_s, int(end.group(1))) for onset_s, end in ends if end]
    events = mne.find_events(raw, stim_channel=stim_channel, shortest_event=1, verbose="error")
    return [(float((sample - raw.first_samp) / raw.info["sfreq"]), int(value)) for sample, _, value in events]
