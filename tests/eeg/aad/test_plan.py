"""What identifies a cell: the settings and bytes that can change its trials, and no others."""

from __future__ import annotations

import os
import shutil

import pandas as pd
import pytest
from scipy.io import savemat

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.plan import CONTROL, DecodingCell, ResponseCell
from cogattn.errors import ConfigError, DataError
from cogattn.study import streams_of
from cogattn.testing.variations import variations

TINY = {
    "recordings": {
        "kind": "simulated_talkers", "n_listeners": 2, "n_trials": 3, "trial_s": 12, "n_channels": 3, "snr_db": -5
    },
    "windows_s": [2, 6],
    "training": {"n_epochs": 1},
    "significance": {"n_permutations": 19},
}  # fmt: skip
DECODERS = ["ridge", "forward", "cca", "cnn", "classifier"]


def same_trials(one, other) -> bool:
    return all(one.trials[name].equals(other.trials[name]) for name in one.trials | other.trials)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"decoders": DECODERS}, {"decoders": ["ridge"], "validation": "subject"}]
)
def test_a_setting_is_part_of_a_cells_identity_or_leaves_its_trials_alone(aad, changes) -> None:
    config = AadConfig.parse({**TINY, **changes})
    cells = [cell for cell in aad.STUDY.cells(config) if cell.observer == "listener 1"]
    before = {cell: (aad.STUDY.relevant(config, cell), aad.run_cell(config, cell)) for cell in cells}
    left_alone, told = set(), set()
    for path, changed in variations(config):
        try:
            aad.STUDY.check(changed)
        except (ConfigError, DataError):
            continue
        for cell, (relevant, outcome) in before.items():
            if aad.STUDY.relevant(changed, cell) != relevant:
                told.add(path)
                continue
            left_alone.add(path)
            rng = streams_of(relevant, cell)
            again = aad.STUDY.run_cell(changed, cell, rng)  # with all settings, relevant or not
            assert same_trials(outcome, again), (path, cell.label)
    assert {"switch.p0", "switch.c", "switch.n_min", "control", "decoders"} <= left_alone
    assert {"seed", "windows_s", "preprocessing.high_hz", "recordings.snr_db", "recordings.n_trials"} <= told


def test_relevant_settings_hold_and_are_their_own(aad) -> None:
    config = AadConfig.parse({**TINY, "decoders": DECODERS, "lags": {"tmin_s": -0.3, "tmax_s": 0.2}})
    for cell in aad.STUDY.cells(config):
        relevant = aad.STUDY.relevant(config, cell)
        assert AadConfig.model_validate_json(relevant.canonical()) == relevant
        assert aad.STUDY.relevant(relevant, cell) == relevant


@pytest.mark.parametrize(
    ("kind", "setting", "value", "is_read"),
    [
        ("kul", "unit", "uV", False),
        ("kul", "unit", "V", True),
        ("table", "unit", "V", False),
        ("dtu", "envelope_sfreq", 64.0, False),
        ("kul", "envelope_sfreq", 64.0, True),
        ("cnd", "attended", "speech", True),
    ],
)
def test_a_setting_that_says_what_is_so_anyway_is_none(aad, kind, setting, value, is_read, tmp_path) -> None:
    place = {"kind": kind, "path": tmp_path}
    cell = ResponseCell(label="S", task="response", observer="S")
    alone, usual = (
        aad.STUDY.relevant(AadConfig.parse({"recordings": {**place, **more}}), cell).recordings
        for more in ({setting: value}, {})
    )
    assert (alone != usual) == is_read


def identities(aad, config: AadConfig) -> dict[str, str]:
    """What the store knows of each cell, but for code and libraries."""
    return {
        cell.key: aad.STUDY.relevant(config, cell).canonical() + str(aad.STUDY.contents(config, cell))
        for cell in aad.STUDY.cells(config)
    }


