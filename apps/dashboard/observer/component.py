"""A block in the browser: one component without a frame of its own, sent once, one result back.

Its JavaScript and CSS lie beside this module. What is sent is bytes: the length of a header, the header as JSON, and
the pictures as they are.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from pydantic import JsonValue

from cogattn.sittings import CHECKPOINT, Sitting, SittingTrial

FOLDER = Path(__file__).parent
NAME = "cogattn_sitting"
DARK = 110
"""Backgrounds with darker code values have a white cross."""


def packed(
    sitting: Sitting, practice: Sequence[SittingTrial], trials: Sequence[SittingTrial], id: str
) -> bytes:
    """Return a block as `sitting.js` unpacks it. The truth of trials that count is not sent."""
    blobs: list[bytes] = []
    header: dict[str, JsonValue] = {
        "id": id,
        "title": sitting.title,
        "instructions": list(sitting.instructions),
        "answers": [{"value": one.value, "label": one.label, "key": one.key} for one in sitting.answers],
        "side_deg": sitting.side_deg,
        "shown_ms": sitting.shown_ms,
        "exact_pixels": sitting.exact_pixels,
        "background": sitting.background,
        "ink": "#ffffff" if int(sitting.background[3:5], 16) < DARK else "#000000",
        "break_every": sitting.break_every,
        "checkpoint": CHECKPOINT,
        "picture_px": struct.unpack(">I", trials[0].picture[16:20])[0],  # the width in a PNG's header
        "practice": [_told(trial, blobs) | {"correct": trial.correct} for trial in practice],
        "trials": [_told(trial, blobs) for trial in trials],
    }
    return _bytes(header, blobs)


def mount(data: bytes, *, key: str) -> str | None:
    """Draw the block; return its result in the one run in which the browser sends it."""
    return _component()(data=data, key=key, on_result_change=_nothing).get("result")


def forget(id: str) -> None:
    """Have the browser forget the checkpoint of a sitting that is kept or withdrawn."""
    _component()(data=_bytes({"forget": id}, []), key=f"forget-{id}", on_result_change=_nothing)


def _component() -> st.components.v2.ComponentRenderer:
    return st.components.v2.component(
        NAME,
        html='<section class="sitting" aria-label="Block of trials"></section>',
        js=(FOLDER / "sitting.js").read_text(encoding="utf-8"),
        css=(FOLDER / "sitting.css").read_text(encoding="utf-8"),
    )


def _told(trial: SittingTrial, blobs: list[bytes]) -> dict[str, JsonValue]:
    start = sum(map(len, blobs))
    blobs.append(trial.picture)
    return {"foreperiod": trial.foreperiod_ms, "picture": [start, len(trial.picture)]}


def _bytes(header: dict[str, JsonValue], blobs: Sequence[bytes]) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + b"".join(blobs)


def _nothing() -> None:
    """Only a trigger with a callback reaches the server."""
