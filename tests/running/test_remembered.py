"""What is remembered of the house's code is what a walk would find, and nothing in doubt is remembered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cogattn.running import remembered
from cogattn.running.code import code_digest

TARGET = "cogattn.statistics.stats:wilson_interval"
LONG_AGO_S = 0.3
ASK = f"""
from cogattn.running import remembered
remembered.YOUNG_NS = 250_000_000
walk = remembered.code_digest
def told(*args, **kwargs):
    print("walked")
    return walk(*args, **kwargs)
remembered.code_digest = told
print(remembered.house_digest("{TARGET}").sha256)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house's core that tests may edit, as an installed tree."""
    import cogattn

    site = tmp_path_factory.mktemp("copy") / "site-packages"
    source = Path(cogattn.__file__).parent
    shutil.copytree(source, site / "cogattn", ignore=shutil.ignore_patterns("__pycache__"))
    time.sleep(LONG_AGO_S)
    return site


def ask(site: Path, cache: Path, cwd: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "COGATTN_DATA": str(cache)}
    command = [sys.executable, "-B", "-c", ASK]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_another_process_walks_through_nothing_that_this_one_has_read(
    checkout: Path, cache: Path, tmp_path: Path
) -> None:
    first, second = (ask(checkout, cache, tmp_path) for _ in range(2))
    assert first == ["walked", second[0]]


def test_a_changed_constant_is_noticed_though_size_and_mtime_are_as_before(
    checkout: Path, cache: Path, tmp_path: Path
) -> None:
    before = ask(checkout, cache, tmp_path)[-1]
    assert ask(checkout, cache, tmp_path) == [before]
    file = checkout / "cogattn" / "statistics" / "stats.py"
    found, text = file.stat(), file.read_text()
    changed = text.replace("center = correct + z2 / 2", "center = correct + z2 / 3")
    assert changed != text
    file.write_text(changed)
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    try:
        time.sleep(LONG_AGO_S)
        now = ask(checkout, cache, tmp_path)
        assert now[0] == "walked"
        assert now[-1] != before
    finally:
        file.write_text(text)
        time.sleep(LONG_AGO_S)
    assert ask(checkout, cache, tmp_path)[-1] == before


def test_after_a_young_file_nothing_is_remembered(checkout: Path, cache: Path, tmp_path: Path) -> None:
    file = checkout / "cogattn" / "statistics" / "stats.py"
    os.utime(file, ns=(0, time.time_ns() + 60_000_000_000))
    try:
        assert [ask(checkout, cache, tmp_path)[0] for _ in range(2)] == ["walked", "walked"]
    finally:
        os.utime(file, ns=(0, 0))
        time.sleep(LONG_AGO_S)


@pytest.mark.parametrize("what", ["a file beside", "an installed package", "a module in the folder"])
def test_what_the_walk_might_find_new_is_looked_for(
    checkout: Path, cache: Path, tmp_path: Path, what: str
) -> None:
    ask(checkout, cache, tmp_path)
    assert len(ask(checkout, cache, tmp_path)) == 1
    new = {
        "a file beside": checkout / "cogattn" / "statistics" / "stats.txt",
        "an installed package": checkout / "plugin-1.dist-info" / "entry_points.txt",
        "a module in the folder": tmp_path / "lab.py",
    }[what]
    new.parent.mkdir(exist_ok=True)
    new.write_text("")
    try:
        assert ask(checkout, cache, tmp_path)[0] == "walked"
    finally:
        shutil.rmtree(new.parent) if "dist-info" in str(new) else new.unlink()
        time.sleep(LONG_AGO_S)


@pytest.mark.parametrize("damage", [b"", b"{}", b"cut"])
def test_a_damaged_answer_is_none(checkout: Path, cache: Path, tmp_path: Path, damage: bytes) -> None:
    whole = ask(checkout, cache, tmp_path)
    (kept,) = (cache / remembered.FOLDER).glob("*.json")
    kept.write_bytes(kept.read_bytes()[:-40] if damage == b"cut" else damage)
    assert ask(checkout, cache, tmp_path) == ["walked", whole[-1]]


def test_one_digit_that_flipped_is_no_answer(checkout: Path, cache: Path, tmp_path: Path) -> None:
    whole = ask(checkout, cache, tmp_path)[-1]
    (kept,) = (cache / remembered.FOLDER).glob("*.json")
    flipped = whole[:-1] + ("0" if whole[-1] != "0" else "1")
    kept.write_text(kept.read_text().replace(whole, flipped))
    assert ask(checkout, cache, tmp_path) == ["walked", whole]


def test_without_a_writable_cache_code_is_read(checkout: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert ask(checkout, blocked, tmp_path)[-1] == ask(checkout, tmp_path / "cache", tmp_path)[-1]


def test_answers_are_those_of_the_walk_and_a_limited_number_is_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [TARGET, "cogattn.running.records:Manifest", "cogattn.seeds:Streams"]
    monkeypatch.setattr(remembered, "MAX_KEPT", 2)
    monkeypatch.setattr(remembered, "YOUNG_NS", 0)
    assert remembered.house_digest(TARGET) == code_digest(TARGET)
    also = remembered.house_digest(TARGET, also=targets[1:])
    assert also == code_digest(TARGET, also=targets[1:])
    for _ in range(2):
        assert [remembered.house_digest(target) for target in targets] == [code_digest(t) for t in targets]
    assert len(list((cache / remembered.FOLDER).iterdir())) == 2


def test_code_of_others_is_not_remembered(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "YOUNG_NS", 0)
    module = type(sys)("cogattn.elsewhere")
    module.__file__ = __file__
    monkeypatch.setitem(sys.modules, "cogattn.elsewhere", module)
    assert remembered.house_digest(TARGET) == code_digest(TARGET)
    assert not (cache / remembered.FOLDER).exists()