@pytest.mark.parametrize(
    ("changes", "n_new"),
    [
        ({"decoders": ["ridge", "cca"]}, 2),  # a decoder's own cells, one a listener
        (
            {"recordings": {**TINY["recordings"], "n_listeners": 3}},
            3,
        ),  # a listener's own: ridge, control, response
        ({"switch": {"p0": 0.9}}, 0),
        ({"training": {"n_epochs": 7}}, 0),
        ({"control": False}, 0),
        ({"significance": {"n_permutations": 19, "method": "refit"}}, 0),  # what auto does for ridge
        ({"significance": {"n_permutations": 29}}, 4),  # all but the responses
        ({"lags": {"tmax_s": 0.3}}, 4),
        ({"windows_s": [2, 5]}, 4),
        ({"validation": "speaker"}, 4),
        ({"preprocessing": {"high_hz": 8.0}}, 6),
        ({"seed": 1}, 6),
    ],
)
def test_a_change_computes_the_cells_that_it_can_change_and_no_others(aad, changes, n_new) -> None:
    before = identities(aad, AadConfig.parse({**TINY, "decoders": ["ridge"]}))
    after = identities(aad, AadConfig.parse({**TINY, "decoders": ["ridge"], **changes}))
    assert len(after.items() - before.items()) == n_new


def test_with_decoders_of_other_listeners_everybody_matters(aad) -> None:
    settings = {**TINY, "decoders": ["ridge"], "validation": "subject"}
    before = identities(aad, AadConfig.parse(settings))
    more = {**settings, "recordings": {**TINY["recordings"], "n_listeners": 3}}
    after = identities(aad, AadConfig.parse(more))
    assert len(before.items() & after.items()) == 2  # the responses


def test_the_plan_has_a_cell_per_listener_and_decoder_control_and_response(aad) -> None:
    config = aad.small(decoders=["ridge", "cca"])
    cells = aad.STUDY.cells(config)
    assert len({cell.key for cell in cells}) == len(cells) == 2 * (2 + 1 + 1)
    assert sum(isinstance(cell, ResponseCell) for cell in cells) == 2
    controls = [cell for cell in cells if isinstance(cell, DecodingCell) and cell.reader == CONTROL]
    assert [(cell.observer, cell.train_on) for cell in controls] == [
        ("listener 1", "unattended"), ("listener 2", "unattended")
    ]  # fmt: skip
    assert (CONTROL.role, CONTROL.parent) == ("control", "ridge")
    assert len(aad.STUDY.cells(aad.small(decoders=["ridge"], control=False))) == 2 * (1 + 1)


def contents(aad, config: AadConfig) -> dict[str, dict[str, str]]:
    return {cell.label: dict(aad.STUDY.contents(config, cell)) for cell in aad.STUDY.cells(config)}


def test_a_cell_is_identified_by_the_bytes_of_its_own_listener(aad, tmp_path) -> None:
    aad.dtu_folder(tmp_path)
    config = aad.folder_config(tmp_path)
    before = contents(aad, config)
    assert set(before["S1, ridge"]) == {"recording"}
    savemat(tmp_path / "S2_data_preproc.mat", {"data": 1.0})
    after = contents(aad, config)
    assert {label for label in after if after[label] != before[label]} == {"S2, ridge", "S2, response"}
    everybody = contents(aad, aad.folder_config(tmp_path, validation="subject"))
    assert set(everybody["S1, ridge"]) == {"S1: recording", "S2: recording"}
    assert set(everybody["S1, response"]) == {"recording"}


def test_in_a_table_a_listeners_rows_and_files_count(aad, good_table, tmp_path) -> None:
    shutil.copytree(good_table, tmp_path, dirs_exist_ok=True)
    config = aad.table_config(tmp_path)
    before = contents(aad, config)["S1, ridge"]
    assert set(before) == {"recording", "sounds", "S1: rows of trials.csv"}
    rows = pd.read_csv(tmp_path / "trials.csv", dtype=str)
    pd.concat([rows, rows.assign(subject="S2")]).to_csv(tmp_path / "trials.csv", index=False)
    assert contents(aad, config)["S1, ridge"] == before  # another listener's rows
    rows.assign(onset_s="2").to_csv(tmp_path / "trials.csv", index=False)
    changed = contents(aad, config)["S1, ridge"]
    assert {name for name in before if changed[name] != before[name]} == {"S1: rows of trials.csv"}
    shutil.copy(tmp_path / "1b.wav", tmp_path / "0a.wav")
    assert contents(aad, config)["S1, ridge"]["sounds"] != before["sounds"]


