"""The front door: what a notebook sees."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

import cogattn
from cogattn.cli import main
from cogattn.observers import live
from cogattn.running.records import Provenance
from cogattn.testing.coin import CoinConfig, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"
ROOT = Path(__file__).resolve().parents[2]


def test_a_run_says_what_the_command_line_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = cogattn.run(COIN, coins={"n": 3}, tosses=20, out=tmp_path, workers=1, progress=False)
    assert main([COIN, "--coins.n", "3", "--tosses", "20", "--out", str(tmp_path), "--json"]) == 0
    assert len(list((tmp_path / "coin").iterdir())) == 1  # one run, one store
    assert list(run.summary["observer"]) == ["coin 0", "coin 1", "coin 2"]
    assert set(run.tables) == {"summary"}
    assert len(run.trials["tosses"]) == 3 * 4 * 20
    assert run.figures["heads"].is_file()
    assert run.figures["heads"].with_suffix(".pdf").is_file()
    assert run.people is None
    assert run.config == CoinConfig(coins={"n": 3}, tosses=20)
    assert run.remarks == ("People: same side up. Group means only.",)
    assert "coin 1" in run._repr_html_()
    with pytest.raises(KeyError):
        run.tables["no_such"]


def test_a_study_class_and_settings_objects_are_taken_as_they_are(tmp_path: Path) -> None:
    config = CoinConfig(tosses=11)
    first = cogattn.run(CoinStudy(), config=config, out=tmp_path, workers=1, progress=False)
    second = cogattn.run(COIN, tosses=11, out=tmp_path, workers=1, progress=False)
    assert first.id == second.id
    third = cogattn.run(COIN, config=first.folder / "config.json", out=tmp_path, workers=1, progress=False)
    assert third.id == first.id


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tosses": 0}, "tosses must be greater than or equal to 1; got 0"),
        ({"toses": 1}, r"toses is not a setting of this study; did you mean tosses\?"),
        ({"coins": {"n": 99}}, r"coins.n must be less than or equal to 20; got 99"),
        ({"workers": 0}, "--workers must be from 1 to 1024; got 0"),
        ({"device": "gpu"}, "--device must be auto, cpu, cuda, cuda:N or mps; got 'gpu'"),
        ({"loaders": 0}, "--loaders must be from 1 to 256; got 0"),
        ({"observer": 3}, "observer must be a torch.nn.Module, settings, a mapping"),
    ],
)
def test_wrong_settings_are_our_config_error(
    tmp_path: Path, settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(cogattn.ConfigError, match=sentence):
        cogattn.run(COIN, out=tmp_path, **{"workers": 1, "progress": False, **settings})
    assert list(tmp_path.iterdir()) == []


def test_a_stored_run_is_loaded_by_id_study_and_folder(tmp_path: Path) -> None:
    run = cogattn.run(COIN, out=tmp_path, workers=1, progress=False)
    for name in (run.id[:6], f"coin/{run.id}", run.folder):
        assert cogattn.load(name, out=tmp_path).summary.equals(run.summary)
    with pytest.raises(cogattn.ConfigError, match="run must be the start of one stored id"):
        cogattn.load("zzz", out=tmp_path)


class Dim(nn.Module):
    """Sixteen scores of an image: how bright it is, times sixteen weights."""

    def __init__(self, *, slope: float = 1.0) -> None:
        super().__init__()
        self.weights = nn.Parameter(slope * torch.arange(16.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(1, 2, 3))[:, None] * self.weights


SMALL = {
    "images": {"n_images": 32, "size": 64},
    "noise": {"n_bands": 3, "lowest_cpi": 4.0, "sds": [0, 0.05, 0.1]},
    "channel": {"n_bootstrap": 100},
}


@pytest.mark.slow
def test_a_live_network_takes_part(tmp_path: Path) -> None:
    options = {"out": tmp_path, "workers": 1, "progress": False}
    run = cogattn.run("masking", observer=Dim(), **SMALL, **options)
    trials = run.trials["masking"]
    assert len(trials) == 32
    assert trials["response"].nunique() == 1  # the brightest weight wins whatever is shown
    cells = set((tmp_path / "cells").rglob("*.zip"))
    again = cogattn.run("masking", observer=Dim(), **SMALL, **options)
    assert again.id == run.id
    other = cogattn.run("masking", observer=Dim(slope=-1.0), **SMALL, **options)
    assert other.id != run.id
    assert other.trials["masking"]["response"].iloc[0] != trials["response"].iloc[0]
    assert len(set((tmp_path / "cells").rglob("*.zip")) - cells) == len(cells)


@pytest.mark.slow
def test_hardware_of_a_call_is_recorded_and_names_its_cells(tmp_path: Path) -> None:
    options = {"out": tmp_path, "workers": 1, "progress": False}
    plain = cogattn.run("masking", observer=Dim(), **SMALL, **options)
    cells = set((tmp_path / "cells").rglob("*.zip"))
    half = cogattn.run(
        "masking", observer=Dim(), device="cpu", precision="bf16", batch=16, loaders=2, **SMALL, **options
    )
    assert half.id == plain.id
    new = {path.name.partition("-")[0] for path in set((tmp_path / "cells").rglob("*.zip")) - cells}
    assert new == {path.name.partition("-")[0] for path in cells}  # the same was asked, of other hardware
    session = half.store.read(Provenance).sessions[-1]
    found = session.devices, session.precision, session.batch, session.loaders
    assert found == (("cpu",), "bf16", 16, 2)


@pytest.mark.slow
def test_a_live_network_travels_to_workers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.LayerNorm(192), nn.Linear(192, 16))
    registered = live.register(network)  # how a network gets settings of its own, a size or a name
    runs = [
        cogattn.run(
            "masking", observer=taken, **SMALL, out=tmp_path / str(n), workers=workers, progress=False
        )
        for n, (taken, workers) in enumerate([(network, 1), (network, 2), (registered, 2)])
    ]
    assert runs[0].trials["masking"].equals(runs[1].trials["masking"])
    assert runs[0].trials["masking"].equals(runs[2].trials["masking"])
    assert runs[0].trials["masking"]["response"].nunique() > 1


FACTORY = """
import torch
from torch import nn

