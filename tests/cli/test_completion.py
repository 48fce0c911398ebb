"""Tab completion: the script that is installed knows every command and every study's settings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cogattn.cli import build_app, main

TAB = """
source {script}
COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
function_name=$(complete -p cogattn | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
$function_name
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command installs, where it changes nobody's start-up file."""
    home = tmp_path_factory.mktemp("home")
    target = home / "completion"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        assert main(["--install-completion", "--shell", "bash", "--output", str(target)]) == 0
    return target


def completed(script: Path, *words: str) -> set[str]:
    """What bash offers for the last of `words`."""
    quoted = " ".join(f'"{word}"' for word in ("cogattn", *words))
    told = subprocess.run(
        ["bash", "-c", TAB.format(script=script, line=f"cogattn {' '.join(words)}", words=quoted)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("",), {"masking", "aad", "report", "runs", "dashboard"}),
        (("mask",), {"masking"}),
        (("masking", "--noise.n"), {"--noise.n-bands"}),
        (("runs", "ver"), {"verify"}),
        (("aad", "--recordings.ki"), {"--recordings.kind"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bash_completes_commands_and_settings(
    script: Path, words: tuple[str, ...], offered: set[str]
) -> None:
    assert offered <= completed(script, *words)


@pytest.mark.slow
def test_other_shells_get_a_script_with_the_settings() -> None:
    app = build_app(["--install-completion"])
    for shell in ("zsh", "fish"):
        assert "noise.n-bands" in app.generate_completion(shell=shell)
