"""Published and own tables of people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.masking.config import PEOPLE_SAW
from cogattn.psychophysics.masking.counts import (
    as_trials,
    check_bands,
    content,
    published_counts,
    read_counts,
    read_trials,
)

COUNTS = "observer,noise_sd,band,n_correct,n_trials\n"
TRIALS = "observer,image,noise_sd,band,correct\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_published_people_are_14_with_1050_trials_each() -> None:
    counts = published_counts()
    assert counts.n_trials.shape == (14, 5, 7)
    assert (counts.n_trials.sum(axis=(1, 2)) == 1050).all()
    assert counts.noise_sds.tolist() == [0, 0.02, 0.04, 0.08, 0.16]
    assert counts.nominal_cpi.tolist() == [1.75, 3.5, 7, 14, 28, 56, 112]
    assert counts.shown == PEOPLE_SAW["subramanian2023"]
    assert counts.shown.noise.sds == tuple(counts.noise_sds)
    assert counts.shown.noise.n_bands == len(counts.nominal_cpi)


def test_their_mean_is_the_matrix_that_the_authors_print(shared_data: Path) -> None:
    printed = pd.read_csv(shared_data / "masking" / "human" / "human_mean_accuracy_printed.csv")
    counts = published_counts()
    mean = (counts.n_correct / counts.n_trials).mean(axis=0)
    assert 100 * mean == pytest.approx(printed.iloc[:, 1:].to_numpy(), abs=1e-7)


def test_shipped_counts_are_those_recovered_from_the_notebook(shared_data: Path) -> None:
    table = pd.read_csv(shared_data / "masking" / "human" / "human_counts.csv")
    counts = published_counts()
    assert counts.n_correct.ravel().tolist() == table["n_correct"].tolist()
    assert counts.n_trials.ravel().tolist() == table["n_trials"].tolist()


def test_counts_and_their_trials_say_the_same(tmp_path: Path) -> None:
    counts = published_counts()
    trials = as_trials(counts)
    assert len(trials) == 14_700
    path = tmp_path / "trials.csv"
    trials.assign(image=np.arange(len(trials))).to_csv(path, index=False)
    again = read_counts(path)
    assert again.observers == counts.observers
    assert (again.n_correct == counts.n_correct).all()
    assert (again.n_trials == counts.n_trials).all()
    assert read_trials(path)["correct"].sum() == counts.n_correct.sum()


def test_own_counts_need_not_fill_the_grid(tmp_path: Path) -> None:
    path = written(tmp_path, COUNTS + "ann,0,-1,9,10\nann,0.1,2,3,8\nbob,0.1,0,4,4\n")
    counts = read_counts(path)
    assert counts.observers == ("ann", "bob")
    assert counts.n_trials[0].tolist() == [[10, 0, 0], [0, 0, 8]]
    assert counts.n_correct[1].tolist() == [[0, 0, 0], [4, 0, 0]]
    assert counts.nominal_cpi.tolist() == [1.75, 3.5, 7]
    assert counts.shown is None


def test_own_bands_keep_their_names(tmp_path: Path) -> None:
    text = "observer,noise_sd,band,nominal_cpi,n_correct,n_trials\na,0.1,0,2,1,2\na,0.1,1,4,1,2\n"
    assert read_counts(written(tmp_path, text)).nominal_cpi.tolist() == [2, 4]


def test_answers_are_compared_with_the_category(tmp_path: Path) -> None:
    text = (
        "observer,image,noise_sd,band,response,category\nann,a.png,0.1,1,dog,dog\nann,b.png,0.1,1,cat,dog\n"
    )
    assert read_trials(written(tmp_path, text))["correct"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("observer,noise_sd,band,n_correct\na,0,0,1\n", "have the column n_trials"),
        ("observer,noise_sd,band,correct\na,0,0,1\n", "have the column image"),
        (COUNTS, "at least one row"),
        ("", "CSV file with a header"),
        (COUNTS + "a,0,0,1,2\na,x,0,1,2\n", r"column noise_sd; got 'x' \(.*people.csv, line 3\)"),
        (COUNTS + "a,-0.1,0,1,2\n", "have a number from 0 in column noise_sd; got '-0.1'"),
        (COUNTS + "a,inf,0,1,2\n", "column noise_sd"),
        (COUNTS + "a,0.1,-1,1,2\n", "a whole number from 0 where there is noise in column band"),
        (COUNTS + "a,0.1,1.5,1,2\n", "a whole number"),
        (COUNTS + "a,0.1,1000000,1,2\n", "a whole number from -1 to 15 in column band"),
        (COUNTS + "a,0.1,0,3,2\n", r"no more than n_trials in column n_correct; got '3' \(.*line 2\)"),
        (COUNTS + "a,0.1,0,,2\n", "a whole number from 0 to .* in column n_correct"),
        (COUNTS + "a,0.1,0,1,2\na,0.1,0,1,2\n", r"once per observer and noise SD in column band.*line 3"),
        (COUNTS + ",0.1,0,1,2\n", "a name in column observer"),
        (TRIALS + "a,i.png,0.1,0,maybe\n", "0 or 1 in column correct; got 'maybe'"),
        (
            "observer,image,noise_sd,band,response,category\na,i,0.1,0,,dog\n",
            "a category in column response; got ''",
        ),
    ],
)
@pytest.mark.parametrize("setting", ["humans", "observer.table"])
def test_a_broken_table_is_refused_by_setting_line_and_column(
    tmp_path: Path, text: str, message: str, setting: str
) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(setting)} must .*{message}"):
        read_counts(written(tmp_path, text), setting=setting)


@pytest.mark.parametrize("read", [read_counts, read_trials])
def test_a_table_in_latin_1_is_refused_with_its_line(tmp_path: Path, read: Callable[..., object]) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes((TRIALS + "ann,i.png,0.1,0,1\n").encode() + "Zo\xeb,j.png,0.1,0,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"^observer\.table must be .* UTF-8; got the byte 0xeb \(.*line 3\)"):
        read(path, setting="observer.table")


def test_a_table_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="readable CSV file"):
        read_counts(tmp_path)


def test_people_whose_noise_is_the_run_s_must_have_its_bands(tmp_path: Path) -> None:
    counts = read_counts(written(tmp_path, COUNTS + "ann,0.1,4,3,8\n"))
    check_bands(counts, 5, "people.csv")
    with pytest.raises(DataError, match=r"humans must have as many bands as noise\.n_bands, 7; got 5 bands"):
        check_bands(counts, 7, "people.csv")
    check_bands(published_counts(), 5, "subramanian2023")


def test_binary_rubbish_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(bytes(range(128, 256)) * 4)
    with pytest.raises(DataError):
        read_counts(path)


def test_a_missing_table_is_refused_with_the_known_names(tmp_path: Path) -> None:
    for read in (read_counts, content):
        with pytest.raises(DataError, match="subramanian2023 or a readable CSV file"):
            read(tmp_path / "nobody.csv")
    with pytest.raises(DataError, match="subramanian2023"):
        published_counts("nobody2020")


def test_published_counts_are_no_trials() -> None:
    with pytest.raises(DataError, match="counts only"):
        read_trials("subramanian2023")


def test_content_is_the_file_s_sha256(tmp_path: Path) -> None:
    path = written(tmp_path, COUNTS + "a,0.1,0,1,2\n")
    assert content(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(content("subramanian2023")) == 64
