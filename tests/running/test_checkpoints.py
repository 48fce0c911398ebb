"""Checkpoints: bytes and tensors of a training under way, alone and beside others."""

import pytest
import torch

from cogattn.running.checkpoints import Checkpoint


def test_what_was_saved_last_is_there_until_it_is_cleared(tmp_path) -> None:
    kept = Checkpoint(tmp_path / "folder" / "state")
    assert kept.load() is None
    kept.save(b"first")
    kept.save(b"second")
    assert kept.load() == b"second"
    kept.clear()
    kept.clear()
    assert kept.load() is None


def test_without_a_place_nothing_is_kept() -> None:
    nowhere = Checkpoint()
    nowhere.save_tensors({"a": torch.ones(2)})
    assert nowhere.load_tensors() is None
    nowhere.clear()


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_checkpoint_is_none(tmp_path, damage: str) -> None:
    kept = Checkpoint(tmp_path / "state")
    kept.save_tensors({"a": torch.ones(2)})
    data = kept.path.read_bytes()
    kept.path.write_bytes(data[:-1] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    assert kept.load() is None
    assert kept.load_tensors() is None


def test_bytes_that_are_no_tensors_are_none_for_a_reader_of_tensors(tmp_path) -> None:
    kept = Checkpoint(tmp_path / "state")
    kept.save(b"not safetensors")
    assert kept.load_tensors() is None
    assert kept.part("0").load_tensors() is None


def test_trainings_share_a_checkpoint(tmp_path) -> None:
    whole = Checkpoint(tmp_path / "state")
    first, tenth = whole.part("1"), whole.part("10")
    assert first.load_tensors() is None
    first.save_tensors({"a": torch.tensor([1.0])})
    assert tenth.load_tensors() is None
    tenth.save_tensors({"a": torch.tensor([2.0]), "b": torch.tensor([0.0])})
    tenth.save_tensors({"a": torch.tensor([3.0])})
    first.save_tensors({"a": torch.tensor([4.0])})
    assert first.load_tensors()["a"].item() == 4
    assert {name: value.item() for name, value in tenth.load_tensors().items()} == {"a": 3}
