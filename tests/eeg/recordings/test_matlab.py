"""Hostile MATLAB files: scipy's and HDF5's readers would end the process or take all memory; they are not asked."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

pytest.importorskip("h5py")
pytest.importorskip("pymatreader")

import h5py

from cogattn.eeg.recordings.layouts import read_cnd, read_dtu, read_kul
from cogattn.eeg.recordings.matlab import DEEPEST, check_mat, read_mat
from cogattn.eeg.recordings.readers import read_raw
from cogattn.errors import DataError

HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
CELL, STRUCT, CHAR, DOUBLE = 1, 2, 4, 6


def element(kind: int, data: bytes) -> bytes:
    """A tag and its data, padded."""
    return struct.pack("<II", kind, len(data)) + data.ljust(-(-len(data) // 8) * 8, b"\0")


def array(kind: int, dims: tuple[int, ...], content: bytes, name: bytes = b"") -> bytes:
    flags = element(6, struct.pack("<II", kind, 0))
    body = flags + element(5, struct.pack(f"<{len(dims)}i", *dims)) + element(1, name) + content
    return struct.pack("<II", 14, len(body)) + body


NUMBER = element(9, struct.pack("<d", 1.0))


def nested(depth: int) -> bytes:
    """One number in so many cells."""
    inner = array(DOUBLE, (1, 1), NUMBER)
    empty = array(CELL, (1, 1), b"")
    around = (
        struct.pack("<II", 14, len(inner) + k * len(empty) - 8) + empty[8:] for k in range(depth, 0, -1)
    )
    return b"".join(around) + inner


HOSTILE = {
    "2 ** 31 cells": (array(CELL, (2**31 - 1, 1), b"", b"x"), "as many elements as it says"),
    "2 ** 93 cells": (array(CELL, (2**31 - 1,) * 3, b"", b"x"), "as many elements as it says"),
    "many fields": (
        array(STRUCT, (10_000, 1), element(5, struct.pack("<i", 1)) + element(1, b"a" * 10_000), b"x"),
        "as many elements as it says",
    ),
    "no width of names": (
        array(STRUCT, (1, 1), element(5, struct.pack("<i", 0)) + element(1, b"a"), b"x"),
        "must have a length; got 0",
    ),
    "2 ** 31 without a field": (
        array(STRUCT, (2**31 - 1, 1), element(5, struct.pack("<i", 32)) + element(1, b""), b"x"),
        "as many elements as it says",
    ),
    "a blank text of 2 GB": (array(CHAR, (1, 2**31 - 1), element(4, b""), b"x"), "must hold its letters"),
    "negative": (array(CELL, (-1, 5), b"", b"x"), "must not be negative"),
    "no dimension": (
        array(CELL, (), b"", b"x"),
        r"must not be negative; got \(\)",
    ),
    "33 dimensions": (array(DOUBLE, (1,) * 33, NUMBER, b"x"), "at most 32 whole numbers"),
    "a type that is none": (
        array(DOUBLE, (1, 1), element(11, b"abcdefgh"), b"x"),
        "known type; got number 11",
    ),
    "a type out of range": (
        array(DOUBLE, (1, 1), element(60_000, b"abcdefgh"), b"x"),
        "known type; got number 60000",
    ),
    "a class out of range": (array(200, (1, 1), NUMBER, b"x"), "known class; got number 200"),
    "an element that ends elsewhere": (
        array(DOUBLE, (1, 1), struct.pack("<II", 9, 2**32 - 8), b"x"),
        "must lie within its variable",
    ),
    "a child that is none": (array(CELL, (1, 1), NUMBER + NUMBER, b"x"), "must be an array; got type 9"),
    "deep": (nested(100_000), f"deeper than {DEEPEST}"),
    "no array": (element(9, b"abcdefgh"), "must be an array; got type 9"),
    "promised": (struct.pack("<II", 14, 2**32 - 1), "136 bytes of 4,294,967,431"),
}


def readers() -> dict[str, Callable[[Path], object]]:
    return {
        "x.mat": read_mat, "kul.mat": read_kul, "dtu.mat": read_dtu, "x.set": read_raw,
        "cnd.mat": lambda path: read_cnd(path, path),
    }  # fmt: skip


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize(("variable", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_before_it_takes_memory(tmp_path, variable, sentence, packed) -> None:
    if packed:
        variable = element(15, zlib.compress(variable)).rstrip(b"\0")
        sentence = f"{sentence}|packed variable must|not unpack to more|136 bytes|variable must be an array"
    for name, read in readers().items():
        (tmp_path / name).write_bytes(HEAD + variable)
        tracemalloc.start()
        try:
            with pytest.raises(DataError, match=rf"({sentence}).*{name}".replace(".mat", r"\.mat")):
                read(tmp_path / name)
            assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
        finally:
            tracemalloc.stop()


def test_a_packed_variable_does_not_unpack_without_end(tmp_path: Path) -> None:
    for said in (2**29, 2**32 - 8):
        pack = zlib.compressobj(wbits=15)
        data = pack.compress(struct.pack("<II", 14, said) + bytes(2**20)) + pack.flush()
        (tmp_path / "x.mat").write_bytes(HEAD + struct.pack("<II", 15, len(data)) + data)
        with pytest.raises(DataError, match=rf"100 times its size; got {said:,} bytes.*x\.mat"):
            check_mat(tmp_path / "x.mat")


def test_version_4_is_refused_as_it_holds_no_structures(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"x": np.ones((3, 3))}, format="4")
    with pytest.raises(DataError, match=r"version 5 or later.*x\.mat"):
        read_mat(tmp_path / "x.mat")


@pytest.mark.parametrize("pack", [False, True])
def test_every_class_of_variable_passes(tmp_path: Path, pack: bool) -> None:
    from scipy.sparse import csc_array

    records = np.array([(1.0, "x"), (2.0, "y")], dtype=[("n", object), ("t", object)])
    content = {
        "real": np.arange(6.0).reshape(2, 3), "complex": np.array([1 + 2j]), "small": np.int8([1]),
        "flag": np.array([True]), "text": "ärger", "empty": "", "none": np.zeros((0, 3)),
        "sparse": csc_array(np.eye(3)), "cells": np.array([[1.0, "two", np.zeros((0, 0))]], dtype=object),
        "structure": {"a": {"b": [1.0, 2.0]}, "c": "d"}, "many": np.zeros((2, 2, 2)), "records": records,
    }  # fmt: skip
    savemat(tmp_path / "x.mat", content, do_compression=pack)
    found = read_mat(tmp_path / "x.mat")
    assert found.keys() >= content.keys()
    np.testing.assert_array_equal(found["real"], content["real"])
    assert found["structure"] == {"a": {"b": found["structure"]["a"]["b"]}, "c": "d"}
    whole = (tmp_path / "x.mat").read_bytes()
    for end in range(128, len(whole), 97):
        (tmp_path / "x.mat").write_bytes(whole[:end])
        if end > 128:
            with pytest.raises(DataError, match=r"x\.mat"):
                read_mat(tmp_path / "x.mat")


def hdf5(path: Path, build: Callable[[h5py.File], None]) -> Path:
    with h5py.File(path, "w", userblock_size=512) as file:
        build(file)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def references(file: h5py.File, name: str, targets: list[str]) -> None:
    data = np.array([file[target].ref for target in targets], dtype=h5py.ref_dtype)
    file.create_dataset(name, data=data).attrs["MATLAB_class"] = np.bytes_("cell")


def never_stored(file: h5py.File) -> None:
    file.create_dataset("trials", shape=(2**40,), dtype="f8", chunks=(1024,))


def chunk_of_gigabytes(file: h5py.File) -> None:
    file.create_dataset(
        "trials", shape=(2**20,), maxshape=(None,), dtype="f8", chunks=(2**28,), compression="gzip"
    )


def in_a_circle(file: h5py.File) -> None:
    file.create_dataset("trials", shape=(2,), dtype=h5py.ref_dtype).attrs["MATLAB_class"] = np.bytes_("cell")
    file["trials"][:] = [file["trials"].ref] * 2


def group_in_itself(file: h5py.File) -> None:
    file["trials"] = file.create_group("a")
    file["a/again"] = file["a"]


def ten_to_the_tenth(file: h5py.File) -> None:
    file["r0"] = np.ones(10)
    for level in range(10):
        references(file, f"r{level + 1}", [f"r{level}"] * 10)


def elsewhere(file: h5py.File) -> None:
    file["trials"] = h5py.ExternalLink("/etc/passwd", "/")


def by_name(file: h5py.File) -> None:
    file["trials"] = h5py.SoftLink("/trials")


def stored_outside(file: h5py.File) -> None:
    file.create_dataset("trials", shape=(8,), dtype="u1", external=[("/etc/passwd", 0, 8)])


CLAIMS = {
    never_stored: "not unpack to more than 100 times",
    chunk_of_gigabytes: "not unpack to more than 100 times",
    in_a_circle: "nor hold themselves",
    group_in_itself: "nor hold themselves",
    ten_to_the_tenth: "not unpack to more than 100 times",
    elsewhere: "must hold its data itself; got a link at 'trials'",
    by_name: "must hold its data itself; got a link at 'trials'",
    stored_outside: "must hold its data itself; got '/trials' elsewhere",
}


@pytest.mark.parametrize(("build", "sentence"), CLAIMS.items(), ids=[build.__name__ for build in CLAIMS])
def test_hdf5_holds_its_data_itself_and_in_measure(tmp_path: Path, build, sentence) -> None:
    for name in ("x.mat", "x.set"):
        path = hdf5(tmp_path / name, build)
        with pytest.raises(DataError, match=rf"{sentence}.*{name}".replace(".mat", r"\.mat")):
            (read_raw if name == "x.set" else read_kul)(path)


def test_shared_cells_that_are_few_pass(tmp_path: Path) -> None:
    def build(file: h5py.File) -> None:
        file["r0"] = np.ones(10)
        references(file, "x", ["r0"] * 3)

    found = read_mat(hdf5(tmp_path / "x.mat", build))
    np.testing.assert_array_equal(found["x"], [np.ones(10)] * 3)