class Bright(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(16))
    def forward(self, images):
        return images.mean(dim=(1, 2, 3))[:, None] * self.weights

def build():
    network = Bright()
    network.load_state_dict(torch.load("ck.pt", weights_only=True))
    return network
"""


@pytest.mark.slow
def test_a_retrained_network_never_gets_the_old_one_s_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    source = tmp_path / "bright_factory.py"
    source.write_text(FACTORY)

    def answer_with(category: int) -> None:
        torch.save({"weights": torch.eye(16)[category]}, "ck.pt")

    def responses() -> set[str]:
        run = cogattn.run("masking", observer="bright_factory:build", **SMALL, workers=1, progress=False)
        return set(run.trials["masking"]["response"])

    def cells() -> set[Path]:
        return set((tmp_path / "runs" / "cells").rglob("*.zip"))

    answer_with(3)
    first, stored = responses(), cells()
    source.write_text(FACTORY.replace("network = Bright()", "network = Bright()  # a comment"))
    assert responses() == first
    assert cells() == stored  # nothing to compute
    answer_with(5)
    second = responses()
    assert len(first) == len(second) == 1
    assert first != second
    assert len(cells()) == 2 * len(stored)
    answer_with(3)
    assert responses() == first
    assert len(cells()) == 2 * len(stored)


SCRIPT = """
import sys
import torch
from torch import nn
import cogattn

class Local(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.arange(16.0))
    def forward(self, images):
        return images.mean(dim=(1, 2, 3))[:, None] * self.weights

if __name__ == "__main__":
    small = {small!r}
    run = cogattn.run("masking", observer=Local(), workers=2, progress=False, **small)
    print(len(run.trials["masking"]))
"""


@pytest.mark.slow
def test_a_network_that_lives_in_a_script_takes_part(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.replace("{small!r}", repr(SMALL)))
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["32"], done.stderr


def test_completion_and_type_checkers_see_the_public_face() -> None:
    for name in ("run", "load", "Run", "ConfigError"):
        assert name in dir(cogattn)
        assert name in (ROOT / "cogattn" / "__init__.pyi").read_text()


def test_importing_from_the_checkout_works(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        from cogattn.psychophysics.masking import fit_channel
        from cogattn.kernels import foveal_attention
        from cogattn.eeg.aad import RidgeDecoder
        import cogattn.psychophysics
        print(cogattn.psychophysics.__file__)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ROOT / "psychophysics" / "__init__.py")
