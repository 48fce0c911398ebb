"""What a cell depends on: settings outside `relevant` change no byte, bytes outside `contents` are not read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cogattn.psychophysics.naming import trials
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.material import forget
from cogattn.psychophysics.naming.study import NamingStudy
from cogattn.running.formats import parquet_bytes
from cogattn.running.hardware import Hardware, using
from cogattn.study import Cell, streams_of
from cogattn.testing.conformance import check_every_setting

STUDY = NamingStudy()
CONFLICTS = {"kind": "conflicts", "n_images": 32, "size": 64}
ATTACKED = {"kind": "attacked", "epsilons": [0.01, 0.1], "n_steps": 2, "max_images": 40}
READOUT = {"kind": "readout", "models": ["test_vit"], "weights": "random", "train_per_category": 2}
BOTH = READOUT | {"models": ["test_efficientnet", "test_vit"]}
SMALL = {"kind": "procedural", "n_images": 48, "size": 64}


def config_of(shown: dict[str, object] = CONFLICTS, **changes: object) -> NamingConfig:
    return NamingConfig.parse({"observer": READOUT, "images": SMALL, "shown": shown, **changes})


def settings_of(config: NamingConfig) -> dict[Cell, str]:
    return {cell: STUDY.relevant(config, cell).canonical() for cell in STUDY.cells(config)}


@pytest.mark.parametrize("shown", [CONFLICTS, ATTACKED | {"max_images": 4}], ids=["conflicts", "attacked"])
def test_every_setting_of_a_readout_changes_identity_or_what_is_said(shown: dict[str, object]):
    check_every_setting(STUDY, config_of(shown))


@pytest.mark.parametrize("factory", ["blocks", "classes"])
def test_every_setting_of_a_factory_changes_identity_or_what_is_said(
    networks: Callable[[str], dict[str, object]], cues: Path, factory: str
):
    shown = {"kind": "conflicts", "path": str(cues)}
    check_every_setting(STUDY, NamingConfig.parse({"observer": networks(factory), "shown": shown}))


@pytest.mark.parametrize("shown", [CONFLICTS, ATTACKED], ids=["conflicts", "attacked"])
def test_a_cell_of_one_network_is_the_same_whoever_else_takes_part(shown: dict[str, object]):
    both, one = settings_of(config_of(shown, observer=BOTH)), settings_of(config_of(shown))
    assert one.items() <= both.items()
    assert {cell.observer for cell in both.keys() - one.keys()} == {"test_efficientnet"}


@pytest.mark.parametrize(
    ("shown", "changes", "same"),
    [
        (CONFLICTS, {"humans": "others.csv"}, True),
        (CONFLICTS, {"confidence": 0.9}, True),
        (CONFLICTS, {"decision": "max"}, True),
        (CONFLICTS, {"images": SMALL | {"n_images": 64}}, True),
        (CONFLICTS, {"images": SMALL | {"size": 96}}, False),
        (ATTACKED, {"images": SMALL | {"n_images": 64}}, False),
        (CONFLICTS, {"seed": 1}, False),
        (CONFLICTS, {"shown": CONFLICTS | {"size": 96}}, False),
        (ATTACKED, {"shown": ATTACKED | {"norm": "l2"}}, False),
    ],
    ids=lambda value: None if isinstance(value, bool) else json.dumps(value)[:60],
)
def test_a_setting_concerns_the_cells_that_it_can_change(shown: dict, changes: dict, same: bool):
    assert (settings_of(config_of(**{"shown": shown} | changes)) == settings_of(config_of(shown))) == same


@pytest.mark.parametrize("shown", [CONFLICTS, ATTACKED], ids=["conflicts", "attacked"])
def test_relevant_settings_are_all_that_a_cell_needs(
    networks: Callable[[str], dict[str, object]], blocks: Path, cues: Path, shown: dict[str, object]
):
    """They survive JSON, are relevant to themselves, and give the trials of the whole settings."""
    shown = {"kind": "conflicts", "path": str(cues)} if shown is CONFLICTS else shown
    images = {"kind": "folder", "path": str(blocks), "size": 64}
    config = config_of(shown, observer=networks("torn"), images=images, decision="sum", confidence=0.9)
    for cell in STUDY.cells(config):
        relevant = STUDY.relevant(config, cell)
        again = NamingConfig.model_validate(json.loads(relevant.canonical()))
        assert again == relevant == STUDY.relevant(relevant, cell)
        whole, part = (STUDY.run_cell(c, cell, streams_of(c, cell)) for c in (config, again))
        assert parquet_bytes(whole) == parquet_bytes(part)


def test_contents_change_with_the_bytes_that_a_cell_reads(
    networks: Callable[[str], dict[str, object]], draw_blocks: Callable, cues: Path, tmp_path: Path
):
    folder = draw_blocks(tmp_path / "whole", [[60] * 16, [70] * 16, [80] * 16])
    images, path = (
        {"kind": "folder", "path": str(folder), "size": 64},
        {"kind": "conflicts", "path": str(cues)},
    )
    kinds = {
        "factory, conflicts": config_of(path, observer=networks("blocks"), images=images),
        "factory, attacked": config_of(ATTACKED, observer=networks("blocks"), images=images),
        "readout, conflicts": config_of(path, images=images),
    }
    cells = {name: STUDY.cells(config)[0] for name, config in kinds.items()}

    def found() -> dict[str, dict[str, str]]:
        forget()
        return {name: dict(STUDY.contents(kinds[name], cell)) for name, cell in cells.items()}

    def changed(file: Path) -> set[str]:
        before = found()
        file.write_bytes(file.read_bytes() + b"\0")
        after = found()
        return {name for name in cells if before[name] != after[name]}

    assert changed(next(folder.glob("*/*.png"))) == {"factory, attacked", "readout, conflicts"}
    assert changed(next(cues.glob("*/*.png"))) == {"factory, conflicts", "readout, conflicts"}


def test_an_image_s_attack_starts_where_its_name_and_the_radius_say(
    networks: Callable[[str], dict[str, object]], blocks: Path, monkeypatch: pytest.MonkeyPatch
):
    """Not where its place among those that are attacked together says."""
    images = {"kind": "folder", "path": str(blocks), "size": 64}
    shown = {"kind": "attacked", "n_steps": 1, "epsilons": [0.12, 0.13]}
    config = config_of(shown, observer=networks("blocks"), images=images)
    (cell,) = STUDY.cells(config)

    def starts(start: int, stop: int) -> list[list[float]]:
        drawn = []

        def attack(
            _: object, pixels: object, labels: Sequence[int], *, epsilons, rng_of, **__: object
        ) -> NDArray:
            drawn.extend([rng_of(k, epsilon).random() for epsilon in epsilons] for k in range(len(labels)))
            return np.zeros((1 + len(epsilons), len(labels)), dtype=np.int64)

        monkeypatch.setattr(trials, "answers_under_attack", attack)
        STUDY.run_cell(config, replace(cell, start=start, stop=stop), streams_of(config, cell))
        return drawn

    whole = starts(0, 16)
    assert starts(0, 5) + starts(5, 16) == whole
    assert len({value for pair in whole for value in pair}) == 32


def test_every_cell_has_a_cost_that_goes_with_its_work():
    attacked, more = (
        STUDY.cost(config, STUDY.cells(config)[-1])
        for config in (config_of(ATTACKED | {"n_steps": steps}) for steps in (2, 200))
    )
    assert more.cpu_s > 5 * attacked.cpu_s
    for config in (config_of(), config_of(ATTACKED)):
        assert all(0 < STUDY.cost(config, cell).cpu_s < 3600 for cell in STUDY.cells(config))


def test_on_a_gpu_an_attack_costs_what_its_network_s_layers_do():
    shown = {"kind": "attacked", "n_steps": 8, "epsilons": [0.01, 0.02]}
    observer = {"kind": "timm", "models": ["resnet18", "resnet50"]}
    config = NamingConfig.parse({"observer": observer, "shown": shown})
    with using(Hardware(("cuda",))):
        costs = {cell.observer: STUDY.cost(config, cell) for cell in STUDY.cells(config)}
        cells = [cell for cell in STUDY.cells(config) if cell.observer == "resnet50"]
    assert costs["resnet18"].gpu_s < costs["resnet50"].gpu_s
    n_answers = (cells[-1].stop - cells[-1].start) * (1 + 3 * 8 * 2)
    assert (
        0.5 < costs["resnet50"].gpu_s / n_answers * 5088 < 2
    )  # images a second that timm's authors measured
