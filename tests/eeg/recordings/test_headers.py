"""Headers against files: what is cut short is refused with both numbers, what claims gigabytes before it takes them."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("edfio")

from cogattn.eeg.recordings.damage import FREE_BYTES, LARGEST_RATIO, check_unpacked, reading
from cogattn.eeg.recordings.envelope import audio_header, read_audio
from cogattn.eeg.recordings.files import digest_of, members_of
from cogattn.eeg.recordings.readers import open_bids, open_epochs, open_raw, read_raw
from cogattn.errors import ConfigError, DataError

LITTLE = 30 * 2**20
"""Bytes of memory that refusing a file may take."""


@pytest.fixture
def write(tmp_path: Path, eeg_files, more_files) -> Callable[[str], Path]:
    """Writes a file of ten seconds of three channels, or a second of sound, by its name."""

    def write_named(name: str) -> Path:
        path = tmp_path / name
        eeg = (eeg_files.MICROVOLTS, eeg_files.SFREQ, eeg_files.NAMES)
        others = {
            "a.gdf": lambda: more_files.write_gdf(path, *eeg),
            "b.set": lambda: more_files.write_set_and_fdt(path, *eeg),
            "a.wav": lambda: more_files.write_wav(path),
            "a.flac": lambda: more_files.write_flac(path),
        }
        others[name]() if name in others else eeg_files.CONTINUOUS[name](path)
        return path

    return write_named


def read(path: Path) -> int:
    """Samples that come back."""
    return len(read_audio(path)[0]) if path.suffix in (".wav", ".flac") else read_raw(path).n_times


def count_samples(path: Path, n_samples: str) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("DataFormat=", f"DataPoints={n_samples}\nDataFormat="), encoding="utf-8")


def tags(fif: bytes) -> list[tuple[int, int]]:
    """Kind and place of every tag."""
    found, at = [], 0
    while at < len(fif):
        kind, _, n_bytes, following = struct.unpack_from(">4i", fif, at)
        found.append((kind, at))
        at = following if following > 0 else at + 16 + n_bytes
    return found


def changed(path: Path, at: int, data: bytes) -> Path:
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)
    return path


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()


WHERE_SAMPLES_ARE = {"a.vhdr": "a.eeg", "b.set": "b.fdt"}
FORMATS = ("a.edf", "a.bdf", "a.gdf", "a.vhdr", "a.set", "b.set", "a_raw.fif", "a.wav", "a.flac")


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.25])
@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_that_is_cut_is_not_a_shorter_recording(write, name: str, kept: float) -> None:
    path = write(name)
    assert read(path) == (8000 if name in ("a.wav", "a.flac") else 1280)
    cut = path.parent / WHERE_SAMPLES_ARE.get(name, name)
    if name == "a.vhdr":
        count_samples(path, "1280")
    cut.write_bytes(cut.read_bytes()[: int(kept * cut.stat().st_size)])
    with pytest.raises(DataError, match=cut.name.replace(".", r"\.")):
        read(path)


@pytest.mark.parametrize(
    ("name", "kept_bytes", "numbers"),
    [
        ("a.edf", -768, r"9 records \(1,152 samples\) of 10 \(1,280\)"),
        ("a.bdf", -1, r"9 records \(1,152 samples\) of 10 \(1,280\)"),
        ("a.gdf", 1024 + 3 * 1536, r"3 records \(384 samples\) of 10 \(1,280\)"),
        ("a.gdf", -1, r"17 bytes of events of 18 \(3 events\)"),
        ("b.set", -12, r"1,279 samples of 1,280 \(b\.set\)"),
        ("a.wav", -2, "7,999 samples of 8,000"),
        ("a.vhdr", -1, r"1,279 samples of 12 bytes and 11 bytes \(.*a\.eeg\)"),
        ("a_raw.fif", -1, r"16,203 bytes of 16,204|16 bytes; got 15"),
    ],
)
def test_the_sentence_tells_what_is_there_and_what_was_promised(write, name, kept_bytes, numbers) -> None:
    path = write(name)
    cut = path.parent / WHERE_SAMPLES_ARE.get(name, name)
    cut.write_bytes(cut.read_bytes()[:kept_bytes])
    with pytest.raises(DataError, match=numbers):
        read(path)


def test_a_fif_that_is_cut_between_two_of_its_tags_is_refused(write) -> None:
    path = write("a_raw.fif")
    whole = path.read_bytes()
    places = [at for _, at in tags(whole)]
    assert len(places) > 20
    for end in places[4:-1]:
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="begun and not ended"):
            read_raw(path)


@pytest.mark.parametrize("claimed", ["1279", "1281"])
def test_a_brainvision_header_that_counts_its_samples_is_believed(write, claimed: str) -> None:
    path = write("a.vhdr")
    count_samples(path, "1280")
    assert read_raw(path).n_times == 1280
    count_samples(write("a.vhdr"), claimed)
    with pytest.raises(DataError, match=rf"1,280 samples of {claimed} \(DataPoints in a\.vhdr\)"):
        read_raw(path)


def test_markers_behind_the_end_or_cut_or_missing_are_refused(write, eeg_files, tmp_path: Path) -> None:
    path = write("a.vhdr")
    markers = path.with_suffix(".vmrk")
    whole = markers.read_bytes()
    eeg_files.write_brainvision(path, markers=(("S  7", 128), ("S  7", 1300)))
    with pytest.raises(DataError, match=r"event must lie within the recording.*a\.vhdr"):
        open_raw(path)
    markers.write_bytes(whole[:-6])
    with pytest.raises(DataError, match=r"marker must have type.*a\.vmrk"):
        open_raw(path)
    markers.write_bytes(whole[: whole.index(b"[Marker")])
    with pytest.raises(DataError, match=r"section \[Marker Infos\]"):
        open_raw(path)
    markers.unlink()
    with pytest.raises(DataError, match=r"MarkerFile must name a file that is there.*a\.vmrk"):
        open_raw(path)


ELSEWHERE = ("../a.eeg", "/etc/passwd", "..", "sub/a.eeg", "..\\a.eeg")


@pytest.mark.parametrize(
    ("key", "name"), [("DataFile", ""), *((key, n) for key in ("DataFile", "MarkerFile") for n in ELSEWHERE)]
)
def test_a_header_names_files_of_its_folder_only(write, key: str, name: str) -> None:
    path = write("a.vhdr")
    ending = ".eeg" if key == "DataFile" else ".vmrk"
    path.with_suffix(ending).rename(path.parent / f"moved{ending}")
    text = path.read_text(encoding="utf-8").replace(f"{key}=a{ending}", f"{key}={name}")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"{key} must name a file (beside|that is there)"):
        read_raw(path)


def test_a_set_does_not_read_the_samples_of_another(tmp_path: Path, eeg_files, more_files) -> None:
    eeg = (eeg_files.MICROVOLTS, eeg_files.SFREQ, eeg_files.NAMES)
    more_files.write_set_and_fdt(tmp_path / "S2.set", *eeg, fdt="S1.fdt")
    with pytest.raises(DataError, match=r"samples in the \.fdt of its name; got S1\.fdt"):
        read_raw(tmp_path / "S2.set")


def test_a_bids_recording_is_held_against_its_sidecar(tmp_path: Path, eeg_files) -> None:
    eeg_files.write_bids(tmp_path / "bids")
    sidecar = next((tmp_path / "bids").rglob("sub-01*_eeg.json"))
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    for said_s, is_right in ((10.0, True), (10.9, True), (20.0, False)):
        sidecar.write_text(json.dumps({**content, "RecordingDuration": said_s}), encoding="utf-8")
        if is_right:
            assert open_bids(tmp_path / "bids", subject="01", task="listen").n_times == 1280
    with pytest.raises(DataError, match=r"10 s of 20 s \(RecordingDuration"):
        open_bids(tmp_path / "bids", subject="01", task="listen")
    sidecar.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(DataError, match="sub-01"):
        open_bids(tmp_path / "bids", subject="01", task="listen")


def test_an_edf_whose_recorder_wrote_no_number_is_read_to_its_last_whole_record(write) -> None:
    path = changed(write("a.edf"), 236, b"-1      ")
    assert read_raw(path).n_times == 1280
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="must end with a whole record; got 9 records and 758 bytes"):
        read_raw(path)


@pytest.mark.parametrize(
    ("at", "field", "sentence"),
    [
        (236, b"99999999", "10 records"),
        (236, b"ten     ", "number of records must be a whole number; got 'ten'.*byte 236"),
        (252, b"9999", "256 a channel; got 1024 for 9999"),
        (184, b"-9999999", "256 a channel; got -9999999"),
        (256 + 216 * 3, b"99999999", "0 records"),
        (256 + 216 * 3, b"-128    ", "records must hold samples"),
    ],
)
def test_a_false_header_of_an_edf_is_refused_by_field_and_byte(write, at, field, sentence) -> None:
    path = changed(write("a.edf"), at, field)
    with little_memory(), pytest.raises(DataError, match=sentence):
        read_raw(path)


@pytest.mark.parametrize(
    ("at", "field", "sentence"),
    [
        (40, struct.pack("<I", 2**32 - 2), "8,000 samples of 2,147,483,647"),
        (24, struct.pack("<I", 3), "a rate from 100.*at 3 Hz"),
        (22, struct.pack("<H", 0), "got 0 channels"),
        (32, struct.pack("<H", 0), "0 bytes"),
        (36, b"junk", "must hold a data chunk"),
        (12, b"junk", "format before its data"),
        (0, b"RIFX", r"a\.wav"),
        (8, b"WAVY", "begin with RIFF and WAVE"),
    ],
)
def test_a_false_header_of_a_wav_is_refused(write, at, field, sentence) -> None:
    path = changed(write("a.wav"), at, field)
    for reader in (read_audio, audio_header):
        with little_memory(), pytest.raises(DataError, match=sentence):
            reader(path)


def test_a_fif_whose_tags_go_round_in_a_circle_ends(write) -> None:
    path = write("a_raw.fif")
    at = struct.unpack_from(">4i", path.read_bytes(), 0)[2] + 16
    changed(path, at + 12, struct.pack(">i", 16))
    with pytest.raises(DataError, match="must lie behind the one before"):
        read_raw(path)


@pytest.mark.parametrize("n_skipped", [100_000, 2**31 - 1])
def test_a_fif_that_skips_gigabytes_is_refused_before_they_are_taken(write, n_skipped: int) -> None:
    path = write("a_raw.fif")
    content = path.read_bytes()
    buffer = dict(tags(content))[300]  # FIFF_DATA_BUFFER
    skip = struct.pack(">5i", 301, 3, 4, 0, n_skipped)  # FIFF_DATA_SKIP, so many buffers
    path.write_bytes(content[:buffer] + skip + content[buffer:])
    with little_memory(), pytest.raises(DataError, match="not unpack to more than 100 times"):
        read_raw(path)


def test_channels_of_unequal_rates_cannot_fill_the_memory(tmp_path: Path) -> None:
    n = 5000  # one channel of a million samples a record, all others of one, which mne brings to the first one's rate
    samples = [1_000_000] + [1] * (n - 1)
    head = b"0".ljust(168) + b"01.01.2001.00.00" + str(256 * (n + 1)).encode().ljust(8) + b" " * 44
    head += b"1       1       " + str(n).encode().ljust(4)
    parts = [f"c{i}".encode().ljust(16) for i in range(n)] + [b" " * 80] * n + [b"uV      "] * n
    for limit in (b"-100", b"100", b"-32768", b"32767"):
        parts += [limit.ljust(8)] * n
    parts += [b" " * 80] * n + [str(k).encode().ljust(8) for k in samples] + [b" " * 32] * n
    (tmp_path / "a.edf").write_bytes(head + b"".join(parts) + bytes(2 * sum(samples)))
    with pytest.raises(DataError, match=r"got 40,000,000,000 bytes from"):
        read_raw(tmp_path / "a.edf")


@pytest.mark.parametrize("name", ["a.edf", "a.wav", "a.mat"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    readers = [read_audio, audio_header] if name == "a.wav" else [open_epochs]
    for reader in [*readers, *([read_raw, open_raw] if name == "a.edf" else [])]:
        with pytest.raises(DataError, match="got a pipe, socket or device"):
            reader(tmp_path / name)
    with pytest.raises(DataError, match="got a folder"):
        open_epochs(tmp_path)
    with pytest.raises(DataError, match=r"got none at .*missing"):
        read_audio(tmp_path / "missing.wav")


def test_what_unpacks_little_may_unpack_and_what_unpacks_much_must_be_large(tmp_path: Path) -> None:
    check_unpacked(FREE_BYTES, 1, tmp_path)
    check_unpacked(FREE_BYTES * LARGEST_RATIO, FREE_BYTES, tmp_path)
    for unpacked, packed in ((FREE_BYTES + 1, 1), (FREE_BYTES * LARGEST_RATIO + 1, FREE_BYTES)):
        with pytest.raises(DataError, match="100 times"):
            check_unpacked(unpacked, packed, tmp_path)


RAISED = (Exception("\n"), AssertionError(), KeyError("x"), MemoryError(), RecursionError("r"))


@pytest.mark.parametrize("raised", RAISED, ids=repr)
def test_whatever_a_reader_raises_names_the_file(raised: Exception) -> None:
    def read_with(error: Exception) -> None:
        with reading(Path("/a/b.edf"), "path must be nice"):
            raise error

    with pytest.raises(DataError, match=rf"^path must be nice; got /a/b\.edf \({type(raised).__name__}: "):
        read_with(raised)
    with pytest.raises(DataError, match=r"^x \(/a/b\.edf\)$"):
        read_with(DataError("x"))
    with pytest.raises(ConfigError, match=r"^x$"):
        read_with(ConfigError("x"))


def test_headers_tell_rate_and_length_without_the_samples(write) -> None:
    raw = open_raw(write("a.edf"))
    assert (raw.preload, raw.n_times, raw.info["sfreq"]) == (False, 1280, 128.0)
    assert audio_header(write("a.wav")) == audio_header(write("a.flac")) == (8000, 8000.0)


@pytest.mark.parametrize("kind", [b"RIFF", b"RIFX", b"RF64"])
def test_wavs_of_either_byte_order_and_large_ones_are_read(tmp_path: Path, kind: bytes) -> None:
    order, size = ">" if kind == b"RIFX" else "<", 0xFFFFFFFF if kind == b"RF64" else 8000
    large = b"ds64" + struct.pack("<IQQQI", 28, 8080, 8000, 4000, 0) if kind == b"RF64" else b""
    sound = np.arange(4000, dtype=f"{order}i2")
    fmt = b"fmt " + struct.pack(f"{order}IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    odd = b"LIST" + struct.pack(f"{order}I", 3) + b"abc\0"
    body = large + fmt + odd + b"data" + struct.pack(f"{order}I", size) + sound.tobytes()
    total = size if kind == b"RF64" else len(body) + 4
    (tmp_path / "a.wav").write_bytes(kind + struct.pack(f"{order}I", total) + b"WAVE" + body)
    samples, rate = read_audio(tmp_path / "a.wav")
    assert rate == 8000
    np.testing.assert_array_equal(samples, np.arange(4000) / 2**15)


def test_a_fingerprint_is_over_all_bytes_that_are_read(write, tmp_path: Path) -> None:
    path = write("a.vhdr")
    before, alone = digest_of(members_of(path)), digest_of(members_of(path.with_suffix(".eeg")))
    changed(path.with_suffix(".vmrk"), -1, b" ")
    assert digest_of(members_of(path)) != before
    changed(path.with_suffix(".eeg"), 0, b"\x01")
    assert digest_of(members_of(path.with_suffix(".eeg"))) != alone
    folder = digest_of(members_of(tmp_path))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "new").write_bytes(b"")
    assert digest_of(members_of(tmp_path)) != folder
    with pytest.raises(DataError, match="missing"):
        digest_of(members_of(tmp_path / "missing.edf"))
