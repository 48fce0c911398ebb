"""MATLAB files, walked through before they are read.

scipy's reader of versions 5 to 7 believes what it reads: a type number out of range or a hundred thousand nested cells
end the process, a cell array that claims 2**31 cells takes memory until there is none. HDF5 (version 7.3) may claim
gigabytes that are nowhere stored, and refer to itself without end. `check_mat` follows the structure as the readers
will, element by element, and refuses what is not held by the file.

References
----------
MathWorks, MAT-File Format (R2023b), chapter "Level 5 MAT-File Format".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cogattn.eeg.recordings.damage import check_unpacked, cut_short, existing_file, optional, reading
from cogattn.errors import DataError

if TYPE_CHECKING:
    import h5py

DEEPEST = 50
"""Levels of cells in cells; data sets have five."""
MOST_EMPTY = 1_000_000
"""Elements that an array may claim without a byte for each (structures without fields, blank strings)."""

PIECE = 2**18
"""Bytes that are looked at together."""

MATRIX, COMPRESSED = 14, 15
INT32, UINT32 = 5, 6
NUMERIC_TYPES = frozenset((1, 2, 3, 4, 5, 6, 7, 9, 12, 13))
TEXT_TYPES = NUMERIC_TYPES | {16, 17, 18}
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
NUMERIC_CLASSES = frozenset(range(6, 16))


def read_mat(path: Path) -> Mapping[str, object]:
    """Read a MATLAB file of version 5 to 7.3 into dictionaries, lists and arrays, as pymatreader gives them.

    Raises
    ------
    DataError
        If the file is missing, cut short, damaged, or claims more than it holds.
    """
    reader = optional("pymatreader")
    check_mat(path)
    with reading(path, "path must be a readable MATLAB file"):
        return reader.read_mat(str(path))


def check_mat(path: Path) -> None:
    """Raise DataError unless everything that a MATLAB file announces lies within it (see the top)."""
    with reading(existing_file(path), "path must be a readable MATLAB file"):
        from scipy.io.matlab import matfile_version

        version, _ = matfile_version(path, appendmat=False)
        if version == 0:
            raise DataError(f"a MATLAB file must be of version 5 or later to hold structures; got 4 ({path})")
        if version == 2:
            _check_hdf5(path)
        else:
            _check_level_5(path)


class _Stream:
    """The bytes of one variable, from first to last; `left` is how many it says that there are."""

    def __init__(self, pieces: Iterator[bytes], left: int) -> None:
        self.pieces, self.left = pieces, left
        self.window, self.at = b"", 0

    def read(self, n: int) -> bytes:
        """The next `n` bytes, a few."""
        end = self.at + n
        if end > len(self.window):
            self.window = self.window[self.at :] + self._more(end - len(self.window))
            self.at, end = 0, n
        self._spend(n)
        data, self.at = self.window[self.at : end], end
        return data

    def skip(self, n: int) -> None:
        """Pass over the next `n` bytes."""
        self._spend(n)
        while (beyond := self.at + n - len(self.window)) > 0:
            self.window, self.at, n = self._more(1), 0, beyond
        self.at += n

    def _spend(self, n: int) -> None:
        self.left -= n
        if self.left < 0:
            raise DataError(f"an element must lie within its variable; got {-self.left:,} bytes that do not")

    def _more(self, n: int) -> bytes:
        """At least `n` further bytes."""
        found = b""
        while len(found) < n:
            piece = next(self.pieces, b"")
            if not piece:
                raise DataError(f"a variable must hold what it says; got {n - len(found):,} bytes fewer")
            found += piece
        return found


def _plain(file: BinaryIO, n_bytes: int) -> Iterator[bytes]:
    while n_bytes > 0 and (piece := file.read(min(n_bytes, PIECE))):
        n_bytes -= len(piece)
        yield piece


def _unpacked(file: BinaryIO, n_bytes: int) -> Iterator[bytes]:
    """What zlib has packed; pieces are as small as packed ones."""
    inflate = zlib.decompressobj()
    for packed in _plain(file, n_bytes):
        waiting = packed
        while waiting and not inflate.eof:
            if piece := inflate.decompress(waiting, PIECE):
                yield piece
            waiting = inflate.unconsumed_tail


def _check_level_5(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        order = "<" if file.read(128)[126:128] == b"IM" else ">"
        while file.tell() < size:
            at = file.tell()
            kind, n_bytes = struct.unpack(f"{order}II", file.read(8).ljust(8, b"\0"))
            if at + 8 + n_bytes > size:
                raise cut_short(f"{size:,} bytes", f"{at + 8 + n_bytes:,} (variable at byte {at:,})", path)
            if kind not in (MATRIX, COMPRESSED) or not n_bytes:
                raise DataError(f"a variable must be an array; got type {kind} at byte {at:,} ({path})")
            try:
                _check_variable(file, packed=kind == COMPRESSED, n_bytes=n_bytes, order=order, path=path)
            except DataError as error:
                raise DataError(f"{error} ({path}, variable at byte {at:,})") from error
            file.seek(at + 8 + n_bytes)


def _check_variable(file: BinaryIO, *, packed: bool, n_bytes: int, order: str, path: Path) -> None:
    if not packed:
        _Walk(_Stream(_plain(file, n_bytes), n_bytes), order).array(depth=0)
        return
    stream = _Stream(_unpacked(file, n_bytes), 8)
    kind, unpacked = struct.unpack(f"{order}II", stream.read(8))
    if kind != MATRIX:
        raise DataError(f"a packed variable must be an array; got type {kind}")
    check_unpacked(unpacked, n_bytes, path)
    stream.left = unpacked
    _Walk(stream, order).array(depth=0)


class _Walk:
    """Follows one variable as scipy's reader does, keeping nothing."""

    def __init__(self, stream: _Stream, order: str) -> None:
        self.stream, self.order = stream, order
        self.pair = struct.Struct(f"{order}II").unpack

    def array(self, *, depth: int) -> None:
        """An array behind its tag: flags, dimensions, name and contents."""
        if depth > DEEPEST:
            raise DataError(f"cells must not lie deeper than {DEEPEST} levels; got more")
        flags, _ = self.pair(self.stream.read(16)[8:])
        kind, is_complex = flags & 0xFF, bool(flags >> 11 & 1)
        if kind == OPAQUE:
            for _ in range(3):
                self._element(TEXT_TYPES)
            self._child(depth)
            return
        n_elements = self._n_elements()
        self._element(TEXT_TYPES)  # the name
        if kind in (CELL, STRUCT, OBJECT):
            self._children(kind, n_elements, depth)
        elif kind == CHAR:
            self._text(n_elements)
        elif kind == FUNCTION:
            self._child(depth)
        elif kind == SPARSE or kind in NUMERIC_CLASSES:
            for _ in range((3 if kind == SPARSE else 1) + is_complex):
                self._element(NUMERIC_TYPES)
        else:
            raise DataError(f"an array must be of a known class; got number {kind}")

    def _children(self, kind: int, n_elements: int, depth: int) -> None:
        """Arrays in a cell array, or in the fields of a structure."""
        n_fields = 1
        if kind == OBJECT:
            self._element(TEXT_TYPES)  # its class
        if kind != CELL:
            width, n_bytes = self._field_width(), self._element(TEXT_TYPES)
            if width < 1:
                raise DataError(f"names of fields must have a length; got {width}")
            n_fields = n_bytes // width
        if 8 * n_elements * n_fields > self.stream.left or n_elements > max(MOST_EMPTY, self.stream.left):
            raise DataError(
                f"an array must hold as many elements as it says; got {self.stream.left:,} bytes for "
                f"{n_elements:,} of {n_fields} fields"
            )
        for _ in range(n_elements * n_fields):
            self._child(depth)

    def _text(self, n_elements: int) -> None:
        n_bytes = self._element(TEXT_TYPES)
        if n_elements > max(n_bytes, MOST_EMPTY):
            raise DataError(f"a text must hold its letters; got {n_bytes:,} bytes for {n_elements:,}")

    def _child(self, depth: int) -> None:
        kind, n_bytes = self.pair(self.stream.read(8))
        if kind != MATRIX:
            raise DataError(f"an element must be an array; got type {kind}")
        if n_bytes:
            self.array(depth=depth + 1)

    def _n_elements(self) -> int:
        dims = self._integers(most=32)
        if not dims or min(dims) < 0:
            raise DataError(f"dimensions must not be negative; got {dims}")
        return prod(dims)

    def _field_width(self) -> int:
        return (*self._integers(most=1), 0)[0]

    def _integers(self, most: int) -> tuple[int, ...]:
        kind, n_bytes, inline = self._tag()
        if kind not in (INT32, UINT32) or n_bytes % 4 or n_bytes > 4 * most:
            raise DataError(
                f"dimensions must be at most {most} whole numbers; got {n_bytes} bytes of type {kind}"
            )
        data = self.stream.read(n_bytes) if inline is None else inline
        if inline is None:
            self.stream.skip(min(-n_bytes % 8, self.stream.left))
        return struct.unpack(f"{self.order}{n_bytes // 4}i", data)

    def _element(self, kinds: frozenset[int]) -> int:
        """Pass over numbers or letters; return how many bytes they are."""
        kind, n_bytes, inline = self._tag()
        if kind not in kinds:
            raise DataError(f"data must be of a known type; got number {kind}")
        if inline is None:  # elements end on a multiple of eight bytes, the last of a variable need not
            self.stream.skip(max(n_bytes, min(-(-n_bytes // 8) * 8, self.stream.left)))
        return n_bytes

    def _tag(self) -> tuple[int, int, bytes | None]:
        """Type, bytes, and the bytes themselves where they are at most four and lie in the tag."""
        data = self.stream.read(8)
        kind, n_bytes = self.pair(data)
        if not kind >> 16:
            return kind, n_bytes, None
        n_bytes = kind >> 16
        if n_bytes > 4:
            raise DataError(f"a small element must have at most 4 bytes; got {n_bytes}")
        return kind & 0xFFFF, n_bytes, data[4 : 4 + n_bytes]


def _check_hdf5(path: Path) -> None:
    """Version 7.3: nothing is stored elsewhere, refers to itself, or unpacks without measure."""
    h5py = optional("h5py")
    with h5py.File(path, "r") as file:
        _Claims(path).of(file, depth=0)


class _Claims:
    """Bytes in memory of everything below an object, references followed as pymatreader does."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size
        self.known: dict[int, int | None] = {}

    def of(self, item: h5py.Group | h5py.Dataset, *, depth: int) -> int:
        import h5py
        from h5py import h5o  # ty: ignore[missing-module-member]

        place = h5o.get_info(item.id).addr
        if depth > DEEPEST or self.known.get(place, 0) is None:
            raise DataError(
                f"cells must not lie deeper than {DEEPEST} levels, nor hold themselves; got {item.name!r} ({self.path})"
            )
        if (known := self.known.get(place)) is None:
            self.known[place] = None
            known = self._group(item, depth) if isinstance(item, h5py.Group) else self._dataset(item, depth)
            self.known[place] = known
        check_unpacked(known, self.size, self.path)
        return known

    def _group(self, group: h5py.Group, depth: int) -> int:
        import h5py

        total = 0
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise DataError(f"a file must hold its data itself; got a link at {name!r} ({self.path})")
            if not (depth == 0 and name == "#refs#"):
                total += self.of(group[name], depth=depth + 1)
        return total

    def _dataset(self, data: h5py.Dataset, depth: int) -> int:
        import h5py

        if data.external or data.is_virtual:
            raise DataError(f"a file must hold its data itself; got {data.name!r} elsewhere ({self.path})")
        n_bytes = (data.size or 0) * data.dtype.itemsize
        check_unpacked(max(n_bytes, prod(data.chunks or (0,)) * data.dtype.itemsize), self.size, self.path)
        if h5py.check_ref_dtype(data.dtype) is not h5py.Reference or "MATLAB_empty" in data.attrs:
            return n_bytes
        return n_bytes + sum(self.of(data.file[reference], depth=depth + 1) for reference in data[()].flat)
