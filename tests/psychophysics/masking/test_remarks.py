"""What a reader must know stands before the numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import cogattn
from cogattn.people.placing import place_table
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters
from cogattn.psychophysics.masking.config import HumanObserver, MaskingConfig
from cogattn.psychophysics.masking.material import forget
from cogattn.psychophysics.masking.people import read_people
from cogattn.psychophysics.masking.remarks import differences, remarks
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.study import Results, Trials
from cogattn.vision.images.categories import CATEGORIES

LIKE_PEOPLE = {
    "observer": {"kind": "template"},
    "images": {"n_images": 32},
    "noise": {"bands": "pyramid", "sds": [0, 0.02, 0.04, 0.08, 0.16]},
    "stimulus": {"clipping": "reference"},
    "channel": {"n_bootstrap": 100},
}
NOTE = "people saw other stimuli"
Told = Callable[..., list[tuple[str, str]]]


def save_photographs(folder: Path, names: str = "{}_color_gray_g_{}.JPEG") -> dict[str, object]:
    """Images of the sixteen categories whose names are those of people's, or others; settings of the folder."""
    (folder / "0").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, category in enumerate(CATEGORIES):
        pixels = rng.integers(0, 255, (224, 224), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "0" / names.format(number, category))
    return {"kind": "folder", "path": str(folder), "layout": "graysplit"}


@pytest.fixture
def photographs(tmp_path: Path) -> dict[str, object]:
    """Settings of a folder of images that are people's by their names."""
    return save_photographs(tmp_path / "photographs")


@pytest.fixture
def told(photographs: dict[str, object]) -> Told:
    """In what a run's stimuli differ from people's."""

    def differ(**changes: object) -> list[tuple[str, str]]:
        config = MaskingConfig.parse(LIKE_PEOPLE | {"images": photographs} | changes)
        return differences(config, read_people(config))

    return differ


def test_people_who_saw_the_same_differ_in_nothing(told: Told):
    assert told() == []
    assert told(noise={}, stimulus={}, like="people") == []
    assert told(noise=LIKE_PEOPLE["noise"] | {"sds": [0, 0.04, 0.16]}) == []


@pytest.mark.parametrize(
    ("changes", "theirs", "ours"),
    [
        ({"images": {"kind": "procedural"}}, "photographs", "drawn objects"),
        ({"noise": LIKE_PEOPLE["noise"] | {"bands": "octave"}}, "7 pyramid bands", "7 octave bands"),
        ({"noise": LIKE_PEOPLE["noise"] | {"n_bands": 5}}, "7 pyramid bands", "5 pyramid bands"),
        ({"noise": {"bands": "pyramid"}}, "noise SDs 0.02, 0.04, 0.08, 0.16", "0.01, 0.02"),
        ({"design": {"kind": "adaptive"}}, "noise SDs 0.02, 0.04, 0.08, 0.16", "adaptive design"),
        ({"stimulus": {}}, "moved", "clipped"),
        ({"stimulus": {"clipping": "reference", "contrast": 0.5}}, "contrast 0.2", "0.5"),
        ({"stimulus": {"clipping": "reference", "mean": 0.17}}, "mean 0.449", "0.17"),
        (
            {"stimulus": {"clipping": "reference", "scale": "luminance"}},
            "in code values",
            "in linear luminance",
        ),
    ],
    ids=["drawn", "bands", "n_bands", "sds", "adaptive", "clipping", "contrast", "mean", "scale"],
)
def test_each_way_in_which_people_saw_something_else_is_told(told: Told, changes, theirs: str, ours: str):
    ((first, second),) = told(**changes)
    assert theirs in first
    assert ours in second


def test_images_that_are_not_people_s_by_name_or_size_are_told(told: Told, photographs, tmp_path: Path):
    assert told(images=photographs | {"size": 112}) == [("images of 224 pixels a side", "112 pixels")]
    others = save_photographs(tmp_path / "others", names="{}_gray_{}.JPEG")
    assert told(images=others) == [("the photographs of graysplit", "16 of 16 images are others")]
    first = next(Path(str(others["path"])).glob("0/*"))
    (Path(str(photographs["path"])) / "0" / first.name).write_bytes(first.read_bytes())
    forget()
    assert told() == [("the photographs of graysplit", "1 of 17 images are others")]


def test_nothing_is_claimed_of_a_table_of_one_s_own_or_of_people_themselves(told: Told, tmp_path: Path):
    rows = [("ann", sd, band, 8, 10) for sd in (0, 0.02, 0.04) for band in range(3)]
    columns = ["observer", "noise_sd", "band", "n_correct", "n_trials"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "people.csv", index=False)
    noise = {"n_bands": 3, "sds": [0, 0.02, 0.04]}
    assert told(humans=str(tmp_path / "people.csv"), noise=noise, images={"kind": "procedural"}) == []
    assert told(observer={"kind": "human"}, images={"kind": "procedural"}) == []


