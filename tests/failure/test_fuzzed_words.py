"""Any words on the command line: an answer, or one sentence that says what is wrong. Never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cogattn.cli import main
from cogattn.fields import flat_fields
from cogattn.registry import load_study, study_entry_points
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
COMMANDS = ("", COIN, COIN, COIN, COIN, "runs", "data", "demos", "nomodule:Study", "os:getcwd", ":", "-")
SUBCOMMANDS = ("list", "show", "verify", "where", "fetch", "--help", "-h", "--version", "x")
VALUES = (
    "",
    "0",
    "1",
    "2",
    "-1",
    "1e3",
    ".5",
    "nan",
    "inf",
    "fair",
    "loaded",
    "../x",
    "*",
    "true",
    "é",
    "--",
    "=",
)


def random_words(rng: random.Random, store: Path) -> list[str]:
    flags = ["--" + field.path.replace("_", "-") for field in flat_fields(CoinConfig)]
    flags += ["--out", "--workers", "--json", "--mix", "--config", "--no-such", "--coins", "-q", "--from"]
    words = [rng.choice(COMMANDS)]
    if words[0] in ("runs", "data"):
        words.append(rng.choice(SUBCOMMANDS))
    for _ in range(rng.randrange(5)):
        flag, value = rng.choice(flags), rng.choice(VALUES)
        words += rng.choice([[flag], [flag, value], [f"{flag}={value}"], [value], [flag, value, value]])
    if words[0] == COIN and not any(word in ("--tosses", "--seconds-per-cell") for word in words):
        words += ["--tosses", "3"]
    return [*words, "--out", str(store), "--workers", "1"] if words[0] == COIN else words


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_50_random_command_lines_end_with_code_0_or_2(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    rng, codes = random.Random(block), []
    for _ in range(50):
        words = random_words(rng, tmp_path / "runs")
        codes.append(main(words))
        out, err = capsys.readouterr()
        assert codes[-1] in (0, 2), (words, err)
        assert "Traceback" not in out + err, words
        if codes[-1] == 2:
            assert err.startswith("cogattn: "), (words, err)
            assert err.count("\n") == 1, (words, err)
    assert set(codes) == {0, 2}


def test_every_setting_of_every_known_study_has_a_flag_that_help_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    for name in (*study_entry_points(), COIN):
        assert main([name, "--help"]) == 0
        shown = capsys.readouterr().out
        for field in flat_fields(load_study(name).Config):
            assert "--" + field.path.replace("_", "-") in shown
