"""What the pages name, made when a line asks for it: small, and of the shape that the real thing has."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy.io import wavfile

from cogattn.eeg.recordings.simulate_talkers import speech_envelope
from cogattn.psychophysics.search.raised import raised
from cogattn.registry import load_study, load_target
from cogattn.testing.scenes import make_scenes, write_scenes
from cogattn.vision.images.categories import CATEGORIES, WNIDS
from cogattn.vision.images.config import ProceduralImages
from cogattn.vision.images.listing import list_images

TESTS = Path(__file__).resolve().parents[1]
RUNS = TESTS.parent / "docs" / "runs.md"
SWEEPS = TESTS.parent / "docs" / "sweeps.md"


def _module(path: str) -> ModuleType:
    """A module of another folder of tests, for what it writes."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), TESTS / f"{path}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


eeg_files = _module("eeg/conftest").eeg_files
aad = _module("eeg/aad/conftest").aad
scenes = _module("vision/scenes/conftest")

SOUND_HZ, EEG_HZ, SOUND_S = 8000, 256, 60
SOUNDS = {"talker_a.wav": 2, "talker_b.wav": 2, "story.wav": 1, "speech.wav": 1, "music.wav": 1}
"""Length of each in minutes."""
SCALP = ("Fz", "Cz", "Pz", "Oz")
OWN_NETWORKS = '''
"""A module of one's own."""

import timm


def rotated():
    return timm.create_model("test_resnet")


def sixteen():
    return timm.create_model("test_resnet", num_classes=16)
'''


NAMED = "person,image,category,response\nann,cat1-dog1,cat,cat\nbob,cat1-dog1,cat,dog\n"
"""Answers to the one image of `_conflicts`."""


