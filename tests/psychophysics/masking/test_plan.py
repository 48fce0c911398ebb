"""What a cell depends on: settings outside `relevant` change no byte, bytes outside `contents` are not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cogattn.errors import CogattnError
from cogattn.psychophysics.masking.config import HumanObserver, MaskingConfig
from cogattn.psychophysics.masking.material import forget
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.running.formats import parquet_bytes
from cogattn.running.hardware import Hardware, using
from cogattn.study import Cell, streams_of
from cogattn.testing.conformance import check_every_setting
from cogattn.testing.variations import variations

STUDY = MaskingStudy()
TINY = {
    "images": {"n_images": 32, "size": 32},
    "noise": {"n_bands": 3, "lowest_cpi": 2.0, "sds": [0, 0.05, 0.2]},
    "channel": {"n_bootstrap": 100},
}
READOUT = {
    "kind": "readout",
    "models": ["test_efficientnet", "test_vit"],
    "weights": "random",
    "train_per_category": 2,
}


def tiny(**changes: object) -> MaskingConfig:
    return MaskingConfig.parse({**TINY, "observer": READOUT, **changes})


def settings_of(config: MaskingConfig) -> dict[Cell, str]:
    return {cell: STUDY.relevant(config, cell).canonical() for cell in STUDY.cells(config)}


def check_all_settings(config: MaskingConfig) -> list[str]:
    """Change every setting by itself: a cell's identity must change, or no byte of its trials; return the latter."""
    before, done, idle = settings_of(config), {}, []
    for path, changed in variations(config):
        try:
            STUDY.check(changed)
            after = settings_of(changed)
        except CogattnError:
            continue
        if after != before:
            continue
        idle.append(path)
        for cell, relevant in before.items():
            if cell not in done:
                own = MaskingConfig.model_validate_json(relevant)
                done[cell] = parquet_bytes(STUDY.run_cell(own, cell, streams_of(own, cell)))
            whole = STUDY.run_cell(changed, cell, streams_of(changed, cell))
            assert parquet_bytes(whole) == done[cell], (path, cell.label)
    return idle


@pytest.mark.slow
@pytest.mark.parametrize(
    "design", ["paper", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("crossed", "adaptive"))]
)
def test_every_setting_of_a_readout_changes_identity_or_no_byte(design: str):
    chosen = {"kind": design, **({"max_trials": 100, "block": 50} if design == "adaptive" else {})}
    one = READOUT | {"models": ["test_vit"]}
    idle = check_all_settings(tiny(observer=one, design=chosen))
    assert {"channel.criterion", "channel.n_bootstrap", "stimulus.strict", "decision"} <= set(idle)
    assert ("noise.sds" in idle) == (design == "adaptive") == ("channel.confidence" not in idle)


@pytest.mark.parametrize(
    "changes",
    [
        {"stimulus": {"clipping": "reference"}},
        {"noise": TINY["noise"] | {"bands": "pyramid"}},
        pytest.param({"observer": {"kind": "human"}}, marks=pytest.mark.slow),
    ],
)
def test_every_setting_of_a_known_observer_changes_identity_or_no_byte(changes: dict[str, object]):
    template = {"kind": "template", "center_cpi": 6.0}
    assert check_all_settings(tiny(**{"observer": template, **changes}))


@pytest.mark.parametrize("factory", ["blocks", "classes"])
def test_every_setting_of_a_factory_changes_identity_or_no_byte(
    networks: Callable[[str], dict[str, object]], blocks: Path, tmp_path: Path, factory: str
):
    people = [("ann", sd, band, 8, 10) for sd in (0, 0.05, 0.2) for band in range(3)]
    columns = ["observer", "noise_sd", "band", "n_correct", "n_trials"]
    pd.DataFrame(people, columns=columns).to_csv(tmp_path / "people.csv", index=False)
    config = tiny(
        observer=networks(factory),
        images={"kind": "folder", "path": str(blocks), "size": 64},
        humans=str(tmp_path / "people.csv"),
    )
    assert "decision" not in check_all_settings(config)


@pytest.mark.slow
def test_a_setting_that_concerns_no_cell_is_seen_in_the_tables_or_said_to_be_idle():
    noise = {"bands": "pyramid", "n_bands": 4, "lowest_cpi": 2.0, "sds": [0, 0.02, 0.04, 0.08]}
    # 120: one resample more moves the order statistics that bound an interval
    settings = {"images": {"n_images": 64, "size": 64}, "noise": noise, "channel": {"n_bootstrap": 120}}
    template = {"kind": "template", "center_cpi": 10.0}
    check_every_setting(
        STUDY, MaskingConfig.parse({"observer": template, "design": {"kind": "crossed"}} | settings)
    )


def test_a_cell_of_one_network_is_the_same_whoever_else_takes_part():
    """The 77th network computes its cells alone; dropping one computes none."""
    both = settings_of(tiny())
    one = settings_of(tiny(observer=READOUT | {"models": ["test_vit"]}))
    assert one.items() <= both.items()
    assert {cell.observer for cell in both.keys() - one.keys()} == {"test_efficientnet"}


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": {"criterion": 0.6, "n_bootstrap": 101, "confidence": 0.9}},
        {"humans": "others.csv"},
        {"decision": "max"},
        {"stimulus": {"strict": True}},
    ],
)
def test_another_estimate_or_table_of_people_concerns_no_cell(changes: dict[str, object]):
    assert settings_of(tiny(**changes)) == settings_of(tiny())


