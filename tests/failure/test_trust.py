"""Where the border of trust runs: SECURITY.md, claim by claim, as far as no other test shows it."""

from __future__ import annotations

import ast
import itertools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogattn.cli import main
from cogattn.config import MAX_SETTINGS_BYTES, read_settings
from cogattn.errors import CogattnError, ConfigError
from cogattn.running.catalogue import verify_deep
from cogattn.running.identity import make_plan
from cogattn.running.records import ConfigRecord
from cogattn.running.store import RunFolder
from cogattn.study import Cell
from cogattn.testing.coin import CoinConfig, CoinStudy

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = """
from pathlib import Path

Path(__file__).with_name("executed").touch()


def build():
    raise RuntimeError("it has run already")
"""
SETTINGS = {"observer": {"kind": "factory", "target": "hostile_networks:build"}}


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module in it, in which the user stands; a file ``executed`` appears once it is imported."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "hostile_networks.py").write_text(HOSTILE, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "hostile_networks", raising=False)
    return folder


def test_settings_that_name_code_run_it(stranger: Path, tmp_path: Path) -> None:
    (stranger / "study.toml").write_text(
        '[observer]\nkind = "factory"\ntarget = "hostile_networks:build"\n', encoding="utf-8"
    )
    assert main(["masking", "--config", "study.toml", "--out", str(tmp_path / "runs")]) == 2
    assert (stranger / "executed").exists()


def test_only_a_deep_check_follows_what_a_stranger_s_run_names(
    stranger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cogattn.psychophysics.masking.config import MaskingConfig

    record = ConfigRecord(study="masking", config=MaskingConfig.parse(SETTINGS).model_dump(mode="json"))
    run = RunFolder(tmp_path / "runs", "masking", record.run_id)
    run.folder.mkdir(parents=True)
    run.write(record)
    for words in (["list"], ["list", "--json"], ["show", run.id], ["verify"]):
        main(["runs", *words, "--out", str(tmp_path / "runs")])
    assert run.id in capsys.readouterr().out
    assert not (stranger / "executed").exists()
    with pytest.raises(CogattnError):  # their code has run, and there is nothing to compare
        verify_deep(run)
    assert (stranger / "executed").exists()


def test_settings_are_a_small_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * (MAX_SETTINGS_BYTES + 1))
    (tmp_path / "deep.json").write_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    for name in ("pipe.toml", "long.toml", "deep.json"):
        with pytest.raises(ConfigError, match=f"--config must .*{name}"):
            read_settings(tmp_path / name)
    with pytest.raises(ConfigError, match="--config must"):
        read_settings(Path("/dev/zero"))


class EndlessStudy(CoinStudy):
    """A plan that never ends."""

    def cells(self, config: CoinConfig) -> Iterator[Cell]:
        first = super().cells(config)[0]
        return itertools.repeat(first)


def test_a_plan_has_an_end() -> None:
    with pytest.raises(ConfigError, match="1,000,000 cells"):
        make_plan(EndlessStudy(), CoinConfig())


def test_whoever_listens_listens_at_home() -> None:
    listening = re.compile(
        r"HTTPServer\(|serve_forever|start_server|create_server|\.bind\(|\"run\",\s+str\(SCRIPT\)"
    )
    for folder in ("cogattn", "kernels", "psychophysics", "eeg", "apps"):
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            assert not listening.search(source) or "127.0.0.1" in source, path


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(named) > 25
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (file, test)
