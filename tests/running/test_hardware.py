"""Device, precision, images at once, loaders: what is refused, what names a cell, who gets which device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from cogattn.errors import ConfigError
from cogattn.registry import load_study
from cogattn.running import hardware as module
from cogattn.running.execute import Execution, run_study
from cogattn.running.executors import SpawnPool, checked_workers, worker_index
from cogattn.running.hardware import Hardware, checked_hardware, current, using
from cogattn.running.identity import make_plan
from cogattn.running.records import CellList, Provenance
from cogattn.seeds import Streams
from cogattn.study import Outcome
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"devices": ["gpu"]}, "--device must be auto, cpu, cuda, cuda:N or mps; got 'gpu'"),
        ({"devices": ["cuda:x"]}, "--device must be auto, cpu, cuda, cuda:N or mps; got 'cuda:x'"),
        ({"devices": ["cpu", "cpu"]}, "--device must name different devices of one kind; got cpu cpu"),
        ({"devices": ["cpu", "cuda:0"]}, "--device must name different devices of one kind"),
        ({"devices": ["cuda", "cuda:0"]}, "--device must name each of several devices by its number"),
        ({"devices": ["cuda"]}, "must be one that this machine has; got cuda, and torch finds no NVIDIA GPU"),
        ({"devices": ["mps"]}, "must be one that this machine has; got mps, and torch finds no Apple GPU"),
        ({"batch": 0}, "--batch must be from 1 to 65536; got 0"),
        ({"loaders": 0}, "--loaders must be from 1 to 256; got 0"),
        ({"precision": "fp64"}, "--precision must be fp32, tf32, bf16, fp16; got 'fp64'"),
        ({"precision": "tf32"}, "--precision tf32 must be of an NVIDIA GPU; got the device cpu"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(f"{k} {v}" for k, v in value.items()),
)
def test_what_is_not_there_or_means_nothing_is_refused(
    flags: dict, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(module, "best_device", lambda: "cpu")
    with pytest.raises(ConfigError) as refused:
        checked_hardware(**flags)
    assert told in str(refused.value)


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_asked_for_by_number() -> None:
    assert checked_hardware(["cuda:0", "cuda:1"]).devices == ("cuda:0", "cuda:1")
    with pytest.raises(ConfigError, match=r"got cuda:2, and torch finds cuda:0 to cuda:1"):
        checked_hardware(["cuda:0", "cuda:2"])


def test_workers_take_the_devices_by_turns() -> None:
    hardware = Hardware(("cuda:0", "cuda:1", "cuda:2"), "bf16")
    assert [hardware.of_worker(i).devices for i in range(5)] == [
        (name,) for name in ("cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1")
    ]
    assert hardware.of_worker(4).precision == "bf16"
    assert checked_workers(None, hardware) == 3
    assert checked_workers(6, hardware) == 6
    with pytest.raises(ConfigError, match="--workers must be at least one a device, 3; got 2"):
        checked_workers(2, hardware)


@pytest.mark.parametrize(
    ("hardware", "kind"),
    [
        (Hardware(("cpu",)), "cpu"),
        (Hardware(("cpu",), batch=4), "cpu"),
        (Hardware(("cpu",), batch=8, loaders=7), "cpu batch 8"),
        (Hardware(("cpu",), "bf16"), "cpu bf16"),
        (Hardware(("cuda:3",)), "cuda"),
        (Hardware(("cuda:0", "cuda:1"), "fp16", batch=64), "cuda fp16 batch 64"),
        (Hardware(("cuda",), "tf32", batch=256), "cuda tf32"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kind_is_all_that_changes_numbers_and_no_more(hardware: Hardware, kind: str) -> None:
    assert hardware.kind == kind


def test_a_gpu_has_loaders_and_a_cpu_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_cpus", lambda: 12)
    assert Hardware(("cpu",)).threads_ahead == 1
    assert Hardware(("cuda",)).threads_ahead == 8
    assert Hardware(("cuda:0", "cuda:1", "cuda:2")).threads_ahead == 4
    assert Hardware(("cuda",), loaders=3).threads_ahead == 3


def test_hardware_is_in_force_inside_and_as_before_outside() -> None:
    before = current()
    with using(Hardware(("cpu",), "bf16")):
        assert current().precision == "bf16"
    assert current() == before


def index_after_a_while() -> int:
    time.sleep(0.3)
    return worker_index()


@pytest.mark.slow
def test_each_worker_of_a_pool_knows_its_index() -> None:
    assert worker_index() == 0
    pool = SpawnPool(2)
    futures = [pool.submit(index_after_a_while) for _ in range(2)]
    assert sorted(future.result() for future in futures) == [0, 1]
    pool.shutdown()


class PlacedCoins(CoinStudy):
    """Coins that tell what their cell computed on."""

    name: ClassVar[str] = "placed"

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> Outcome:
        time.sleep(0.2)
        here = f"{current().device} {current().precision} {worker_index()}"
        return Outcome({"tosses": super().run_cell(config, cell, rng)}, {"device.txt": here.encode()})


@pytest.mark.slow
def test_cells_go_to_several_devices_a_worker_each(tmp_path: Path) -> None:
    hardware = Hardware(("cuda:0", "cuda:1"), "bf16")
    execution = Execution(workers=2, hardware=hardware)
    run = run_study(f"{__name__}:PlacedCoins", CoinConfig(n_cells=3), out=tmp_path, execution=execution)
    listed = run.read(CellList).cells
    found = {run.cells.read(cell.name)[1].artefacts["device.txt"].decode() for cell in listed}
    assert found == {"cuda:0 bf16 0", "cuda:1 bf16 1"}
    assert run.read(Provenance).sessions[-1].devices == ("cuda:0", "cuda:1")
    assert current().devices != hardware.devices


def test_hardware_names_cells_of_studies_that_reach_torch_and_no_others(tmp_path: Path) -> None:
    masking, coin = load_study("masking"), load_study(COIN)
    half, plain = Hardware(("cpu",), "bf16"), Hardware(("cpu",))
    demo = masking.demo()
    names = [{cell.name for cell in make_plan(masking, demo, one).cells} for one in (plain, half)]
    assert not names[0] & names[1]
    whats = [{cell.record.what for cell in make_plan(masking, demo, one).cells} for one in (plain, half)]
    assert whats[0] == whats[1]  # --mix takes them
    run = run_study(COIN, CoinConfig(), out=tmp_path)
    again = run_study(COIN, CoinConfig(), out=tmp_path, execution=Execution(hardware=half))
    assert run.read(CellList) == again.read(CellList)
    assert make_plan(coin, CoinConfig(), half).cells[0].record.device == "cpu"


def test_hardware_is_recorded(tmp_path: Path) -> None:
    hardware = Hardware(("cpu",), "bf16", batch=8, loaders=2)
    run = run_study(COIN, CoinConfig(), out=tmp_path, execution=Execution(hardware=hardware))
    session = run.read(Provenance).sessions[-1]
    found = session.devices, session.precision, session.batch, session.loaders
    assert found == (("cpu",), "bf16", 8, 2)
