"""What the headers of recordings promise, held against the size of the file, without reading a sample.

A recording that was cut while it was copied is otherwise a shorter recording: mne takes the length of EDF, BDF
and BrainVision files from their size, scipy that of a WAV. Here both numbers are told. Formats: EDF and BDF
(records), GDF (records and events), BrainVision (whole samples, DataPoints, whole markers), FIF (its
chain of tags and the blocks that they begin and end), WAV (the data chunk), EEGLAB's .set (see `matlab`).
"""

from __future__ import annotations

import configparser
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cogattn.eeg.recordings.damage import check_unpacked, cut_short, existing_file, reading
from cogattn.eeg.recordings.matlab import check_mat
from cogattn.errors import DataError

SLOWEST_SOUND_HZ, FASTEST_SOUND_HZ = 100, 10_000_000


def check_recording(path: Path) -> None:
    """Raise DataError unless a recording is as long as its header says.

    Parameters
    ----------
    path : Path
        EDF, BDF, GDF, BrainVision (.vhdr), EEGLAB (.set) or FIF; of other endings only that it is a file.

    Raises
    ------
    DataError
        Naming the file, the header's field or byte, what is promised and what is there.
    """
    check = _CHECKS.get(existing_file(path).suffix.lower())
    if check is not None:
        check(path)


@dataclass(frozen=True)
class Wav:
    """What a WAV file holds: rate in Hz, channels, samples of each."""

    sfreq: int
    n_channels: int
    n_samples: int


def read_wav_header(path: Path) -> Wav:
    """Read the chunks of a WAV up to its data; raise DataError where they are missing or cut short."""
    size = existing_file(path).stat().st_size
    with path.open("rb") as file:
        kind, _, form = struct.unpack("<4sI4s", _bytes(file.read(12), 12, "the RIFF header", 0, path))
        if kind not in (b"RIFF", b"RIFX", b"RF64") or form != b"WAVE":
            raise DataError(
                f"a WAV must begin with RIFF and WAVE; got {kind!r} and {form!r} ({path}, byte 0)"
            )
        order, layout, large = ">" if kind == b"RIFX" else "<", None, 0
        while len(chunk := file.read(8)) == 8:
            name, n_bytes = struct.unpack(f"{order}4sI", chunk)
            start = file.tell()
            if name == b"ds64":
                (large,) = struct.unpack("<8xQ", _bytes(file.read(16), 16, "chunk ds64", start, path))
            elif name == b"fmt ":
                layout = _wav_format(file.read(16), order, start, path)
            elif name == b"data":
                promised = large if kind == b"RF64" and n_bytes == 0xFFFFFFFF else n_bytes
                return _wav(layout, promised, size - start, path)
            file.seek(start + n_bytes + n_bytes % 2)
    raise DataError(f"a WAV must hold a data chunk; got none in {size:,} bytes ({path})")


def _wav_format(data: bytes, order: str, at: int, path: Path) -> tuple[int, int, int]:
    """Rate, channels, and bytes of a sample of all channels."""
    fields = struct.unpack(f"{order}HHIIHH", _bytes(data, 16, "chunk fmt", at, path))
    _, n_channels, sfreq, _, frame, _ = fields
    if not n_channels or not frame or not SLOWEST_SOUND_HZ <= sfreq <= FASTEST_SOUND_HZ:
        raise DataError(
            f"a WAV must have channels, and a rate from {SLOWEST_SOUND_HZ} to {FASTEST_SOUND_HZ:,} Hz; got "
            f"{n_channels} channels in {frame} bytes at {sfreq} Hz ({path}, byte {at})"
        )
    return sfreq, n_channels, frame


def _wav(layout: tuple[int, int, int] | None, promised: int, there: int, path: Path) -> Wav:
    if layout is None:
        raise DataError(f"a WAV must tell its format before its data; got none ({path})")
    sfreq, n_channels, frame = layout
    if promised > there:
        raise cut_short(f"{there // frame:,} samples", f"{promised // frame:,}", path)
    return Wav(sfreq, n_channels, promised // frame)


def _check_edf(path: Path, sample_bytes: int) -> None:
    """Records of EDF (2 bytes a sample) and BDF (3)."""
    with path.open("rb") as file:
        head = _bytes(file.read(256), 256, "the header", 0, path)
        n_header = _number(head, 184, 8, "bytes of the header", path)
        n_records = _number(head, 236, 8, "number of records", path)
        n_channels = _number(head, 252, 4, "number of channels", path)
        if n_channels < 1 or n_header != 256 * (n_channels + 1):
            raise DataError(
                f"a header must have 256 bytes, and 256 a channel; got {n_header} for {n_channels} channels "
                f"({path}, bytes 184 and 252)"
            )
        channels = _bytes(file.read(256 * n_channels), 256 * n_channels, "the header", 256, path)
    samples = [
        _number(channels, 216 * n_channels + 8 * i, 8, "samples in a record", path, offset=256)
        for i in range(n_channels)
    ]
    if min(samples) < 0 or not max(samples):
        raise DataError(
            f"records must hold samples; got {samples[:8]} ({path}, byte {256 + 216 * n_channels})"
        )
    there, rest = divmod(path.stat().st_size - n_header, sample_bytes * sum(samples))
    if n_records == -1 and (
        rest or not there
    ):  # EDF's sign of a recorder that did not come to write the number
        raise DataError(
            f"a recording of unknown length must end with a whole record; got {there} records and {rest} bytes "
            f"({path})"
        )
    if n_records not in (-1, there):
        raise _records_missing(there, n_records, max(samples), path)


def _records_missing(there: int, promised: int, n_samples: int, path: Path) -> DataError:
    return cut_short(
        f"{there:,} records ({there * n_samples:,} samples)", f"{promised:,} ({promised * n_samples:,})", path
    )


GDF_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 8, 8: 8, 16: 4, 17: 8}
"""Bytes of a sample by GDF's type number."""


