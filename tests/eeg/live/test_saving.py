"""A decoder comes back from its file as it was; what is foreign, damaged or contradictory is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from cogattn.eeg.live import Chain, load, save
from cogattn.eeg.live.saving import _digest
from cogattn.errors import DataError


@pytest.fixture
def path(tmp_path: Path, decoder) -> Path:
    save(decoder, tmp_path / "d.safetensors")
    return tmp_path / "d.safetensors"


def rewritten(path: Path, *, sign: bool = True, **changes: object) -> Path:
    """The same file with other facts, signed again as an honest writer would."""
    with safe_open(str(path), framework="numpy") as file:
        header, weights = dict(file.metadata()), file.get_tensor("weights")
    header |= {name: str(value) for name, value in changes.items() if name in header}
    facts = json.loads(header["decoder"])
    facts |= {name: value for name, value in changes.items() if name not in header}
    header["decoder"] = json.dumps(facts)
    if sign:
        header["sha256"] = _digest(weights, header["decoder"])
    save_file({"weights": weights}, str(path), metadata=header)
    return path


def test_a_decoder_comes_back_as_it_was(path, decoder, recording) -> None:
    back = load(path)
    assert back.weights.tobytes() == decoder.weights.tobytes()
    assert replace(back, weights=decoder.weights, penalty=0.0) == replace(decoder, penalty=0.0)
    assert Chain.offline(back, recording) == Chain.offline(decoder, recording)


@pytest.mark.parametrize("reference", ["none", "average", ("E8",)])
def test_every_reference_comes_back(tmp_path, decoder, reference) -> None:
    other = replace(decoder, preprocessing=replace(decoder.preprocessing, reference=reference), switches=None)
    save(other, tmp_path / "r")
    assert load(tmp_path / "r").preprocessing == other.preprocessing
    assert load(tmp_path / "r").switches is None


def test_a_file_that_is_cut_or_flipped_is_refused(path) -> None:
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="file must be"):
            load(path)
    for place in rng.integers(8, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(7))
        path.write_bytes(bytes(damaged))
        with pytest.raises(DataError):
            load(path)


def test_a_foreign_file_is_refused(tmp_path) -> None:
    save_file({"weights": np.zeros((2, 2))}, str(tmp_path / "other"))
    with pytest.raises(DataError, match="aad train"):
        load(tmp_path / "other")
    with pytest.raises(DataError, match="must exist"):
        load(tmp_path / "none")
    (tmp_path / "pickle").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DataError, match="whole safetensors"):
        load(tmp_path / "pickle")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version 1"),
        ({"channels": ["E1", "E2"]}, "shape"),
        ({"tmax_s": 0.5}, "shape"),
        ({"low_hz": 20.0}, "low_hz < high_hz"),
        ({"sfreq": -64.0}, "sfreq"),
        ({"surprise": 1}, "surprise"),
        ({"switches": {"gain": 1.0}}, r"switches\.hop_s"),
        ({"filter": "zero phase"}, "filter"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(path, changes, message) -> None:
    with pytest.raises(DataError, match=message):
        load(rewritten(path, **changes))


def test_facts_that_were_altered_are_refused(path) -> None:
    with pytest.raises(DataError, match="as it was written"):
        load(rewritten(path, sign=False, high_hz=8.0))
