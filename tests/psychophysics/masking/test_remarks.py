"""What a reader must know stands before the numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cogattn.psychophysics.masking.config import HumanObserver, MaskingConfig
from cogattn.psychophysics.masking.people import read_people
from cogattn.psychophysics.masking.remarks import differences

LIKE_PEOPLE = {
    "observer": {"kind": "template"},
    "images": {"n_images": 32},
    "noise": {"bands": "pyramid", "sds": [0, 0.02, 0.04, 0.08, 0.16]},
    "stimulus": {"clipping": "reference"},
    "channel": {"n_bootstrap": 100},
}
PHOTOGRAPHS = {"kind": "folder", "path": "photographs"}


def told(**changes: object) -> list[tuple[str, str]]:
    config = MaskingConfig.parse(LIKE_PEOPLE | {"images": PHOTOGRAPHS} | changes)
    return differences(config, read_people(config))


def test_people_who_saw_the_same_differ_in_nothing():
    assert told() == []


@pytest.mark.parametrize(
    ("changes", "theirs", "ours"),
    [
        ({"images": {"kind": "procedural"}}, "photographs", "drawn objects"),
        ({"noise": LIKE_PEOPLE["noise"] | {"bands": "octave"}}, "7 pyramid bands", "7 octave bands"),
        ({"noise": LIKE_PEOPLE["noise"] | {"n_bands": 5}}, "7 pyramid bands", "5 pyramid bands"),
        ({"noise": {"bands": "pyramid"}}, "noise SDs 0.02, 0.04, 0.08, 0.16", "0.01, 0.02"),
        ({"stimulus": {"clipping": "clip"}}, "moved", "clipped"),
    ],
)
def test_each_way_in_which_people_saw_something_else_is_told(changes, theirs: str, ours: str):
    ((first, second),) = told(**changes)
    assert theirs in first
    assert ours in second


def test_nothing_is_claimed_of_a_table_of_one_s_own_or_of_people_themselves(tmp_path: Path):
    rows = [("ann", sd, band, 8, 10) for sd in (0, 0.02, 0.04) for band in range(3)]
    columns = ["observer", "noise_sd", "band", "n_correct", "n_trials"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "people.csv", index=False)
    noise = {"n_bands": 3, "sds": [0, 0.02, 0.04]}
    assert told(humans=str(tmp_path / "people.csv"), noise=noise, images={"kind": "procedural"}) == []
    assert told(observer={"kind": "human"}, images={"kind": "procedural"}) == []


def test_other_stimuli_are_the_first_remark_and_mark_each_number_beside_people_s(play):
    played = play(MaskingConfig.parse(LIKE_PEOPLE))
    assert played.results.remarks[0].startswith("people and the observer saw different things")
    assert "photographs (here drawn objects)" in played.results.remarks[0]
    rows = played.results.summary
    assert len(rows) >= 5
    assert (rows["human"].notna() | (rows["measure"] == "bandwidth_ratio")).all()
    assert rows["note"].str.endswith("people saw other stimuli").all()


def test_images_that_train_a_readout_are_counted(play, draw_blocks, tmp_path: Path):
    folder = draw_blocks(tmp_path / "blocks", [[60] * 16, [70] * 16, [80] * 16, [90] * 16])
    images = {"kind": "folder", "path": str(folder), "size": 64, "max_images": 48}
    readout = {"models": ["test_vit"], "weights": "random", "train_per_category": 2}
    small = {"images": images, "noise": {"n_bands": 3}, "channel": {"n_bootstrap": 100}}
    people = [("ann", sd, band, 8, 10) for sd in (0, 0.02, 0.04) for band in range(3)]
    columns = ["observer", "noise_sd", "band", "n_correct", "n_trials"]
    pd.DataFrame(people, columns=columns).to_csv(tmp_path / "people.csv", index=False)
    config = MaskingConfig.parse(small | {"observer": readout, "humans": str(tmp_path / "people.csv")})
    said = play(config).results.remarks
    assert "32 of 48 images train the readout, 16 are tested" in said
    assert "observer.weights is random: the features are untrained" in said


def test_damaged_images_are_counted_and_their_absence_is_told_where_it_was_asked_for(
    play, draw_blocks, tmp_path: Path
):
    folder = draw_blocks(tmp_path / "blocks", [[60] * 16, [70] * 16])
    noise = {"n_bands": 4, "bands": "pyramid", "sds": [0, 0.02, 0.04]}
    base = LIKE_PEOPLE | {"images": {"kind": "folder", "path": str(folder), "size": 64}, "noise": noise}

    def said(**changes: object) -> str:
        return " | ".join(play(MaskingConfig.parse(base | changes)).results.remarks)

    strict = {"clipping": "reference", "strict": True}
    assert "no image is damaged (stimulus.strict)" in said(stimulus=strict)
    assert "damaged" not in said()
    (folder / "dog" / "1.png").write_bytes(b"no image")
    assert "1 damaged image(s) were skipped (dog/1.png: is not an image)" in said()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"design": {"kind": "adaptive", "max_trials": 100}},
            "noise.sds (0, 0.02, 0.04, 0.08, 0.16) is not used",
        ),
        ({"noise": LIKE_PEOPLE["noise"] | {"lowest_cpi": 1.0}}, "noise.lowest_cpi (1) is not used"),
        ({"decision": "max"}, "decision (max) is not used"),
        ({"stimulus": {"clipping": "reference", "strict": True}}, "stimulus.strict is not used"),
    ],
)
def test_settings_that_change_nothing_are_told(play, changes, sentence: str):
    said = play(MaskingConfig.parse(LIKE_PEOPLE | changes)).results.remarks
    assert any(remark.startswith(sentence) for remark in said)


def test_of_people_it_is_told_who_they_are(play):
    (who,) = play(MaskingConfig(observer=HumanObserver())).results.remarks
    assert who.startswith("people: subramanian2023, 14 observers, 14,700 trials")


def test_pixels_outside_the_range_are_counted_by_noise_sd(play):
    """At SD .16 about .449 a pixel leaves [0, 1] in about one case in 300."""
    clip = LIKE_PEOPLE | {"stimulus": {"clipping": "clip"}, "design": {"kind": "crossed"}}
    said = next(r for r in play(MaskingConfig.parse(clip)).results.remarks if "fell outside" in r)
    share, most = (
        float(part.partition("%")[0].rpartition(" ")[2]) for part in (said, said.partition("most ")[2])
    )
    assert 0.1 < most < 1
    assert share == pytest.approx(most * 7 / (1 + 4 * 7), rel=0.2)
