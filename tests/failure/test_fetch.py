"""Downloads go wrong: another file, half a file, no network, hostile archives. Nothing is left in place."""

from __future__ import annotations

import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogattn.cli import data as cli_data
from cogattn.cli import main
from cogattn.errors import ConfigError, DataError
from cogattn.fetch import Download, Manual, Packaged, adopt, data_sets, fetch, locate, unpack
from cogattn.running.atomic import sha256_hex

CONTENT = bytes(range(256)) * 100


class _Web(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at /whole.bin, half of it at /half.bin, and archives at their names."""

    archives: dict[str, bytes] = {}  # noqa: RUF012 - the server makes an instance a request

    def do_GET(self) -> None:
        body = {"/whole.bin": CONTENT, "/half.bin": CONTENT, **self.archives}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/half.bin" else body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def download(url: str, *, content: bytes = CONTENT, archive: bool = False) -> Download:
    return Download(
        name="numbers", about="bytes", licence="CC0", source="here", url=url,
        sha256=sha256_hex(content), n_bytes=len(content), archive=archive,
    )  # fmt: skip


def everything_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*")) if folder.exists() else []


def test_a_download_arrives_checked_and_is_not_fetched_twice(web: str, tmp_path: Path) -> None:
    place = fetch(download(f"{web}/whole.bin"), tmp_path)
    assert place.read_bytes() == CONTENT
    moved_away = download("http://127.0.0.1:9/whole.bin")
    assert fetch(moved_away, tmp_path) == place


def test_another_file_is_refused_with_both_hashes(web: str, tmp_path: Path) -> None:
    wanted = download(f"{web}/whole.bin", content=b"another")
    with pytest.raises(DataError) as refused:
        fetch(wanted, tmp_path)
    assert wanted.sha256 in str(refused.value)
    assert sha256_hex(CONTENT) in str(refused.value)
    assert "cogattn data fetch numbers --from FILE" in str(refused.value)
    assert everything_in(tmp_path) == []


def test_half_a_file_is_refused(web: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="numbers must"):
        fetch(download(f"{web}/half.bin"), tmp_path)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/whole.bin", "http://no-such-host.invalid/whole.bin"])
def test_without_a_network_the_sentence_says_what_to_do_by_hand(tmp_path: Path, url: str) -> None:
    with pytest.raises(
        DataError, match=r"must be reachable; got \w+ at http.*elsewhere and run: cogattn data fetch"
    ):
        fetch(download(url), tmp_path)
    assert everything_in(tmp_path) == []


def test_a_missing_page_is_refused(web: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be reachable; got HTTPError"):
        fetch(download(f"{web}/gone.bin"), tmp_path)
    assert everything_in(tmp_path) == []


def test_a_file_brought_by_hand_is_checked_and_copied(tmp_path: Path) -> None:
    wanted, brought = download("http://127.0.0.1:9/whole.bin"), tmp_path / "brought"
    brought.write_bytes(CONTENT)
    assert adopt(wanted, brought, tmp_path / "cache").read_bytes() == CONTENT
    brought.write_bytes(CONTENT[1:])
    with pytest.raises(DataError, match=f"must have the SHA-256 {wanted.sha256} of numbers; got SHA-256"):
        adopt(wanted, brought, tmp_path / "other")
    assert everything_in(tmp_path / "other") == []


@pytest.mark.parametrize("sha256", ["", "None", "0" * 63, "md5:" + "0" * 32])
def test_a_download_without_a_hash_cannot_be_announced(sha256: str) -> None:
    with pytest.raises(ConfigError, match="must have a SHA-256 of 64 hex digits"):
        Download(name="x", about="", licence="CC0", source="", url="https://x", sha256=sha256, n_bytes=1)


def zip_of(**members: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return sink.getvalue()


def tar_of(*members: tarfile.TarInfo) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as file:
        for member in members:
            file.addfile(member, io.BytesIO(b"x" * member.size))
    return sink.getvalue()


def member(name: str, *, link: str = "", kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    if link:
        info.type, info.linkname = kind, link
    else:
        info.size = 1
    return info


HOSTILE = {
    "zip up": zip_of(**{"ok.txt": "x", "../escaped.txt": "x"}),
    "zip absolute": zip_of(**{"/tmp/cogattn-escaped.txt": "x"}),
    "zip backslash": zip_of(**{"..\\escaped.txt": "x"}),
    "tar up": tar_of(member("ok.txt"), member("a/../../escaped.txt")),
    "tar absolute": tar_of(member("/tmp/cogattn-escaped.txt")),
    "tar link": tar_of(member("link", link="/etc"), member("link/escaped.txt")),
    "tar hard link": tar_of(member("link", link="../../escaped.txt", kind=tarfile.LNKTYPE)),
    "tar device": tar_of(member("device", link="x", kind=tarfile.CHRTYPE)),
    "no archive": b"hello",
    "half a zip": zip_of(**{"a.txt": "x" * 1000})[:-20],
    "half a tar": tar_of(member("a.txt"))[:-30],
}


@pytest.mark.parametrize("archive", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_broken_archive_leaves_nothing(tmp_path: Path, archive: bytes) -> None:
    (tmp_path / "archive").write_bytes(archive)
    with pytest.raises(DataError, match=r"archive must be|in archive must stay inside"):
        unpack(tmp_path / "archive", tmp_path / "deep" / "folder")
    assert everything_in(tmp_path / "deep") == []
    assert not Path("/tmp/cogattn-escaped.txt").exists()
    assert not (tmp_path / "escaped.txt").exists()


def test_an_archive_is_unpacked_under_the_name_of_its_data_set(web: str, tmp_path: Path) -> None:
    archive = zip_of(**{"a/b.txt": "hello"})
    _Web.archives["/set.zip"] = archive
    place = fetch(download(f"{web}/set.zip", content=archive, archive=True), tmp_path)
    assert place == tmp_path / "numbers"
    assert (place / "a" / "b.txt").read_text() == "hello"
    assert not list(tmp_path.glob(".unpacking*"))


def test_a_data_set_by_hand_says_how_and_takes_a_folder(tmp_path: Path) -> None:
    manual = Manual(
        name="by-hand", about="", licence="CC BY 4.0", source="", instructions="write to the authors"
    )
    with pytest.raises(
        DataError, match=r"by-hand must be put in place by hand: write to the authors.*CC BY 4.0"
    ):
        fetch(manual, tmp_path / "cache")
    (tmp_path / "mine").mkdir()
    place = adopt(manual, tmp_path / "mine", tmp_path / "cache")
    assert place.resolve() == (tmp_path / "mine").resolve()
    assert fetch(manual, tmp_path / "cache") == locate(manual, tmp_path / "cache") == place
    with pytest.raises(DataError, match="must be given as a folder"):
        adopt(manual, tmp_path / "nothing", tmp_path / "cache")


def test_every_announced_data_set_states_its_terms_and_packaged_ones_are_there(tmp_path: Path) -> None:
    found = data_sets()
    assert {"subramanian2023", "cue-conflict"} <= found.keys()
    for data_set in found.values():
        assert data_set.licence
        if isinstance(data_set, Packaged):
            assert locate(data_set, tmp_path).is_file()


def test_one_setting_moves_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "elsewhere"))
    assert main(["data", "where"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'elsewhere'}\n"
    (tmp_path / "images").mkdir()
    assert main(["data", "fetch", "cue-conflict", "--from", str(tmp_path / "images")]) == 0
    capsys.readouterr()
    assert main(["data", "where", "cue-conflict"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'elsewhere' / 'cue-conflict'}\n"
    assert cli_data.cache_folder() == tmp_path / "elsewhere"