@pytest.mark.parametrize(
    "observer", [{"kind": "human"}, {"kind": "template"}], ids=["tested", "compared with"]
)
def test_of_a_table_of_one_s_own_it_is_told_that_its_noise_is_assumed(observer, tmp_path: Path):
    """Its channel depends on it: of the published networks the same counts give others in other bands."""
    rows = [("ann", sd, band, 8, 10) for sd in (0, 0.02, 0.04) for band in range(3)]
    columns = ["observer", "noise_sd", "band", "n_correct", "n_trials"]
    path = str(tmp_path / "people.csv")
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    table = {"table": path} if observer["kind"] == "human" else {}
    noise = {"n_bands": 3, "sds": [0, 0.02, 0.04]}
    config = MaskingConfig.parse(LIKE_PEOPLE | {"observer": observer | table, "humans": path, "noise": noise})
    said = remarks(config, Trials.of(MaskingStudy.tables, []), [], read_people(config))
    sentence = (
        f"what {path} saw is not known: their noise is taken to be that of the settings, 3 octave bands"
    )
    assert said[0] == sentence


def places_of_the_note(results: Results) -> dict[str, bool]:
    """Whether each row, place and figure in which people stand beside the observer bears the note."""
    ratios = results.summary["measure"].str.startswith("bandwidth_ratio")
    rows = results.summary[results.summary["human_n"].gt(0) | ratios]
    placed = place_table(results.summary, results.people, joint=MaskingStudy.joint)
    compared = cogattn.compare(results.summary)
    theirs = compared.values[compared.values["role"] == "people"]
    assert min(len(rows), len(placed), len(theirs)) >= 5
    noted = {f"summary {row.measure}": NOTE in row.note for row in rows.itertuples()}
    noted |= {f"place {row.measures}": NOTE in row.note for row in placed.itertuples()}
    noted |= {f"compared {row.measure}": row.note == NOTE for row in theirs.itertuples()}
    noted |= {"compared": any(NOTE in remark for remark in compared.remarks)}
    drawn = {**{f"compared {name}": draw for name, draw in compared.figures.items()}, **results.figures}
    captions = {name: draw().get_supxlabel() for name, draw in drawn.items()}
    return noted | {f"figure {name}": NOTE in text for name, text in captions.items()}


@pytest.mark.slow
def test_wherever_people_stand_beside_an_observer_other_stimuli_are_noted(play, photographs):
    """And nowhere if people saw the same."""
    base = LIKE_PEOPLE | {"images": photographs}
    played = play(MaskingConfig.parse(base))
    same = places_of_the_note(played.results)
    clipped = MaskingConfig.parse(base | {"stimulus": {"clipping": "clip"}})
    other = places_of_the_note(MaskingStudy().summarise(clipped, played.trials))
    assert same.keys() == other.keys()
    assert {"figure channel", "figure accuracy", "figure thresholds", "figure compared values"} <= same.keys()
    assert not any(same.values())
    assert {name for name, noted in other.items() if not noted} == {"figure stimuli"}


@pytest.mark.slow
def test_other_stimuli_are_the_first_remark_and_mark_each_number_beside_people_s(play):
    played = play(MaskingConfig.parse(LIKE_PEOPLE))
    assert played.results.remarks[0].startswith("people and the observer saw different things")
    assert "photographs (here drawn objects)" in played.results.remarks[0]
    rows = played.results.summary
    assert len(rows) >= 5
    assert (rows["human"].notna() | rows["measure"].str.startswith("bandwidth_ratio")).all()
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


@pytest.mark.slow
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
        ({"design": {"kind": "adaptive", "max_trials": 100}}, "channel.gain (free) is used for people only"),
        ({"noise": LIKE_PEOPLE["noise"] | {"lowest_cpi": 1.0}}, "noise.lowest_cpi (1) is not used"),
        ({"decision": "max"}, "decision (max) is not used"),
        ({"stimulus": {"clipping": "reference", "strict": True}}, "stimulus.strict is not used"),
    ],
)
def test_settings_that_change_nothing_are_told(play, changes, sentence: str):
    said = play(MaskingConfig.parse(LIKE_PEOPLE | changes)).results.remarks
    assert any(remark.startswith(sentence) for remark in said)


def test_of_tested_people_it_is_told_that_others_are_not_set_beside_them(tmp_path: Path):
    others = tmp_path / "others.csv"
    others.write_text("person,measure,estimate\nann,bandwidth,1\n")
    config = MaskingConfig(observer=HumanObserver(), humans=str(others))
    said = remarks(config, Trials.of(MaskingStudy.tables, []), [], read_people(config))
    assert said[0] == f"humans ({others}) is not used: people are set beside the mean of their own table"