@pytest.mark.parametrize(
    ("changes", "tasks"),
    [
        ({"noise": {"n_bands": 3, "lowest_cpi": 2.0, "sds": [0, 0.05, 0.1]}}, {"masking"}),
        ({"stimulus": {"clipping": "reference"}}, {"masking"}),
        ({"stimulus": {"contrast": 0.3}}, {"masking"}),
        ({"stimulus": {"mean": 0.17}}, {"masking"}),
        ({"stimulus": {"scale": "luminance"}}, {"masking"}),
        ({"seed": 1}, {"masking"}),
    ],
)
def test_a_setting_concerns_the_cells_that_it_can_change(changes: dict[str, object], tasks: set[str]):
    before, after = settings_of(tiny()), settings_of(tiny(**changes))
    assert {cell.task for cell, settings in before.items() if after.get(cell) != settings} == tasks


def test_relevant_settings_are_all_that_a_cell_needs(networks, blocks: Path, tmp_path: Path):
    """They survive JSON, are relevant to themselves, and give the trials of the whole settings."""
    config = tiny(
        observer=networks("blocks"),
        images={"kind": "folder", "path": str(blocks), "size": 64},
    )
    for cell in STUDY.cells(config):
        relevant = STUDY.relevant(config, cell)
        again = MaskingConfig.model_validate(json.loads(relevant.canonical()))
        assert again == relevant == STUDY.relevant(relevant, cell)
        whole, part = (STUDY.run_cell(c, cell, streams_of(c, cell)) for c in (config, again))
        assert parquet_bytes(whole) == parquet_bytes(part)


def test_contents_change_with_the_bytes_that_a_cell_reads(networks, blocks: Path, tmp_path: Path):
    config = tiny(
        observer=networks("blocks"),
        images={"kind": "folder", "path": str(blocks), "size": 64},
    )
    cells = {cell.task: cell for cell in STUDY.cells(config)}

    def found() -> dict[str, dict[str, str]]:
        forget()
        return {task: dict(STUDY.contents(config, cell)) for task, cell in cells.items()}

    def changed(path: Path) -> set[str]:
        before = found()
        path.write_bytes(path.read_bytes() + b"\0")
        after = found()
        return {task for task in cells if before[task] != after[task]}

    assert changed(next(blocks.glob("*/*.png"))) == {"masking"}


def test_a_readout_s_contents_hold_the_images_that_train_it(tmp_path: Path, draw_blocks):
    folder = draw_blocks(tmp_path / "blocks", [[60] * 16, [70] * 16, [80] * 16])
    config = tiny(
        images={"kind": "folder", "path": str(folder), "size": 64},
    )
    for cell in STUDY.cells(config):
        assert "images" in STUDY.contents(config, cell)


def test_people_are_the_content_of_their_own_cells_only(tmp_path: Path):
    people = [("ann", sd, band, 8, 10) for sd in (0, 0.05, 0.2) for band in range(3)]
    columns = ["observer", "noise_sd", "band", "n_correct", "n_trials"]
    path = tmp_path / "people.csv"
    pd.DataFrame(people, columns=columns).to_csv(path, index=False)
    tested = tiny(observer={"kind": "human", "table": str(path)})
    compared = tiny(humans=str(path))
    assert set(STUDY.contents(tested, STUDY.cells(tested)[0])) == {"observer.table"}
    assert set(STUDY.inputs(tested)) == {"observer.table"}
    assert set(STUDY.inputs(compared)) == {"humans"}
    assert not {"humans", "images"} & set(STUDY.contents(compared, STUDY.cells(compared)[0]))


def test_every_cell_has_a_cost():
    adaptive = tiny(design={"kind": "adaptive"})
    people = MaskingConfig(observer=HumanObserver())
    for config in (tiny(), adaptive, people):
        costs = [STUDY.cost(config, cell) for cell in STUDY.cells(config)]
        assert all(0 < cost.cpu_s < 3600 and cost.memory_mb > 0 for cost in costs)


def test_on_a_gpu_a_cell_costs_what_its_network_s_layers_do():
    config = tiny(observer={"kind": "timm", "models": ["resnet18", "resnet50"]})
    with using(Hardware(("cuda",))):
        costs = {cell.observer: STUDY.cost(config, cell) for cell in STUDY.cells(config)}
    assert costs["resnet18"].gpu_s < costs["resnet50"].gpu_s < costs["resnet50"].cpu_s
    cells = [cell for cell in STUDY.cells(config) if cell.observer == "resnet50"]
    n_trials = sum(cell.stop - cell.start for cell in cells)
    assert 0.5 < costs["resnet50"].gpu_s / n_trials * 5088 < 2  # images a second that timm's authors measured


@pytest.mark.parametrize(("n_images", "n_trials", "n_cells"), [(600, 256, 3), (300_000, 300, 1000)])
def test_longer_runs_have_larger_cells_and_not_more(n_images: int, n_trials: int, n_cells: int):
    cells = STUDY.cells(tiny(images={"n_images": n_images, "size": 32}, observer={"kind": "timm"}))
    assert len(cells) == n_cells
    assert cells[0].stop - cells[0].start == n_trials
    assert [cell.start for cell in cells[1:]] == [cell.stop for cell in cells[:-1]]
    assert cells[-1].stop == n_images
