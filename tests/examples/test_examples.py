"""The files under examples/ run as their docstrings say, and what they print is what must come out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def printed(folder: Path, *words: str) -> str:
    """What a Python command prints that runs in an empty folder, with examples/ to import from."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def example(folder: Path, name: str) -> str:
    return printed(folder, str(EXAMPLES / name))


def numbers(pattern: str, text: str) -> list[float]:
    """The numbers that a pattern's groups find in a text, in order."""
    return [float(number) for found in re.finditer(pattern, text) for number in found.groups()]


@pytest.mark.slow
def test_a_network_of_blocks_is_blind_to_noise_finer_than_they_are(tmp_path: Path) -> None:
    right = numbers(r"cycles per image: ([\d.]+) right", example(tmp_path, "own_network.py"))
    assert len(right) == 5
    assert right[-1] == 1.0
    assert right[0] < 0.3


@pytest.mark.slow
def test_sensitivities_of_a_study_are_those_of_its_observers(tmp_path: Path) -> None:
    text = example(tmp_path, "own_study.py")
    assert numbers(r"d_prime +([\d.]+)", text) == pytest.approx([1.0, 2.0], abs=0.3)


@pytest.mark.slow
def test_the_ideal_observer_s_channel_is_found_on_images_of_a_folder(tmp_path: Path) -> None:
    text = example(tmp_path, "own_images.py")
    (bandwidth,) = numbers(r"bandwidth: ([\d.]+)", text)
    (centre,) = numbers(r"centre: ([\d.]+)", text)
    assert bandwidth == pytest.approx(1.5, rel=0.25)
    assert centre == pytest.approx(7.0, rel=0.25)


@pytest.mark.slow
def test_the_ideal_observer_is_one_of_the_people_who_are_like_it_and_none_of_the_others(
    tmp_path: Path,
) -> None:
    text = example(tmp_path, "own_people.py")
    p = dict(re.findall(r"(\w+ people, \w+): .*p = ([^,]+),", text))
    assert float(p["own people, bandwidth"]) > 0.05
    assert float(p["own people, centre"]) > 0.05
    assert float(p["published people, centre"]) < 1e-4


@pytest.mark.slow
def test_a_response_is_found_where_the_sound_began_and_only_there(tmp_path: Path) -> None:
    text = example(tmp_path, "own_recordings.py")
    (right, low, _), (wrong, below, _) = re.findall(r"coherence ([\d.-]+) \[([\d.-]+), ([\d.-]+)\]", text)
    assert float(low) > 0.5
    assert float(right) > 10 * float(wrong)
    assert float(below) < 0.05


@pytest.mark.slow
def test_a_card_places_the_network_and_names_what_was_not_run(tmp_path: Path) -> None:
    text = example(tmp_path, "own_card.py")
    assert re.search(r"masking +accuracy\.clean +outside +1\.0", text)
    assert text.count("not run") == 5  # four rows, and their count
    assert text.count("does not apply") == 3