class Lab:
    """A folder in which lines of the pages run; `provide` makes what they name."""

    def __init__(self, folder: Path, files: SimpleNamespace, listeners: SimpleNamespace) -> None:
        self.folder, self.files, self.listeners = folder, files, listeners
        self.makers: dict[str, Callable[[Path], None]] = {
            "study.toml": self._settings,
            "sweep.toml": self._sweep,
            "wheels.txt": lambda path: _write(path, "tf_efficientnet_lite0  # in a wheel\n"),
            "my_networks:rotated": lambda path: _write(path.with_name("my_networks.py"), OWN_NETWORKS),
            "my_networks:sixteen": lambda path: _write(path.with_name("my_networks.py"), OWN_NETWORKS),
            "imagenet/val": _photographs,
            "conflicts": _conflicts,
            "@networks.txt": lambda path: _write(
                path.with_name("networks.txt"), "resnet18  # small\n\ntest_resnet\n"
            ),
            "results-imagenet.csv": _results,
            "sitting-table.csv": _sat,
            "answers.csv": lambda path: _write(path, NAMED),
            "resnet18_rotated.safetensors": lambda path: _weights(path, "resnet18"),
            "vgg16.safetensors": lambda path: _weights(path, "vgg16"),
            "DATA_preproc": self._dtu,
            "KUL": self._kul,
            "SESSIONS": self._sessions,
            "S1.mat": lambda path: self._kul_file(path, sounds=False),
            "s1.bdf": self._bdf,
            "s2.bdf": self._bdf,
            "s1.vhdr": self._brainvision,
            "s1.edf": self._edf_with_audio,
            "study": self._bids,
            "ffr.bdf": self._ffr,
            "da.wav": _syllable,
            "scores.csv": _scores,
            "decoder.safetensors": _live_decoder,
            "live": _live_streams,
            "sibs": scenes.write_sibs,
            "PHOTOGRAPHS": scenes.write_table,
            "osie": lambda path: write_scenes(path, make_scenes(8, n_people=3)),
            "amazon": _collages,
            "flesch2018": _gardens,
            "raised/*seed0-after.safetensors": _raised,
        }
        self.makers |= dict.fromkeys(SOUNDS, _wav)

    def provide(self, words: list[str]) -> None:
        """Make what is named and not there yet."""
        for word in words:
            if (make := self.makers.get(word)) and not (self.folder / word).exists():
                make(self.folder / word)

    def _settings(self, path: Path) -> None:
        """The settings that the page of runs shows, and the images that they name."""
        (text,) = re.findall(r"^```toml\n(.*?)^```", RUNS.read_text(encoding="utf-8"), re.M | re.S)
        _write(path, text)
        self.provide(re.findall('"(.*?)"', text))

    def _sweep(self, path: Path) -> None:
        """The sweep that its page shows, of untrained networks."""
        (text,) = re.findall(r"^```toml\n(.*?)^```", SWEEPS.read_text(encoding="utf-8"), re.M | re.S)
        _write(path, text.replace("[settings]", '[settings]\n"observer.weights" = "random"\n#'))
        self.provide(re.findall('"(.*?)"', text))

    def _dtu(self, folder: Path) -> None:
        folder.mkdir()
        self.listeners.dtu_folder(folder, trial_s=50)

    def _kul(self, folder: Path) -> None:
        (folder / "stimuli").mkdir(parents=True)
        for part, track in ((1, 1), (1, 2), (2, 1), (2, 2)):
            _wav(folder / "stimuli" / f"part{part}_track{track}_dry.wav")
        self._kul_file(folder / "S1.mat", sounds=True)

    def _kul_file(self, path: Path, *, sounds: bool) -> None:
        """Two trials; the file names its sounds, or holds their envelopes."""
        rng = np.random.default_rng(0)
        eeg = [20 * rng.standard_normal((SOUND_S * EEG_HZ, 3)) for _ in range(2)]
        heard = [
            np.stack([_loudness(f"left {part}", EEG_HZ), _loudness(f"right {part}", EEG_HZ)], axis=-1)
            for part in (1, 2)
        ]
        content = self.files.kul_content(eeg, [both[:, None] for both in heard], EEG_HZ)
        for part, trial in enumerate(content["trials"], start=1):
            trial["stimuli"] = [name.replace("part1", f"part{part}") for name in trial["stimuli"]]
        for trial in content["trials"] if sounds else ():
            del trial["Envelope"]
        self.files.save["v7"](path, content)

    def _sessions(self, folder: Path) -> None:
        folder.mkdir()
        self.listeners.table_folder(folder, onsets="onset_s")

    def _bdf(self, path: Path) -> None:
        eeg = _scalp(path.name)
        self.files.write_edf(path, eeg, EEG_HZ, SCALP, status=_pulses(eeg.shape[1], [(3.0, 7)]))

    def _brainvision(self, path: Path) -> None:
        eeg = np.concatenate([_scalp("first"), _scalp("second")], axis=1)
        markers = [("S  1", 3 * EEG_HZ), ("S  2", (3 + SOUND_S + 5) * EEG_HZ)]
        self.files.write_brainvision(path, eeg, EEG_HZ, SCALP, markers=markers)

    def _edf_with_audio(self, path: Path) -> None:
        """What is heard from 3 s on is also in the last channel."""
        eeg = np.vstack([_scalp(path.name), np.zeros((SOUND_S + 5) * EEG_HZ)])
        heard = _sound("story.wav", EEG_HZ)
        eeg[-1, 3 * EEG_HZ :][: len(heard)] = 100 * heard
        self.files.write_edf(path, eeg, EEG_HZ, (*SCALP, "AUX1"))

    def _bids(self, folder: Path) -> None:
        for subject in ("01", "02"):
            eeg = _scalp(subject)
            self.files.write_bids(folder, eeg, EEG_HZ, SCALP, subject=subject, events=[("story", 3.0)])

    def _ffr(self, path: Path) -> None:
        """Eighty short sounds, every other upside down."""
        sfreq, every_s, n = 2048, 0.2, 80
        rng = np.random.default_rng(0)
        eeg = 5 * rng.standard_normal((2, round((n * every_s + 2) * sfreq) // sfreq * sfreq))
        events = [(1 + k * every_s, 1 + k % 2) for k in range(n)]
        status = _pulses(eeg.shape[1], events, sfreq)
        self.files.write_edf(path, eeg, sfreq, ("Fz", "Cz"), status=status)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _live_decoder(path: Path) -> None:
    from cogattn.eeg.live import LiveDecoder, Preprocessing, save

    weights = np.random.default_rng(0).standard_normal((17, len(SCALP)))
    save(LiveDecoder(weights, 0.0, 0.25, Preprocessing(SCALP)), path)


def _live_streams(path: Path) -> None:
    """Twelve seconds for the decoder above, under this process's own names, once somebody listens."""
    from cogattn.eeg.live.player import Played, Player

    rng = np.random.default_rng(0)
    player = Player(64.0, 64.0, SCALP, name=f"docs{os.getpid()}", speed=20.0)
    trial = Played("1", "first", rng.standard_normal((768, len(SCALP))), rng.random((768, 2)))

    def play() -> None:
        player.wait(60.0)
        player.play([trial])

    threading.Thread(target=play, daemon=True).start()


def _results(path: Path) -> None:
    """The published networks as timm writes results; made-up ones."""
    from cogattn.psychophysics.masking import published_networks

    columns = "model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation"
    scores = _rng(path.name).uniform(60, 85, len(published_networks().observers))
    rows = [
        f'{name},{top1:.3f},{100 - top1:.3f},95.0,5.0,"1,234.56",224,0.875,bicubic'
        for name, top1 in zip(published_networks().observers, scores, strict=True)
    ]
    _write(path, "\n".join([columns, *rows]))


def _scores(path: Path) -> None:
    """A made-up score of each published network."""
    from cogattn.psychophysics.masking import published_networks

    names, rng = published_networks().observers, _rng(path.name)
    rows = [f"{name},{score:.3f}" for name, score in zip(names, rng.random(len(names)), strict=True)]
    _write(path, "\n".join(["network,shape_accuracy", *rows]))


def _photographs(folder: Path) -> None:
    """Class folders by wnid, one of each category and one of none; drawn objects stand for photographs."""
    images = list_images(ProceduralImages(n_images=48, size=224), seed=0)
    for index, label in enumerate(images.labels):
        place = folder / WNIDS[CATEGORIES[label]][0]
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray((255 * images.load(index)).astype(np.uint8)).convert("RGB")
        picture.save(place / f"ILSVRC2012_val_{index + 1:08d}.JPEG")
    (folder / "n01440764").mkdir()
    picture.save(folder / "n01440764" / "ILSVRC2012_val_00000100.JPEG")


def _conflicts(folder: Path) -> None:
    (folder / "cat").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "cat" / "cat1-dog1.png")


def _sat(path: Path) -> None:
    """What a person who has sat a block takes to the command."""
    sitting = load_target(load_study("masking").sittings["masking"])
    shown = pd.DataFrame([dict(trial.what) for trial in sitting.block(0, sitting.length.default).trials])
    right = np.random.default_rng(0).random(len(shown)) < 0.7
    sitting.fit.table(shown.assign(correct=right, anticipation=False, blurred=False)).to_csv(
        path, index=False
    )


def _weights(path: Path, model: str) -> None:
    """Random tensors of a network; its largest layers, which nobody looks through, as bytes."""
    import timm
    from safetensors.torch import save_file

    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in timm.create_model(model).state_dict().items()}
    save_file({name: _tensor(shape) for name, shape in shapes.items()}, path)


