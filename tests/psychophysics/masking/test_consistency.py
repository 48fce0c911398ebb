"""Error consistency in noise: who is paired with whom."""

from __future__ import annotations

import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.consistency import consistency_table
from cogattn.psychophysics.masking.plan import TABLES
from cogattn.study import Outcome, Trials

NETWORK = {"observer": {"kind": "timm"}, "images": {"kind": "folder", "path": "images"}}
NET, OTHER = Observer("net"), Observer("other")


def trials_of(**tables: pd.DataFrame) -> Trials:
    return Trials.of(TABLES, [Outcome({name: rows}) for name, rows in tables.items()])


def masking(observer: str, correct: list[bool], *, first: int = 0) -> pd.DataFrame:
    n = len(correct)
    return pd.DataFrame(
        {
            "observer": observer,
            "image": [f"{first + i}" for i in range(n)],
            "category": "cat",
            "response": "cat",
            "correct": correct,
            "n_alternatives": 16,
            "band": 1,
            "noise_sd": 0.02,
            "n_clipped": 0,
        }
    )


def test_pairs_that_share_no_trial_are_left_out():
    """So is a table of counts, which cannot be matched."""
    config = MaskingConfig.parse(NETWORK)
    ours, theirs = masking("net", [True, False, True]), masking("other", [True, True, False])
    both = {"net": NET, "other": OTHER}
    assert len(consistency_table(config, trials_of(masking=pd.concat([ours, theirs])), both)) == 1
    elsewhere = pd.concat([ours, theirs.assign(image=["7", "8", "9"])])
    assert consistency_table(config, trials_of(masking=elsewhere), both).empty
    assert consistency_table(config, trials_of(masking=ours), {"net": NET}).empty


@pytest.mark.slow
def test_people_are_paired_with_people_too(tmp_path):
    ours = masking("net", [True, False, True])
    people = pd.concat([ours.assign(observer=name) for name in ("net", "bob")])
    people[["observer", "image", "noise_sd", "band", "correct"]].to_csv(tmp_path / "people.csv", index=False)
    config = MaskingConfig.parse(NETWORK | {"humans": str(tmp_path / "people.csv")})
    table = consistency_table(config, trials_of(masking=ours), {"net": NET})
    assert table[["first", "second"]].to_numpy().tolist() == [
        ["net", "person net"],
        ["net", "person bob"],
        ["person net", "person bob"],
    ]
    assert (table["kappa"] == 1).all()
