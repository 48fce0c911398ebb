"""A fitted decoder in a file: weights in safetensors, everything else as JSON in its header. No pickle.

A file names the format and its version, and carries a digest of all it holds; one that is foreign, newer, cut
short, altered or contradicts itself is refused with the reason. Channels are stored by name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError

from cogattn import __version__
from cogattn.config import Settings
from cogattn.eeg.live.model import LiveDecoder, Preprocessing
from cogattn.eeg.live.switches import SwitchFilter
from cogattn.eeg.types import FloatArray
from cogattn.errors import CogattnError, DataError
from cogattn.running.atomic import write_atomically

FORMAT = "cogattn live decoder"
FORMAT_VERSION = 1
MAX_BYTES = 1 << 28


class _Switches(Settings):
    gain: float = Field(ge=0)
    hop_s: float = Field(gt=0)
    switch_per_s: float = Field(gt=0)
    slope: float = Field(gt=0)
    ahead_s: float = Field(ge=0)


class _Facts(Settings):
    """The header's JSON."""

    channels: tuple[str, ...]
    reference: Literal["average", "none"] | tuple[str, ...]
    filter: Literal["butterworth, causal"] = "butterworth, causal"
    low_hz: float
    high_hz: float
    order: int = Field(ge=1, le=8)
    sfreq: float = Field(gt=0)
    power: float = Field(gt=0)
    tmin_s: float
    tmax_s: float
    window_s: float
    hop_s: float
    penalty: float | None
    switches: _Switches | None
    trained_on: str
    made_by: str


def save(decoder: LiveDecoder, path: Path) -> None:
    """Write a decoder; an older file at `path` is replaced in one move.

    Raises
    ------
    StoreError
        If the place is not writable.
    """
    from safetensors.numpy import save as as_bytes

    weights = np.ascontiguousarray(decoder.weights, dtype=np.float64)
    facts = _facts_of(decoder).model_dump_json()
    header = {
        "format": FORMAT,
        "version": str(FORMAT_VERSION),
        "decoder": facts,
        "sha256": _digest(weights, facts),
    }
    write_atomically(Path(path), as_bytes({"weights": weights}, metadata=header))


def load(path: Path) -> LiveDecoder:
    """Read a decoder that `save` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it is not a whole and unaltered decoder of this format.
    """
    path = Path(path)
    header, weights = _read(path)
    if header.get("format") != FORMAT:
        raise DataError(f"a decoder's file must be one that `cogattn aad train` wrote; got {path}")
    if header.get("version") != str(FORMAT_VERSION):
        raise DataError(
            f"the decoder's format must be version {FORMAT_VERSION}; got {header.get('version')!r} ({path})"
        )
    facts = header.get("decoder", "")
    if header.get("sha256") != _digest(weights, facts):
        raise DataError(f"a decoder's file must be as it was written; its digest differs ({path})")
    try:
        return _decoder_of(_Facts.model_validate_json(facts), weights)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"a decoder's file must be complete; {place}: {first['msg']} ({path})") from None
    except CogattnError as error:
        raise DataError(f"{error} ({path})") from None


def _read(path: Path) -> tuple[dict[str, str], FloatArray]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError(f"the decoder's file must exist; got {path}")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"a decoder's file must be smaller than {MAX_BYTES >> 20} MB; got {path}")
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = list(file.keys())
            header = dict(file.metadata() or {})
            weights = file.get_tensor("weights") if names == ["weights"] else np.zeros(0)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"a decoder's file must be whole safetensors; got {path} ({error})") from None
    return header, weights


def _digest(weights: FloatArray, facts: str) -> str:
    about = json.dumps([weights.dtype.str, list(weights.shape)]).encode()
    return hashlib.sha256(about + facts.encode() + weights.tobytes()).hexdigest()


def _facts_of(decoder: LiveDecoder) -> _Facts:
    pre, switches = decoder.preprocessing, decoder.switches
    return _Facts(
        channels=pre.channels,
        reference=pre.reference,
        low_hz=pre.low_hz,
        high_hz=pre.high_hz,
        order=pre.order,
        sfreq=pre.sfreq,
        power=pre.power,
        tmin_s=decoder.tmin_s,
        tmax_s=decoder.tmax_s,
        window_s=decoder.window_s,
        hop_s=decoder.hop_s,
        penalty=decoder.penalty if np.isfinite(decoder.penalty) else None,
        switches=None if switches is None else _Switches(**asdict(switches)),
        trained_on=decoder.trained_on,
        made_by=f"cogattn {__version__}",
    )


def _decoder_of(facts: _Facts, weights: FloatArray) -> LiveDecoder:
    preprocessing = Preprocessing(
        channels=facts.channels,
        reference=facts.reference,
        low_hz=facts.low_hz,
        high_hz=facts.high_hz,
        sfreq=facts.sfreq,
        order=facts.order,
        power=facts.power,
    )
    switches = facts.switches
    return LiveDecoder(
        weights=weights,
        tmin_s=facts.tmin_s,
        tmax_s=facts.tmax_s,
        preprocessing=preprocessing,
        window_s=facts.window_s,
        hop_s=facts.hop_s,
        switches=None if switches is None else SwitchFilter(**switches.model_dump()),
        penalty=float("nan") if facts.penalty is None else facts.penalty,
        trained_on=facts.trained_on,
    )
