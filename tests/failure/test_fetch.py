"""Downloads go wrong: another file, half a file, no end, no network, hostile archives. Nothing is left in place."""

from __future__ import annotations

import http.server
import io
import json
import struct
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

from cogattn.archives import unpack
from cogattn.cli import main
from cogattn.errors import ConfigError, DataError
from cogattn.fetch import Download, Manual, Packaged, adopt, data_sets, fetch, locate, names_digest, state
from cogattn.running.atomic import sha256_hex
from cogattn.running.digests import cache_folder

CONTENT = bytes(range(256)) * 100
BOUND = 400
"""Packets after which the server of these tests gives up a download that nobody ends."""


class _Web(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at /whole.bin and what goes wrong with it at other names, and archives at theirs."""

    archives: dict[str, bytes] = {}  # noqa: RUF012 - the server makes an instance a request
    sent: dict[str, int] = {}  # noqa: RUF012 - packets by path
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        if self.path in ("/endless.bin", "/slow.bin", "/silent.bin"):
            self._go_on(self.path)
        elif self.path == "/slow-headers.bin":
            self._go_on(self.path, b"HTTP/1.1 200 OK\r\nX-Very-Long: ")
        elif self.path == "/to-a-file.bin":
            self._redirect(Path(__file__).as_uri())
        elif self.path == "/round.bin":
            self._redirect("/round.bin")
        elif self.path == "/moved.bin":
            self._redirect("/whole.bin")
        else:
            self._whole_or_half()

    def _whole_or_half(self) -> None:
        body = {"/whole.bin": CONTENT, "/half.bin": CONTENT, **self.archives}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/half.bin" else body)

    def _redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _go_on(self, path: str, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
        """One packet after another until the other side has had enough."""
        packet, pause_s = (bytes(10_000), 0.0) if path == "/endless.bin" else (b"x", 0.05)
        self.sent[path] = 0
        try:
            self.wfile.write(head)
            while self.sent[path] < BOUND:
                if path != "/silent.bin":
                    self.wfile.write(packet)
                self.sent[path] += 1
                sleep(pause_s)
        except OSError:
            pass

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    server.daemon_threads = True
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
    wanted = download(f"{web}/whole.bin", content=CONTENT[::-1])
    with pytest.raises(DataError) as refused:
        fetch(wanted, tmp_path)
    assert wanted.sha256 in str(refused.value)
    assert sha256_hex(CONTENT) in str(refused.value)
    assert "cogattn data fetch numbers --from FILE" in str(refused.value)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content", "got"),
    [
        ("half.bin", CONTENT, "must have 25,600 bytes; got 12,800 from"),
        ("whole.bin", CONTENT + b"x", "must have 25,601 bytes; got 25,600 from"),
        ("whole.bin", CONTENT[1:], "must have 25,599 bytes; got more from"),
        ("endless.bin", CONTENT, "must have 25,600 bytes; got more from"),
    ],
)
def test_more_or_fewer_bytes_are_refused(
    web: str, tmp_path: Path, name: str, content: bytes, got: str
) -> None:
    with pytest.raises(DataError, match=f"^numbers {got}.*elsewhere and run: cogattn data fetch"):
        fetch(download(f"{web}/{name}", content=content), tmp_path)
    assert everything_in(tmp_path) == []
    assert _Web.sent.get("/endless.bin", 0) < BOUND


@pytest.mark.parametrize("name", ["slow.bin", "slow-headers.bin", "silent.bin"])
def test_a_server_that_takes_its_time_is_left(web: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(
        DataError,
        match=r"^numbers must (arrive within 0\.3 s; got \d+ of 25,600|be reachable; got TimeoutError)",
    ):
        fetch(download(f"{web}/{name}"), tmp_path, limit_s=0.3)
    assert everything_in(tmp_path) == []
    assert _Web.sent[f"/{name}"] < BOUND


def test_a_redirection_is_followed_on_the_web_only(web: str, tmp_path: Path) -> None:
    assert fetch(download(f"{web}/moved.bin"), tmp_path / "moved").read_bytes() == CONTENT
    here = Path(__file__).read_bytes()
    for name, content in (("to-a-file.bin", here), ("round.bin", CONTENT)):
        with pytest.raises(DataError, match="must be reachable; got HTTPError"):
            fetch(download(f"{web}/{name}", content=content), tmp_path)
    for url in (Path(__file__).as_uri(), "ftp://127.0.0.1/x", "data:,x", "nothing"):
        with pytest.raises(DataError, match="must be reachable; got"):
            fetch(download(url, content=here), tmp_path)
    assert everything_in(tmp_path) == [tmp_path / "moved", tmp_path / "moved" / "numbers--moved.bin"]


def test_a_file_that_is_damaged_in_the_cache_is_not_given_out(web: str, tmp_path: Path) -> None:
    wanted = download(f"{web}/whole.bin")
    assert state(wanted, tmp_path) == "to fetch"
    place = fetch(wanted, tmp_path)
    assert state(wanted, tmp_path) == "here"
    place.write_bytes(CONTENT[1:])
    assert state(wanted, tmp_path) == "damaged"
    with pytest.raises(
        DataError, match=f"must have the SHA-256 {wanted.sha256} of numbers; got SHA-256 .*; remove it"
    ):
        fetch(wanted, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(web: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cache must have room for numbers"):
        fetch(download(f"{web}/whole.bin"), tmp_path / "file" / "cache")


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


def patched(archive: bytes, central: int, value: bytes) -> bytes:
    """A zip with the same field changed in its local header and, `central` bytes in, in its central one."""
    content = bytearray(archive)
    for start, at in ((content.index(b"PK\3\4"), central - 2), (content.index(b"PK\1\2"), central)):
        content[start + at : start + at + len(value)] = value
    return bytes(content)


def packed(n_bytes: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        for k in range(n_bytes // 2**20):
            file.writestr(f"{k}.txt", bytes(2**20))
    return sink.getvalue()


def packed_tar(n_bytes: int) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as file:
        info = tarfile.TarInfo("zeros")
        info.size = n_bytes
        file.addfile(info, io.BytesIO(bytes(n_bytes)))
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
    "zip encrypted": patched(zip_of(**{"a.txt": "x" * 100}), 8, struct.pack("<H", 1)),
    "zip unknown method": patched(zip_of(**{"a.txt": "x" * 100}), 10, struct.pack("<H", 97)),
    "zip damaged within": zip_of(**{"a.txt": "x" * 1000}).replace(b"xxxx", b"yyyy", 1),
    "zip packed, damaged within": packed(2**20)[:50] + b"damage" + packed(2**20)[56:],
    "zip bomb": packed(257 * 2**20),
    "zip that says it is one": patched(zip_of(**{"a.txt": "x"}), 24, struct.pack("<I", 2**32 - 2)),
    "tar bomb": packed_tar(257 * 2**20),
    "no archive": b"hello",
    "half a zip": zip_of(**{"a.txt": "x" * 1000})[:-20],
    "half a tar": tar_of(member("a.txt"))[:-30],
}


@pytest.mark.parametrize("archive", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_broken_archive_leaves_nothing(tmp_path: Path, archive: bytes) -> None:
    (tmp_path / "archive").write_bytes(archive)
    with pytest.raises(DataError, match=r"^archive must (be|not)|in archive must stay inside"):
        unpack(tmp_path / "archive", tmp_path / "deep" / "folder")
    assert everything_in(tmp_path / "deep") == []
    assert not Path("/tmp/cogattn-escaped.txt").exists()
    assert not (tmp_path / "escaped.txt").exists()


def test_an_archive_that_announces_more_may_unpack_to_it(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(packed(3 * 2**20))
    with pytest.raises(DataError, match="archive must not unpack to more than 3,145,727 bytes"):
        unpack(tmp_path / "archive", tmp_path / "folder", most_bytes=3 * 2**20 - 1)
    assert not (tmp_path / "folder").exists()
    unpack(tmp_path / "archive", tmp_path / "folder", most_bytes=3 * 2**20)
    assert len(everything_in(tmp_path / "folder")) == 3


def test_an_archive_is_unpacked_under_the_name_of_its_data_set(web: str, tmp_path: Path) -> None:
    archive = zip_of(**{"a/b.txt": "hello"})
    _Web.archives["/set.zip"] = archive
    place = fetch(download(f"{web}/set.zip", content=archive, archive=True), tmp_path)
    assert place == tmp_path / "numbers"
    assert (place / "a" / "b.txt").read_text() == "hello"
    assert not list(tmp_path.glob(".unpacking*"))
    (tmp_path / "brought.zip").write_bytes(archive)
    with pytest.raises(DataError, match=r"must not be in the cache already; got .*numbers; remove it first"):
        adopt(download("http://x/set.zip", content=archive, archive=True), tmp_path / "brought.zip", tmp_path)


def by_hand(*names: str) -> Manual:
    return Manual(
        name="by-hand", about="", licence="CC BY 4.0", source="", instructions="write to the authors",
        pattern=r"\d+\.(png|jpe?g)", n_files=len(names), names_sha256=names_digest(names),
    )  # fmt: skip


def test_a_data_set_by_hand_says_how_and_takes_a_folder(tmp_path: Path) -> None:
    manual, cache = by_hand("1.png", "2.png"), tmp_path / "cache"
    with pytest.raises(
        DataError, match=r"by-hand must be put in place by hand: write to the authors.*CC BY 4.0"
    ):
        fetch(manual, cache)
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    for name in ("1.png", "sub/2.JPEG", "README.md", "x1.png"):  # other files do not count, nor do endings
        (mine / name).touch()
    place = adopt(manual, mine, cache)
    assert place.resolve() == mine.resolve()
    assert fetch(manual, cache) == locate(manual, cache) == place
    assert state(manual, cache) == "here"
    with pytest.raises(DataError, match="must be given as a folder"):
        adopt(manual, tmp_path / "nothing", cache)


@pytest.mark.parametrize(
    ("names", "got"),
    [
        ((), "got 0 with names of their kind"),
        (("1.png",), "got 1 with"),
        (("1.png", "2.png", "3.png"), "got 3 with"),
        (("1.png", "3.png"), "got 2 with names of their kind, not the same ones"),
    ],
)
def test_a_folder_of_something_else_is_refused_and_told(
    tmp_path: Path, names: tuple[str, ...], got: str
) -> None:
    manual, cache = by_hand("1.png", "2.png"), tmp_path / "cache"
    (tmp_path / "other").mkdir()
    for name in names:
        (tmp_path / "other" / name).touch()
    with pytest.raises(
        DataError, match=f"by-hand must be a folder of its 2 files; {got}.*write to the authors"
    ):
        adopt(manual, tmp_path / "other", cache)
    assert everything_in(cache) == []
    (cache / "by-hand").symlink_to(tmp_path / "other")
    assert state(manual, cache) == "damaged"
    with pytest.raises(DataError, match=got):
        fetch(manual, cache)


def test_the_folders_of_the_masking_study_are_told_from_each_other(shared_data: Path, tmp_path: Path) -> None:
    folders = {
        name: shared_data / "masking" / folder
        for name, folder in {"graysplit": "graysplit", "cue-conflict": "cue_conflict"}.items()
    }
    for name, folder in folders.items():
        for other, its_folder in folders.items():
            if other == name:
                assert adopt(data_sets()[name], folder, tmp_path).resolve() == folder.resolve()
            else:
                with pytest.raises(DataError, match=f"{name} must be a folder of its 1,.*; got 0 with"):
                    adopt(data_sets()[name], its_folder, tmp_path)


def test_every_announced_data_set_states_its_terms_and_packaged_ones_are_there(tmp_path: Path) -> None:
    found = data_sets()
    assert {"subramanian2023", "cue-conflict"} <= found.keys()
    for data_set in found.values():
        assert data_set.licence
        if isinstance(data_set, Packaged):
            assert locate(data_set, tmp_path).is_file()


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manual:
    """A distribution that announces the data set ``by-hand`` of two files, as an installed one would."""
    info = tmp_path / "site" / "faces-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faces\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[cogattn.datasets]\nfaces = faces:DATASETS\n", encoding="utf-8")
    manual = by_hand("1.png", "2.png")
    code = f"from cogattn.fetch import Manual\nDATASETS = ({manual!r},)\n"
    (tmp_path / "site" / "faces.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return manual


def test_one_setting_moves_the_cache(
    tmp_path: Path, plugin: Manual, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "elsewhere"))
    assert main(["data", "where"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'elsewhere'}\n"
    images = tmp_path / "images"
    images.mkdir()
    assert main(["data", "fetch", plugin.name, "--from", str(images)]) == 2
    assert "by-hand must be a folder of its 2 files; got 0" in capsys.readouterr().err
    for name in ("1.png", "2.png"):
        (images / name).touch()
    assert main(["data", "fetch", plugin.name, "--from", str(images)]) == 0
    capsys.readouterr()
    assert main(["data", "where", plugin.name]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'elsewhere' / plugin.name}\n"
    assert cache_folder() == tmp_path / "elsewhere"


def test_the_list_tells_what_is_here_and_what_no_longer_is(
    tmp_path: Path, plugin: Manual, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))

    def states() -> dict[str, str]:
        assert main(["data", "list", "--json"]) == 0
        return {row["name"]: row["state"] for row in json.loads(capsys.readouterr().out)}

    before = states()
    assert (before["subramanian2023"], before[plugin.name]) == ("packaged", "by hand")
    for name in ("1.png", "2.png"):
        (tmp_path / name).touch()
    adopt(plugin, tmp_path, cache_folder())
    assert states()[plugin.name] == "here"
    (tmp_path / "1.png").unlink()
    assert states()[plugin.name] == "damaged"
    assert main(["data", "where", plugin.name]) == 2