def _check_gdf(path: Path) -> None:
    """Records, and the table of events that may follow them."""
    with path.open("rb") as file:
        head = _bytes(file.read(256), 256, "the header", 0, path)
        version = re.fullmatch(rb"GDF ?(\d\.\d+)\s*", head[:8])
        if version is None:
            raise DataError(f"a GDF must begin with its version; got {head[:8]!r} ({path}, byte 0)")
        old = float(version[1]) < 1.9
        (n_header,) = struct.unpack_from("<q" if old else "<H", head, 184)
        (n_records,) = struct.unpack_from("<q", head, 236)
        (n_channels,) = struct.unpack_from("<I" if old else "<H", head, 252)
        n_header = n_header if old else 256 * n_header
        size = path.stat().st_size
        if not n_channels or not 256 * (n_channels + 1) <= n_header <= size:
            raise DataError(
                f"a header must have 256 bytes, and 256 a channel; got {n_header:,} of {size:,} bytes for "
                f"{n_channels} channels ({path}, bytes 184 and 252)"
            )
        n_samples, record = _gdf_record(file.read(256 * n_channels), n_channels, path)
        there = (size - n_header) // record
        if not 0 <= n_records <= there:
            raise _records_missing(there, n_records, n_samples, path)
        file.seek(n_header + n_records * record)
        _check_gdf_events(file.read(8), size - file.tell(), float(version[1]), path)


def _gdf_record(channels: bytes, n_channels: int, path: Path) -> tuple[int, int]:
    """Samples of the fastest channel, and bytes of all, in a record."""
    samples = struct.unpack_from(f"<{n_channels}i", channels, 216 * n_channels)
    kinds = struct.unpack_from(f"<{n_channels}i", channels, 220 * n_channels)
    if min(samples) < 0 or not max(samples) or not GDF_BYTES.keys() >= set(kinds):
        raise DataError(
            f"records must hold samples of a known type; got {samples[:8]} of types {kinds[:8]} "
            f"({path}, byte {256 + 216 * n_channels})"
        )
    return max(samples), sum(n * GDF_BYTES[kind] for n, kind in zip(samples, kinds, strict=True))


def _check_gdf_events(head: bytes, n_bytes: int, version: float, path: Path) -> None:
    if not head:
        return
    _bytes(head, 8, "the table of events", path.stat().st_size - len(head), path)
    n_events = int.from_bytes(head[4:8] if version < 1.94 else head[1:4], "little")
    needed = n_events * (12 if head[0] == 3 else 6)
    if needed > n_bytes:
        raise cut_short(f"{n_bytes:,} bytes of events", f"{needed:,} ({n_events:,} events)", path)


BRAINVISION_BYTES = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}


def _check_brainvision(path: Path) -> None:
    """Whole samples, as many as DataPoints says where it is given; the files that the header names are there."""
    with reading(path, "path must be a readable BrainVision header"):
        header = _brainvision_header(path)
    samples = _beside(path, header.get("datafile", ""), "DataFile")
    if named := header.get("markerfile", ""):
        renamed = path.with_suffix(
            ".vmrk"
        )  # mne takes it where the named one is missing, else no markers at all
        is_renamed = renamed.is_file() and not (path.parent / named).exists()
        _check_markers(renamed if is_renamed else _beside(path, named, "MarkerFile"))
    if header.get("dataformat") != "BINARY":
        return
    kind, channels = header.get("binaryformat", ""), header.get("numberofchannels", "")
    if kind not in BRAINVISION_BYTES or re.fullmatch(r"[1-9][0-9]{0,5}", channels) is None:
        raise DataError(
            f"a header must tell a BinaryFormat of {', '.join(BRAINVISION_BYTES)} and NumberOfChannels; got "
            f"{kind!r} and {channels!r} ({path})"
        )
    frame = int(channels) * BRAINVISION_BYTES[kind]
    there, rest = divmod(samples.stat().st_size, frame)
    if rest or not there:
        raise DataError(
            f"a recording must end with a whole sample; got {there:,} samples of {frame} bytes and {rest} bytes "
            f"({samples})"
        )
    if (points := header.get("datapoints", "")) and points != str(there):
        raise cut_short(f"{there:,} samples", f"{points} (DataPoints in {path.name})", samples)