def test_speech_counts_by_its_bytes_and_two_files_of_one_name_both_count(aad, tmp_path) -> None:
    files = [tmp_path / place / "talker.wav" for place in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(file.parent.name.encode())
    spoken = {**TINY["recordings"], "speech": [str(file) for file in files]}
    config = AadConfig.parse({**TINY, "recordings": spoken})
    (before,) = {tuple(sorted(found.items())) for found in contents(aad, config).values()}
    files[0].write_bytes(b"c")
    (after,) = {tuple(sorted(found.items())) for found in contents(aad, config).values()}
    assert len(before) == 2
    assert len(set(before) & set(after)) == 1
    assert aad.STUDY.inputs(config) == {}


def test_sounds_and_stimuli_beside_the_recordings_count_in_the_layouts_that_read_them(aad, tmp_path) -> None:
    (tmp_path / "sounds").mkdir()
    for name in ("S1.mat", "dataSub1.mat", "dataStim.mat", "sounds/a.wav"):
        (tmp_path / name).write_bytes(name.encode())
    place, heard = {"path": str(tmp_path)}, {"audio": str(tmp_path / "sounds")}
    configs = {
        layout: aad.small(recordings={**place, "kind": layout, **more}, decoders=["ridge"])
        for layout, more in (("kul", heard), ("cnd", {}))
    }
    found = {layout: contents(aad, config) for layout, config in configs.items()}
    assert set(found["kul"]["S1, ridge"]) == {"recording", "audio"}
    assert set(found["cnd"]["dataSub1, ridge"]) == {"recording", "stimulus"}
    (tmp_path / "sounds" / "a.wav").write_bytes(b"other")
    (tmp_path / "dataStim.mat").write_bytes(b"other")
    for layout, changed in (("kul", "audio"), ("cnd", "stimulus")):
        (now, *_), (before, *_) = contents(aad, configs[layout]).values(), found[layout].values()
        assert {name for name in now if now[name] != before[name]} == {changed}


def test_files_that_are_added_are_seen_though_the_folder_is_remembered(aad, tmp_path) -> None:
    aad.dtu_folder(tmp_path)
    config = aad.folder_config(tmp_path)
    old = 1_000_000_000
    os.utime(tmp_path, (old, old))
    assert len(aad.STUDY.cells(config)) == 4
    shutil.copy(tmp_path / "S1_data_preproc.mat", tmp_path / "S3_data_preproc.mat")
    assert len(aad.STUDY.cells(config)) == 6


def test_costs_grow_with_what_is_done(aad) -> None:
    def seconds(label: str, **changes) -> float:
        config = AadConfig.parse({**TINY, "decoders": DECODERS, **changes})
        (cell,) = [cell for cell in aad.STUDY.cells(config) if cell.label == f"listener 1, {label}"]
        return aad.STUDY.cost(config, cell).cpu_s

    longer = {**TINY["recordings"], "trial_s": 120}
    for label in (*DECODERS, "response"):
        assert 0 < seconds(label) < seconds(label, recordings=longer)
    assert seconds("cnn") < seconds("cnn", training={"n_epochs": 9})
    assert seconds("cca") < seconds("cca", significance={"method": "refit"})
    assert seconds("ridge") == seconds("ridge", significance={"method": "refit"})


def test_costs_of_files_follow_their_size(aad, tmp_path) -> None:
    aad.dtu_folder(tmp_path)
    config = aad.folder_config(tmp_path)
    cell = aad.STUDY.cells(config)[0]
    before = aad.STUDY.cost(config, cell)
    with (tmp_path / "S1_data_preproc.mat").open("ab") as file:
        file.truncate(10**9)
    after = aad.STUDY.cost(config, cell)
    assert after.cpu_s > 2 * before.cpu_s
    assert after.memory_mb > before.memory_mb + 1000
