"""Small sets of scenes in files, for tests of the study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

N_ROWS, N_COLUMNS = 6, 14
SIZE = {"height": 300, "width": 700}


def collages(folder: Path, *, n: int = 8, people: str = "123", seed: int = 0) -> Path:
    """Write collages of 84 covers without images, as AmazonCovers has them, and scanpaths that end on the target."""
    rng = np.random.default_rng(seed)
    records = {}
    for number in range(n):
        row, column = int(rng.integers(N_ROWS)), (5 * number) % N_COLUMNS
        left, top = 50.0 * column + 5, 50.0 * row + 5
        records[f"{number}.jpg"] = {
            "fixations": {person: [*_walk(rng), [left + 20, top + 20]] for person in people},
            "ground_truth": [{"xmin": left, "ymin": top, "xmax": left + 40, "ymax": top + 40}],
            "size": SIZE,
            "target": f"target_{number % 3}.jpg",
        }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Amazon.json").write_text(json.dumps(records))
    return folder


def _walk(rng: np.random.Generator) -> list[list[float]]:
    steps = rng.normal(0, 60, size=(int(rng.integers(3, 6)), 2)).cumsum(axis=0) + np.array([350, 150])
    return np.clip(steps, 1, (699, 299)).round(3).tolist()