@pytest.mark.slow
def test_of_people_it_is_told_who_they_are(play):
    (who,) = play(MaskingConfig(observer=HumanObserver())).results.remarks
    assert who.startswith("people: subramanian2023, 14 observers, 14,700 trials")


@pytest.mark.slow
def test_pixels_outside_the_range_are_counted_by_noise_sd(play):
    """At SD .16 about .449 a pixel leaves [0, 1] in about one case in 300."""
    clip = LIKE_PEOPLE | {"stimulus": {"clipping": "clip"}, "design": {"kind": "crossed"}}
    said = next(r for r in play(MaskingConfig.parse(clip)).results.remarks if "fell outside" in r)
    share, most = (
        float(part.partition("%")[0].rpartition(" ")[2]) for part in (said, said.partition("most ")[2])
    )
    assert 0.1 < most < 1
    assert share == pytest.approx(most * 7 / (1 + 4 * 7), rel=0.2)


@pytest.fixture(scope="module")
def odd_counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann's accuracy goes up and down from band to band, which no channel does; Bob's has a steep upper flank."""
    sds = [0, 0.01, 0.02, 0.04, 0.08, 0.16]
    spectra = octave_spectra()
    ann = ChannelModel.of(spectra).accuracy(
        channel_parameters(2.0, 22.0, 60.0, steepness=1, top_accuracy=0.9), sds
    )
    ann = ann + np.where(np.arange(7) % 2, 0.2, -0.2) * (np.array(sds) == 0.04)[:, None]
    shared = channel_parameters(2.4, 25.0, 70.0, steepness=0.8, top_accuracy=0.9)
    bob = ChannelModel.of(spectra, 16, "asymmetric").accuracy(np.append(shared, -1.2), sds)
    rows = [
        (who, sd, band, round(400 * min(max(p, 0.02), 0.98)), 400)
        for who, table in (("ann", ann), ("bob", bob))
        for sd, line in zip(sds, table, strict=True)
        for band, p in enumerate(line)
    ]
    path = tmp_path_factory.mktemp("odd") / "people.csv"
    pd.DataFrame(rows, columns=["observer", "noise_sd", "band", "n_correct", "n_trials"]).to_csv(
        path, index=False
    )
    return path


@pytest.mark.parametrize("gain", ["free", "log-gaussian"])
def test_observers_whose_channel_does_not_fit_are_named_and_so_are_those_who_speak_for_another_gain(
    play, odd_counts: Path, gain: str
):
    table = {"observer": {"kind": "human", "table": str(odd_counts)}, "channel": {"gain": gain}}
    results = play(MaskingConfig.parse(table)).results
    (misfit,) = (said for said in results.remarks if said.startswith("the channel does not fit"))
    assert "person ann (deviance / df" in misfit
    other = [said for said in results.remarks if said.startswith("channel.gain is log-gaussian, but")]
    assert bool(other) == (gain == "log-gaussian")
    assert all("person bob (asymmetric)" in said for said in other)
    rows = results.summary.set_index(["observer", "measure"])
    assert rows.loc[("person ann", "dispersion"), "lo"] > 1
    assert (("person bob", "bandwidth.log_gaussian") in rows.index) == (gain == "free")
    models = results.tables["channel_models"]
    assert models.groupby("observer")["chosen"].sum().tolist() == [1, 1]
    assert models.groupby("observer")["weight"].sum().to_numpy() == pytest.approx(1)
    assert set(results.tables["channel_misfit"]["observer"]) == {"person ann", "person bob"}
    assert {"gain", "dispersion", "p_misfit"} <= set(results.tables["people_channels"])


def test_observers_with_a_parameter_on_a_limit_are_named(play, tmp_path: Path):
    sds = [0, 0.02, 0.04, 0.08, 0.16]
    p = ChannelModel.of(octave_spectra()).accuracy(
        channel_parameters(2.0, 22.0, 40.0, steepness=40.0, top_accuracy=0.9), sds
    )
    rows = [
        ("ann", sd, band, round(40 * p[row, band]), 40) for row, sd in enumerate(sds) for band in range(7)
    ]
    columns = ["observer", "noise_sd", "band", "n_correct", "n_trials"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "people.csv", index=False)
    config = MaskingConfig.parse({"observer": {"kind": "human", "table": str(tmp_path / "people.csv")}})
    results = play(config).results
    assert "at a limit of what is fitted: person ann (steepness)" in results.remarks
    assert (
        results.summary.set_index("measure")
        .loc["bandwidth", "note"]
        .startswith("the steepness is at the limit")
    )
