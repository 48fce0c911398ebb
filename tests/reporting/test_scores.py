"""Scores as timm writes its results, and timm's results beside runs: one row a network, joined by name."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm

import cogattn
from cogattn.errors import DataError
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.config import FactoryObserver, ReadoutObserver, TimmObserver
from cogattn.observers.facts import Facts, facts_of
from cogattn.observers.observer import Observer
from cogattn.reporting.scores import scores_table

NAN = math.nan
WIDTH = Measure("bandwidth", "octaves", "bandwidth", scale="log")
CLEAN = Measure("accuracy.clean", "share", "accuracy without noise", scale="share")

RESULTS = """model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation
giant_patch14.clip_in1k,89.466,10.534,98.826,1.174,"1,013.01",336,1.000,bicubic
resnet50.a1_in1k,81.214,18.786,95.344,4.656,25.56,288,1.000,bicubic
resnet50.tv_in1k,76.128,23.872,92.858,7.142,25.56,224,0.875,bilinear
vgg11.tv_in1k,69.028,30.972,88.626,11.374,132.86,224,0.875,bilinear
"""


def summary(**widths: float) -> pd.DataFrame:
    rows = []
    for name, width in widths.items():
        observer = Observer(name.replace("__", "."))
        rows.append(
            Row(observer, WIDTH, Estimate(width, width / 2, width * 2, 100), Estimate(1.4, 1.3, 1.5, 14))
        )
        rows.append(Row(observer, CLEAN, Estimate.bare(0.9, 100)))
    return summary_table(rows)


def test_a_row_a_network_and_a_column_a_measure_with_its_interval() -> None:
    rows = pd.concat(
        [
            summary(resnet50=2.0, vgg11=3.0).query("observer != 'vgg11' or measure != 'accuracy.clean'"),
            summary_table([Row(Observer("person a", role="person"), WIDTH, Estimate(1.0, 0.9, 1.1, 100))]),
        ]
    )
    table = scores_table(rows, {"vgg11": Facts(132.86, 224, "bilinear")})
    assert table.columns.tolist() == [
        "model", "bandwidth", "bandwidth_lo", "bandwidth_hi", "accuracy.clean", "param_count", "img_size",
        "interpolation",
    ]  # fmt: skip
    assert table["model"].tolist() == ["resnet50", "vgg11"]
    assert table["bandwidth_hi"].tolist() == [4.0, 6.0]
    assert table["accuracy.clean"].tolist() == pytest.approx([0.9, NAN], nan_ok=True)
    assert table.to_csv(index=False).splitlines()[1:] == [
        "resnet50,2.0,1.0,4.0,0.9,,,",
        "vgg11,3.0,1.5,6.0,,132.86,224,bilinear",
    ]


def test_what_is_not_determined_has_no_interval_either() -> None:
    rows = summary(resnet50=2.0, vgg11=3.0)
    unknown = (rows["observer"] == "vgg11") & (rows["measure"] == "bandwidth")
    rows.loc[unknown, ["estimate", "lo", "hi"]] = NAN, 0.0, math.inf
    table = scores_table(rows, {})
    assert table.loc[1, ["bandwidth", "bandwidth_lo", "bandwidth_hi"]].isna().all()
    assert table.loc[0, "bandwidth_hi"] == 4.0


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "vit_tiny_patch16_224.augreg_in21k"])
def test_facts_are_those_of_the_network_that_timm_builds(name: str) -> None:
    module = timm.create_model(name)
    count = sum(parameter.numel() for parameter in module.parameters()) / 1e6
    cfg = module.pretrained_cfg
    for settings in (TimmObserver(models=(name,)), ReadoutObserver(models=(name,))):
        found = facts_of(settings, name, seed=0)
        assert found is not None
        assert found.param_count == pytest.approx(count, abs=0.005)
        assert (found.img_size, found.interpolation) == (cfg["input_size"][-1], cfg["interpolation"])


def test_facts_of_a_network_of_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ownnet.py").write_text(
        "from torch import nn\n\n\ndef build(n=4):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(192, 1000 * n))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    settings = FactoryObserver(target=("ownnet:build", "ownnet:build(n=8)"), image_size=32)
    found = [facts_of(settings, name, seed=0) for name in settings.target]
    assert [one.param_count for one in found if one] == [
        round(193 * 4000 / 1e6, 2),
        round(193 * 8000 / 1e6, 2),
    ]
    assert [one.img_size for one in found if one] == [32, 32]
    assert facts_of(TimmObserver(models=("nobody",)), "nobody", seed=0) is None


def test_timm_s_results_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "results-imagenet.csv").write_text(RESULTS)
    values = cogattn.compare(tmp_path / "results-imagenet.csv").values.set_index(["observer", "measure"])
    assert values.loc[("giant_patch14.clip_in1k", "param_count"), "estimate"] == 1013.01
    assert values.loc[("resnet50.tv_in1k", "top1"), ["estimate", "unit"]].tolist() == [76.128, "%"]
    assert len(values) == 4 * 7
    (tmp_path / "comma.csv").write_text('model,x\na,"1,5"\nb,2\n')
    with pytest.raises(DataError, match=r"a number, or nothing, in column x; got '1,5' .*line 2"):
        cogattn.compare(tmp_path / "comma.csv")


def test_a_table_of_scores_reads_as_its_summary(tmp_path: Path) -> None:
    own = summary(resnet50=2.0, vgg11=3.0)
    scores_table(own, {"vgg11": Facts(132.86, 224, "bilinear")}).to_csv(tmp_path / "scores.csv", index=False)
    columns = ["observer", "measure", "estimate", "lo", "hi"]
    values = cogattn.compare(tmp_path / "scores.csv").values
    read = values[~values["measure"].isin(["param_count", "img_size"])][columns].sort_values(columns[:2])
    expected = own[columns].sort_values(columns[:2])
    pd.testing.assert_frame_equal(
        read.reset_index(drop=True), expected.reset_index(drop=True), check_dtype=False
    )
    (tmp_path / "bad.csv").write_text("model,x,x_lo,x_hi\na,1,2,3\nb,1,3,2\n")
    with pytest.raises(DataError, match=r"no more than x_hi in column x_lo; got '3' .*line 3"):
        cogattn.compare(tmp_path / "bad.csv")


def test_names_join_with_and_without_their_tag_and_it_is_said(tmp_path: Path) -> None:
    """resnet50 could be two networks: it is taken for timm's default. nothing is not in the table: it stays alone."""
    (tmp_path / "results.csv").write_text(RESULTS)
    own = summary(resnet50=2.0, vgg11=3.0, nothing=4.0, resnet18__tv_in1k=2.5)
    found = cogattn.compare(own, tmp_path / "results.csv", explain="bandwidth", by=["top1"])
    assert list(found.explained.observers.index) == ["resnet50.a1_in1k", "vgg11.tv_in1k"]
    assert found.explained.observers["top1"].tolist() == [81.214, 69.028]
    assert found.sources["without_partner"].tolist() == [2, 2]
    said = [remark for remark in found.remarks if "without a tag" in remark]
    assert said == ["table 1: names without a tag are taken for resnet50.a1_in1k, vgg11.tv_in1k"]
    back = cogattn.compare(tmp_path / "results.csv", own)
    assert back.sources["without_partner"].tolist() == [2, 2]


def test_a_name_that_could_be_several_joins_with_none_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(RESULTS.replace("resnet50.a1_in1k", "resnet50.x_in1k"))
    found = cogattn.compare(summary(resnet50=2.0, mynet=1.0), tmp_path / "results.csv")
    assert "resnet50" in set(found.values["observer"])
    assert (
        "table 1: names without a tag could be several networks, and join with none: resnet50 (resnet50.tv_in1k, "
        "resnet50.x_in1k)"
    ) in found.remarks


def test_a_name_that_is_there_is_taken_for_no_other(tmp_path: Path) -> None:
    """Neither where another source has it, nor where its own source has the tagged one, too."""
    (tmp_path / "results.csv").write_text(RESULTS)
    own = summary(resnet50=2.0, resnet50__a1_in1k=3.0, vgg11=1.0)
    other = summary(vgg11=2.0)
    found = cogattn.compare(own, other, tmp_path / "results.csv")
    names = set(found.values.loc[found.values["source"] == "table 1", "observer"])
    assert names == {"people", "resnet50", "resnet50.a1_in1k", "vgg11"}
    assert np.isfinite(found.values["estimate"]).all()
    assert not any("without a tag" in remark for remark in found.remarks)