def _brainvision_header(path: Path) -> dict[str, str]:
    """Entries of the sections Common Infos and Binary Infos, names in lower case, read as mne reads them."""
    data = path.read_bytes().partition(b"\n")[2]
    found = re.search(rb"Codepage=([^\r\n]+)", data)
    codepage = found[1].strip().decode("ascii", "replace") if found else "utf-8"
    try:
        text = data.decode("cp1252" if codepage == "ANSI" else codepage)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text.partition("[Comment]")[0])
    sections = [name for name in ("Common Infos", "Common infos") if parser.has_section(name)][:1]
    if parser.has_section("Binary Infos"):
        sections.append("Binary Infos")
    return {key: value for name in sections for key, value in parser.items(name)}


def _check_markers(path: Path) -> None:
    """Every marker is a whole line; mne passes over one that is cut."""
    parts = re.split(
        r"\[Marker Infos\]", path.read_bytes().decode("latin-1"), maxsplit=1, flags=re.IGNORECASE
    )
    if len(parts) == 1:
        raise DataError(f"a marker file must have the section [Marker Infos]; got none ({path})")
    for line in parts[1].splitlines():
        if line.startswith("M") and re.match(r"Mk\d+=[^,]*,[^,]*,\s*\d+,\s*\d+,\s*-?\d+", line) is None:
            raise DataError(
                f"a marker must have type, text, position, length, channel; got {line[:80]!r} ({path})"
            )


def _beside(path: Path, name: str, key: str) -> Path:
    """A file that a header names, which must lie in the header's folder."""
    if (
        not name
        or len(PurePosixPath(name.replace("\\", "/")).parts) != 1
        or name in ("..", ".")
        or "\0" in name
    ):
        raise DataError(f"{key} must name a file beside the header; got {name!r} ({path})")
    if not (path.parent / name).is_file():
        raise DataError(f"{key} must name a file that is there; got none named {name!r} ({path})")
    return path.parent / name


FIF_BLOCK_START, FIF_BLOCK_END, FIF_LAST = 104, 105, -1
FIF_BUFFER, FIF_SKIP = 300, 301
"""Tags of samples, and of how many such buffers are left out."""


def _check_fif(path: Path) -> None:
    """Every tag of the chain lies within the file and behind the one before; every block that is begun is ended.

    Buffers that are left out become zeros in memory, of up to four times the bytes of one that is there.
    """
    size, at, n_open, n_skipped, largest = path.stat().st_size, 0, 0, 0, 0
    with path.open("rb") as file:
        while at != size:
            file.seek(at)
            kind, _, n_bytes, following = struct.unpack(">4i", _bytes(file.read(16), 16, "a tag", at, path))
            end = at + 16 + n_bytes
            if n_bytes < 0 or end > size or following > size:
                promised = f"{max(end, following):,} (tag {kind} at byte {at:,})"
                raise cut_short(f"{size:,} bytes", promised, path)
            n_open += (kind == FIF_BLOCK_START) - (kind == FIF_BLOCK_END)
            if kind == FIF_SKIP:
                n_skipped += int.from_bytes(file.read(4), "big")
            elif kind == FIF_BUFFER:
                largest = max(largest, n_bytes)
            if following == FIF_LAST:
                break
            if following and following < end:
                raise DataError(
                    f"a tag must lie behind the one before; got {following:,} ({path}, byte {at:,})"
                )
            at = following or end
    check_unpacked(4 * largest * n_skipped, size, path)
    if n_open:
        raise DataError(
            f"a recording must be as long as its header says; got {size:,} bytes, in which {n_open} blocks are "
            f"begun and not ended ({path})"
        )


def _bytes(data: bytes, n: int, what: str, at: int, path: Path) -> bytes:
    """`data`, or a DataError where the file has ended before its `n` bytes."""
    if len(data) < n:
        raise DataError(f"{what} must have {n} bytes; got {len(data)} ({path}, byte {at})")
    return data


def _number(head: bytes, at: int, width: int, what: str, path: Path, *, offset: int = 0) -> int:
    """A whole number that EDF writes as text."""
    text = head[at : at + width].decode("latin-1").split("\x00")[0].strip()
    if re.fullmatch(r"[+-]?[0-9]+", text) is None:
        raise DataError(f"{what} must be a whole number; got {text!r} ({path}, byte {offset + at})")
    return int(text)


_CHECKS: dict[str, Callable[[Path], None]] = {
    ".edf": lambda path: _check_edf(path, 2),
    ".bdf": lambda path: _check_edf(path, 3),
    ".gdf": _check_gdf,
    ".vhdr": _check_brainvision,
    ".set": check_mat,
    ".fif": _check_fif,
}
