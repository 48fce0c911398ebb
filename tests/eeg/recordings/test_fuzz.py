"""Damaged files of every format: a reader gives a value or a DataError that names the file, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import savemat

pytest.importorskip("edfio")
pytest.importorskip("h5py")
pytest.importorskip("pymatreader")
pytest.importorskip("soundfile")

from cogattn.eeg.recordings.envelope import read_audio
from cogattn.eeg.recordings.layouts import read_cnd, read_dtu, read_kul
from cogattn.eeg.recordings.readers import read_raw
from cogattn.errors import DataError

N_CASES = 60
FILLERS = (b"\xff", b"\x00", b"9", b"-", b" ")


@dataclass(frozen=True)
class Format:
    """A whole file, what reads it, and the part of it that is damaged."""

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    damaged: str = ""


def formats(eeg: SimpleNamespace, more: SimpleNamespace) -> list[Format]:
    short = eeg.MICROVOLTS[:, :640]
    rng = np.random.default_rng(1)
    kul = eeg.kul_content([short.T[:64] * (k + 1) for k in range(2)], rng.random((2, 64, 2, 2)))
    sounds = [[rng.random((64, 1)) for _ in range(2)] for _ in range(2)]
    dtu = eeg.dtu_content([short.T[:64], 2 * short.T[:64]], *sounds)
    features = np.empty((1, 2), dtype=object)
    features[0, :] = [rng.random((64, 1)) for _ in range(2)]
    by_name = {Path(name).suffix: write for name, write in eeg.CONTINUOUS.items()}
    return [
        *(
            Format(f"x{end}", lambda path, w=by_name[end]: w(path, short), read_raw)
            for end in (".edf", ".bdf", ".set")
        ),
        Format("x_raw.fif", lambda path: eeg.write_fif(path, short), read_raw),
        Format("x.vhdr", lambda path: eeg.write_brainvision(path, short), read_raw),
        Format("y.vhdr", lambda path: eeg.write_brainvision(path, short), read_raw, damaged="y.vmrk"),
        Format("x.gdf", lambda path: more.write_gdf(path, short, eeg.SFREQ, eeg.NAMES), read_raw),
        Format("y.set", lambda path: more.write_set_and_fdt(path, short, eeg.SFREQ, eeg.NAMES), read_raw),
        Format("kul.mat", lambda path: eeg.save["v7"](path, kul), read_kul),
        Format("dtu.mat", lambda path: eeg.save["v7"](path, dtu), read_dtu),
        Format("kul73.mat", lambda path: eeg.save["v7.3"](path, kul), read_kul),
        Format("dtu73.mat", lambda path: eeg.save["v7.3"](path, dtu), read_dtu),
        Format(
            "dataSub1.mat",
            lambda path: eeg.save_cnd(path.parent, [short.T[:64]] * 2, features, ["envelope"]),
            lambda path: read_cnd(path, path.parent / "dataStim.mat"),
        ),
        Format(
            "plain.mat",
            lambda path: savemat(path, {"trials": {"EegData": short, "name": ["a", "b"]}}),
            read_kul,
        ),
        Format("x.wav", more.write_wav, read_audio),
        Format("x.flac", more.write_flac, read_audio),
    ]


NAMES = (
    "x.edf", "x.bdf", "x.set", "x_raw.fif", "x.vhdr", "y.vhdr", "x.gdf", "y.set", "kul.mat", "dtu.mat", "kul73.mat",
    "dtu73.mat", "dataSub1.mat", "plain.mat", "x.wav", "x.flac",
)  # fmt: skip


def damaged(whole: bytes, name: str) -> Iterator[bytes]:
    """A quarter each: random bytes, cut files, flipped bits, fields overwritten; headers more often than samples."""
    rng = random.Random(name)
    for case in range(N_CASES):
        content = bytearray(whole)
        reach = min(len(whole), rng.choice([200, 1000, len(whole)]))
        if case % 4 == 0:
            yield whole[: rng.randrange(16)] + rng.randbytes(rng.randrange(3000))
        elif case % 4 == 1:
            yield whole[: rng.randrange(len(whole))]
        elif case % 4 == 2:
            for _ in range(rng.choice([1, 1, 2, 8, 32])):
                content[rng.randrange(reach)] ^= 1 << rng.randrange(8)
            yield bytes(content)
        else:
            at, n = rng.randrange(reach), rng.choice([1, 2, 4, 8])
            content[at : at + n] = rng.choice([*(filler * n for filler in FILLERS), rng.randbytes(n)])
            yield bytes(content)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_gives_a_value_or_a_data_error(
    tmp_path: Path, eeg_files, more_files, name: str
) -> None:
    every = {chosen.name: chosen for chosen in formats(eeg_files, more_files)}
    assert tuple(every) == NAMES
    chosen, path = every[name], tmp_path / name
    chosen.write(path)
    victim = tmp_path / (chosen.damaged or name)
    refused = []
    for content in damaged(victim.read_bytes(), name):
        victim.write_bytes(content)
        try:
            chosen.read(path)
        except DataError as error:
            refused.append(str(error))
    assert [sentence for sentence in refused if path.stem not in sentence] == []
    assert len(refused) > N_CASES / 4
