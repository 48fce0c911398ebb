"""A card of a real study: masking, with its fourteen people, and a network that sees nothing."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

import pytest

import cogattn
from cogattn.reporting.card.model import Card

BLIND = """
    import torch

    class Blind(torch.nn.Module):
        def forward(self, images):
            return torch.arange(16.0).expand(len(images), 16)

    def build():
        return Blind()
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of a network that always gives the same answer."""
    folder = tmp_path_factory.mktemp("blind")
    (folder / "cardlab.py").write_text(textwrap.dedent(BLIND), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        cogattn.run(
            "masking",
            observer="cardlab:build",
            images={"kind": "procedural", "n_images": 48, "size": 64},
            noise={"n_bands": 5, "sds": (0.0, 0.04, 0.16)},
            out=folder,
            workers=1,
            progress=False,
        )
    return folder


@pytest.fixture
def card(store: Path) -> Card:
    return Card.of("cardlab:build", out=store, any_settings=True)


@pytest.mark.slow
def test_a_blind_network_is_outside_fourteen_people_in_accuracy(card: Card) -> None:
    (row,) = [row for row in card.rows if row.measure == "accuracy.clean"]
    assert row.status == "outside"
    assert row.n_people == len(row.people) == 14
    assert row.rank == pytest.approx(1 / 15)
    assert row.estimate < 0.2 < min(value for _, value in row.people)


def test_a_channel_that_cannot_be_told_is_placed_nowhere_and_says_why(card: Card) -> None:
    (row,) = [row for row in card.rows if row.measure == "bandwidth"]
    assert math.isnan(row.estimate)
    assert math.isnan(row.p_holm)
    assert row.status == "underpowered"
    assert "accuracy does not fall with the noise" in row.note
    assert row.note.endswith("no value to be placed among people")
    assert len(row.people) == 14


def test_studies_without_a_run_say_so_and_listening_does_not_apply(card: Card) -> None:
    found = {row.study: row.status for row in card.rows}
    assert {found[name] for name in ("naming", "rehearsal", "scanpath", "search")} == {"not run"}
    assert {found[name] for name in ("aad", "efr")} == {"does not apply"}
    assert "other settings than the card's" in card.text(80)