def _tensor(shape: torch.Size) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.uint8) if shape.numel() > 10_000_000 else torch.rand(shape) / 20


def _loudness(name: str, rate: int) -> np.ndarray:
    """Of the sound of this name, a minute long."""
    coarse = speech_envelope(_rng(name), duration_s=SOUND_S, sfreq=64)
    return np.interp(np.arange(SOUND_S * rate) / rate, np.arange(len(coarse)) / 64, coarse)


def _sound(name: str, rate: int) -> np.ndarray:
    """Noise with the loudness of speech, within 1."""
    loudness = _loudness(name, rate)
    sound = loudness * _rng(name).standard_normal(len(loudness))
    return sound / np.abs(sound).max()


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))


def _wav(path: Path) -> None:
    sound = np.tile(_sound(path.name, SOUND_HZ), SOUNDS.get(path.name, 1))
    wavfile.write(path, SOUND_HZ, sound.astype(np.float32))


def _syllable(path: Path) -> None:
    """A tenth of a second of a voice whose pitch rises from 95 to 105 Hz."""
    time_s = np.arange(SOUND_HZ // 10) / SOUND_HZ
    wavfile.write(path, SOUND_HZ, np.cos(np.pi * (95 * time_s + 50 * time_s**2)).astype(np.float32) ** 5)


def _scalp(name: str) -> np.ndarray:
    """Microvolts, (4, n_times), of a recording of this name: room for a sound that begins after 3 s."""
    return 10 * _rng(name).standard_normal((len(SCALP), (SOUND_S + 5) * EEG_HZ))


def _pulses(n_times: int, events: list[tuple[float, int]], sfreq: int = EEG_HZ) -> np.ndarray:
    """A trigger channel with pulses of 5 samples, from (second, code)."""
    channel = np.zeros(n_times)
    for start_s, code in events:
        channel[round(start_s * sfreq) :][:5] = code
    return channel


def _collages(folder: Path) -> None:
    """AmazonCovers with a dozen collages."""
    collages = _module("vision/scenes/test_amazon_covers")
    records = {f"{k}.jpg": collages.record(k % 6, (3 * k) % 14) for k in range(12)}
    collages.write(folder, records)


def _gardens(folder: Path) -> None:
    """The trials of two persons a curriculum."""
    reading = _module("rehearsal/test_trees_reading")
    folder.mkdir()
    reading.saved(folder, reading.fields_of(*reading.answered("1a")))


def _raised(pattern: Path) -> None:
    """A network before and after."""
    network = raised("test_resnet.r160_in1k")
    pattern.parent.mkdir(exist_ok=True)
    for name in ("before", "after"):
        save_file(network.state_dict(), pattern.with_name(f"none-seed0-{name}.safetensors"))


@pytest.fixture(scope="session")
def lab(
    tmp_path_factory: pytest.TempPathFactory, eeg_files: SimpleNamespace, aad: SimpleNamespace
) -> Iterator[Lab]:
    """Where lines run; what they made is removed, for weights are large."""
    folder = tmp_path_factory.mktemp("lab")
    yield Lab(folder, eeg_files, aad)
    shutil.rmtree(folder)
