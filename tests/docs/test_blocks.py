"""Every line of code on a page runs as it stands, but for settings that make it small.

A line of the shell is known by itself (`COMMANDS`), so that a new one cannot go untested. Its words come first; those
of the table are added, and take the place of what the line says of the same setting. With ``--dry-run`` everything
is checked (files, headers, weights, settings) and nothing computed.
"""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from cogattn.cli import main
from cogattn.running.catalogue import list_runs

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CI = ROOT / ".ci" / "run"
DRY = "--dry-run"
UNTRAINED = "--observer.weights random"
"""For lines whose networks would be downloaded."""
COIN = "cogattn.testing.coin:CoinStudy"
"""What there is to list and to verify."""
LISTENER = (
    "aad --recordings.n-listeners 1 --recordings.n-trials 3 --recordings.trial-s 12 --recordings.n-channels 4 "
    "--windows-s 1 5 --decoders ridge --no-control --significance.n-permutations 19"
)
"""What there is to be derivatives of."""
FEW_SHUFFLES = "--significance.n-permutations 19"
FEW_SAMPLES = "--significance.n-bootstrap 50"
DIGITS = "--data digits"
"""For lines whose pictures come by hand."""

TOLD = r"^run: |^exec |SHA-256$|cells, |finished|0 damaged$|^differences|^written: |not run|^cogattn dashboard: http"
"""What a command that went well prints."""
COMMANDS = {
    # the card and the dashboard
    "card tf_efficientnet_lite0 --run --dry-run": "",
    "card tf_efficientnet_lite0 --run": DRY,
    "card tf_efficientnet_lite0": "",
    "card tf_efficientnet_lite0 --json > lite0.json": "",
    "card tf_efficientnet_lite0 --html lite0.html": "",
    "card tf_efficientnet_lite0 --html card.html": "",
    "card my_networks:sixteen --run": DRY,
    "report --observer tf_efficientnet_lite0": "",
    "card ridge --run": DRY,
    "dashboard": "",
    "dashboard --runs STORE --port 8600 --no-browser": "",
    # masking
    "masking": DRY,
    "masking --dry-run": "",
    "masking --observer.kind timm --observer.models resnet50 vit_base_patch16_224 "
    "--images.kind folder --images.path imagenet/val": f"{UNTRAINED} {DRY}",
    "masking --observer.kind timm --observer.models resnet50 vit_base_patch16_224 "
    "--images.kind folder --images.path imagenet/val --images.max-images 1050": f"{UNTRAINED} {DRY}",
    "masking --like people": DRY,
    "masking --observer.kind timm --images.kind folder --images.path graysplit --like people --seed 0": "--images.path "
    f"imagenet/val {DRY}",
    "masking --stimulus.scale luminance": DRY,
    "masking --observer.kind human --channel.gain auto": DRY,
    "masking --design.kind adaptive --design.interval-octaves 1 --channel.gain log-gaussian": DRY,
    "masking --observer.kind human": DRY,
    "masking --config study.toml --workers 8 --json > rows.json": f"{UNTRAINED} --images.max-images 16 "
    "--channel.n-bootstrap 100",
    "masking --observer.kind human --observer.table sitting-table.csv --noise.bands pyramid": DRY,
    # naming
    "naming": DRY,
    "naming --observer.kind timm --observer.models resnet50 vit_base_patch16_224 --shown.path conflicts "
    "--humans cue-conflict": f"--humans answers.csv {UNTRAINED} {DRY}",
    "naming --shown.kind attacked --shown.epsilons 0.004 0.016": DRY,
    "naming --observer.kind human": "--observer.table answers.csv",
    "naming --observer.kind human --shown.kind set --shown.name sketch": "--shown.name own "
    "--observer.table answers.csv",
    "naming --observer.kind timm --observer.models resnet50 vit_base_patch16_224 --shown.kind set "
    "--shown.name contrast --shown.path datasets/contrast": "--shown.name own --shown.path conflicts "
    f"--humans answers.csv {UNTRAINED} {DRY}",
    "naming --shown.kind made --shown.name contrast --images.n-images 64": DRY,
    "naming --observer.kind timm --images.kind folder --images.path GraySplit --shown.kind made "
    "--shown.name contrast": f"--images.path imagenet/val {DRY}",
    # networks
    "masking --observer.kind timm --observer.models @networks.txt --keep-going --images.kind folder "
    "--images.path imagenet/val --images.max-images 1050": f"{UNTRAINED} {DRY}",
    'masking --observer.kind timm --observer.models "resnet*" vit_base_patch16_224 --dry-run': "--observer.models "
    f"'test_resnet*' {UNTRAINED} --images.kind folder --images.path imagenet/val",
    "compare subramanian2023-networks results-imagenet.csv --explain bandwidth --by top1": "--to relation",
    "masking --dry-run --device cpu --batch 8 --loaders 2 --precision bf16": "",
    "masking --device cuda:0 cuda:1 --precision bf16 --batch 256 --loaders 8": f"--device cpu {DRY}",
    # search
    "search": DRY,
    "search --dry-run": "",
    "search --observer.models resnet50 vit_base_patch16_224 --controls chance no_fovea": f"{UNTRAINED} {DRY}",
    "search --tasks feature conjunction 2v5": DRY,
    "search --displays.pixels-per-degree 15 --multiverse.foveas v1 v2 eccnet": DRY,
    "search --searcher eccnet --observer.models vgg16 --observer.weights vgg16.safetensors": DRY,
    "search --searcher eccnet --observer.models vgg16 --observer.weights vgg16.safetensors "
    "--eccnet.ablate window rings half_scale map_scaling sharpening pixels painting touching": DRY,
    "search --observer.models resnet18 --observer.weights resnet18_rotated.safetensors": DRY,
    "search --observer.kind factory --observer.target my_networks:rotated": "--tasks curvature "
    "--displays.n-displays 2 --displays.pixels-per-degree 4 --n-searches 1 --n-bootstrap 100 "
    "--controls no_fovea pixels ideal chance",
    # foveated transformer
    "masking --observer.kind timm --observer.models vit_base_patch16_224 --observer.fovea.alpha 2 "
    "--observer.fovea.bias log --images.kind folder --images.path imagenet/val": f"{UNTRAINED} {DRY}",
    "masking --observer.models vit_tiny_patch16_224 --observer.fovea.radius-deg 2.5": f"{UNTRAINED} {DRY}",
    "search --observer.models vit_base_patch16_224 --observer.fovea.alpha 2 --fovea.place inline": "--observer.models "
    f"test_vit {UNTRAINED} --tasks curvature --displays.n-displays 2 --displays.pixels-per-degree 4 --n-searches 1 "
    "--n-bootstrap 100 --controls no_fovea chance",
    "scanpath --scenes osie --objects.grid 9 12 --observer.models vit_base_patch16_224 "
    "--observer.fovea.alpha 2": f"{UNTRAINED} {DRY}",
    # scenes
    "search --scenes sibs --dry-run": UNTRAINED,
    "search --scenes sibs --scenes.n-scenes 20": f"{UNTRAINED} {DRY}",
    "search --scenes sibs --scenes.max-saccades 12": f"{UNTRAINED} {DRY}",
    "search --scenes sibs --observer.models resnet50 convnext_tiny --controls chance": f"{UNTRAINED} {DRY}",
    "search --scenes PHOTOGRAPHS --scenes.pixels-per-degree 30": f"{UNTRAINED} {DRY}",
    # scanpath
    "scanpath": DRY,
    "scanpath --dry-run": "",
    "scanpath --scenes amazon --appearance none": DRY,
    "scanpath --scenes amazon --appearance none --scenes.aliased --split.by trial --split.leaks show": DRY,
    "scanpath --scenes osie --objects.grid 9 12 --observer.models resnet50 vit_base_patch16_224": f"{UNTRAINED} {DRY}",
    "scanpath --models ours published --objects.source grid": DRY,
    # aad
    "aad": DRY,
    "aad --recordings.kind dtu --recordings.path DATA_preproc --windows-s 1 2 5 10 20 40": FEW_SHUFFLES,
    "aad --recordings.kind kul --recordings.path KUL --recordings.audio KUL/stimuli": FEW_SHUFFLES,
    "aad --recordings.kind table --recordings.path SESSIONS": f"--windows-s 1 5 20 {FEW_SHUFFLES}",
    "aad --validation subject --decoders ridge attention": "--recordings.n-listeners 2 --recordings.n-trials 4 "
    f"--recordings.n-channels 4 --training.n-epochs 1 {FEW_SHUFFLES}",
    "aad --recordings.speech talker_a.wav talker_b.wav --recordings.n-trials 10": f"--recordings.trial-s 10 "
    f"--windows-s 1 5 10 {DRY}",
    "aad --intent.on-target 6.6 --intent.on-other 90 --intent.on-mixture 50": "--recordings.n-listeners 2 "
    "--recordings.n-trials 3 --recordings.trial-s 12 --recordings.n-channels 4 --windows-s 1 5 --decoders ridge "
    f"--intent.n-components 4 {FEW_SHUFFLES}",
    # live
    "aad train --out decoder.safetensors --recordings.kind table --recordings.path SESSIONS": "",
    "aad train --out decoder.safetensors": "--recordings.n-trials 4 --recordings.trial-s 30 --recordings.snr-db -20",
    "aad play": f"--wait 0 --speed 60 --trials 1 --recordings.trial-s 12 --name docs{os.getpid()}",
    "aad live --decoder decoder.safetensors": f"--eeg docs{os.getpid()}-eeg --sounds docs{os.getpid()}-sounds "
    "--patience 1",
    # efr
    "aad --models gammatone spectrogram test_resnet": DRY,
    "aad --models my_networks:rotated --encoding.layer layer2": DRY,
    "efr --models gammatone spectrogram --encoding.frame-hz 250": DRY,
    "efr": DRY,
    "efr --recordings.kind files --recordings.files s1.bdf s2.bdf --recordings.stimuli story.wav "
    "--recordings.triggers 7 --cleaning.channels Fz Cz Pz Oz": FEW_SAMPLES,
    "efr --recordings.kind files --recordings.files s1.vhdr --recordings.stimuli speech.wav music.wav "
    "--recordings.stimuli-by trigger --recordings.triggers 1 2": FEW_SAMPLES,
    "efr --recordings.kind files --recordings.files s1.edf --recordings.stimuli story.wav "
    "--recordings.audio-channel AUX1": FEW_SAMPLES,
    "efr --recordings.kind kul --recordings.path S1.mat": FEW_SAMPLES,
    "efr --recordings.kind bids --recordings.root study --recordings.subjects 01 02 --recordings.task listen "
    "--recordings.stimuli story.wav": FEW_SAMPLES,
    "efr --steady-state.modulation-hz 40 --steady-state.sweep-s 1": DRY,
    "efr --no-following --sfreq 2000 --recordings.kind files --recordings.files ffr.bdf --recordings.stimuli da.wav "
    "--recordings.triggers 1 2 --steady-state.inverted 2 --steady-state.modulation-hz 90 "
    "--steady-state.sweep-s 0.1 --steady-state.f0-low-hz 70 --steady-state.f0-high-hz 140": FEW_SAMPLES,
    "efr --no-following --recordings.kind simulated_sweeps --recordings.n-listeners 2 --recordings.n-sweeps 600 "
    "--recordings.sweep-s 0.5 --recordings.modulation-hz 80 --recordings.glide-hz 10 "
    "--recordings.fine-structure-uv 0.2 --recordings.sfreq 1024 --sfreq 1024 --steady-state.modulation-hz 80 "
    "--steady-state.sweep-s 0.5 --steady-state.n-harmonics 5 --steady-state.alternating "
    "--steady-state.f0-low-hz 60 --steady-state.f0-high-hz 110": "--recordings.n-sweeps 60",
    # rehearsal
    "rehearsal": DRY,
    "rehearsal --dry-run": "",
    "rehearsal --data mnist --n-seeds 8 --budgets 0.05 0.25": f"{DIGITS} {DRY}",
    "rehearsal --data mnist --n-tasks 20 --training.n-new 6000 --network.widths 50 100 200": f"{DIGITS} {DRY}",
    "rehearsal --data mnist --n-seeds 8 --budgets 0.05 "
    "--penalties ewc:1 ewc:3 ewc:10 si:1 si:3 si:10 lwf:1": f"{DIGITS} {DRY}",
    "rehearsal --scenario split --data mnist": f"{DIGITS} {DRY}",
    "rehearsal --schedules uniform table cumulative --rehearsal.unequal show": DRY,
    "rehearsal --scenario trees --trees.path flesch2018": DRY,
    "rehearsal --scenario transfer": "--transfer.passes 1 --transfer.n-twins 2 --schedules none uniform",
    "rehearsal --diet plain rotated upside_down --schedules none uniform power:1 --n-seeds 2": DRY,
    "masking --observer.kind factory --observer.image-size 64 --observer.target "
    "'cogattn.psychophysics.search.raised:raised(\"test_resnet.r160_in1k\")' --observer.checkpoints "
    "'raised/none-*seed0-before.safetensors' 'raised/*seed0-after.safetensors'": DRY,
    "search --observer.kind factory --observer.image-size 64 --observer.target "
    "'cogattn.psychophysics.search.raised:raised(\"test_resnet.r160_in1k\")' --observer.checkpoints "
    "'raised/none-*seed0-before.safetensors' 'raised/*seed0-after.safetensors'": DRY,
    "rehearsal --scenario scanpaths --schedules none uniform power:1": DRY,
    "rehearsal --scenario listeners --schedules none uniform power:1": DRY,
    # recordings
    "aad --recordings.kind table --recordings.path SESSIONS "
    "--cleaning.bad-channels interpolate": f"--windows-s 1 5 {DRY}",
    "efr --recordings.kind table --recordings.path SESSIONS --talker unattended": "--spectrum.high-hz 25 "
    f"{FEW_SAMPLES}",
    # compare
    'compare subramanian2023-networks --against people --where "accuracy.clean>=0.95"': "",
    "compare subramanian2023-networks scores.csv --explain shape_accuracy "
    "--by bandwidth centre peak_sensitivity --control accuracy.clean "
    '--where "accuracy.clean>=0.49" --leave-out-families --to relation': "",
    # beyond one machine; no scheduler and no queue is there: tests/running/test_dask_cli.py has both
    "search --executor dask --cluster local --workers 2": DRY,
    "masking --executor dask --scheduler tcp://10.0.0.1:8786 --out /shared/runs": f"--out runs {DRY}",
    "rehearsal --executor dask --cluster slurm --workers 64 --out /shared/runs": f"--out runs {DRY}",
    # joining
    "masking --config study.toml --out /shared/runs --workers 2": f"{UNTRAINED} {DRY} --out runs",
    "masking --config study.toml --out /shared/runs --until 0s": f"{UNTRAINED} {DRY} --out runs",
    "work RUN --out /shared/runs --workers 2": f"--study {COIN} --out runs",
    "work RUN --out /shared/runs --until 55m": f"--study {COIN} --out runs",
    "slurm RUN --out /shared/runs --array 64 --gpus 1 --time 02:00:00 > job.sh": f"--study {COIN} --out runs",
    # runs
    "runs list": "",
    "runs verify --deep": f"--study {COIN}",
    'runs crate RUN --to run.zip --author "Ada Lovelace 0000-0002-1825-0097" --licence CC-BY-4.0': "",
    "runs crate RUN > metadata.json": "",
    'runs bids RUN --to derivatives/cogattn --author "Ada Lovelace" --author "Grace Hopper" --licence CC0-1.0': "",
    "runs cite RUN > references.bib": "",
    "runs cite RUN --json > references.json": "",
    "runs pack RUN --to run.zip": "",
    "runs unpack run.zip --out elsewhere": "",
    # sweeps
    "sweep sweep.toml --dry-run": "",
    "sweep sweep.toml --csv table.csv": DRY,
    "sweep sweep.toml --workers 8 --keep-going": DRY,
    "models fetch --list networks.txt --to weights": "--list wheels.txt",
}
"""What is added to each line after ``cogattn``."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a page, whose fences must be closed."""
    found, opened = [], None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.lstrip().startswith("```"):
            if opened:
                opened[2].append(line)
        elif opened:
            found.append(Block(page.name, opened[0], opened[1], "\n".join(opened[2])))
            opened = None
        else:
            opened = (number, line.strip().strip("`"), [])
    assert opened is None, f"{page.name}:{opened and opened[0]} is not closed"
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def lines_of(block: Block) -> list[str]:
    """Lines of the shell, continued ones joined, without comments and superfluous blanks."""
    joined = re.sub(r"\\\n\s*", "", block.text).splitlines()
    return [" ".join(line.partition(" #")[0].split()) for line in joined if line.partition("#")[0].strip()]


def is_shell(block: Block) -> bool:
    return block.language == "bash" or (
        block.language == "" and bool(re.search(r"^(cogattn|pip) ", block.text, re.M))
    )


SHELL_LINES = sorted({line for block in BLOCKS if is_shell(block) for line in lines_of(block)})
SETUP_LINES = [line for line in SHELL_LINES if line.startswith("pip ")]


def test_every_block_is_of_a_kind_that_runs() -> None:
    other = [
        str(block) for block in BLOCKS if not is_shell(block) and block.language not in ("python", "toml")
    ]
    assert other == []
    assert len(SHELL_LINES) > 20
    assert [line for line in SHELL_LINES if not line.startswith(("cogattn ", "pip "))] == []


def test_what_is_known_of_lines_is_of_lines_that_are_there() -> None:
    written = {line.removeprefix("cogattn ") for line in SHELL_LINES if line.startswith("cogattn ")}
    assert sorted(COMMANDS.keys() - written) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", [line for line in SHELL_LINES if line.startswith("cogattn ")], ids=lambda line: line[8:68]
)
def test_a_line_of_the_shell_runs(
    line: str, lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = COMMANDS.get(line.removeprefix("cogattn "))
    assert known is not None, f"not known: {line!r}; say in COMMANDS how it is made small"
    words, _, file = line.partition(" > ")
    words = changed(shlex.split(words)[1:], [*shlex.split(known), *one_worker(line)])
    of_a_run = words[0] in ("runs", "work", "slurm")
    monkeypatch.chdir(tmp_path if of_a_run else lab.folder)
    lab.provide(words)
    if of_a_run:
        words = about_a_run(words)
        capsys.readouterr()
    if words[0] == "dashboard":  # tests/apps start the server
        monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0))
    code = main(words)
    out, err = capsys.readouterr()
    assert code == 0, out + err
    if file:
        assert json.loads(out) if file.endswith(".json") else out
    else:
        assert re.search(
            TOLD,
            out,
            re.M,
        ), out


def about_a_run(words: list[str]) -> list[str]:
    """`words` with the id of a run, made in the folder, in place of RUN: tosses, or a listener where it takes EEG."""
    study = shlex.split(LISTENER) if words[1] == "bids" else [COIN]
    assert main([*study, "--workers", "1"]) == 0
    (run,) = list_runs(Path("runs"))
    if words[1] == "unpack":
        assert main(["runs", "pack", run.id, "--to", words[2]]) == 0
    return [run.id if word == "RUN" else word for word in words]


def one_worker(line: str) -> list[str]:
    other = ("runs", "report", "compare", "aad train", "aad play", "aad live", "dashboard", "models")
    return [] if line.removeprefix("cogattn ").startswith(other) else ["--workers", "1"]


def changed(words: list[str], added: list[str]) -> list[str]:
    """`words` without the settings that are `added`, and those."""
    kept: list[str] = []
    taken = {word for word in added if word.startswith("--")}
    keep = True
    for word in words:
        keep = word not in taken if word.startswith("--") else keep
        kept += [word] if keep else []
    return [*kept, *added]


def test_what_is_added_takes_the_place_of_what_the_line_says() -> None:
    line = shlex.split("masking --models a b --workers 8 --json")
    added = shlex.split("--workers 1 --models c")
    assert changed(line, added) == ["masking", "--json", *added]


# ---- Python and TOML


PROLOGUES = {
    "card.md": "",
    "dashboard.md": "",
    "README.md": """
import numpy as np
noise_sds = [0.0, 0.02, 0.04, 0.08, 0.16]
n_trials = np.full((5, 7), 100)
hurt = np.array([0.02, 0.1, 0.5, 1.0, 0.5, 0.1, 0.02])  # by each band
n_correct = np.round(100 * (0.06 + 0.9 * np.exp(-400 * np.outer(np.square(noise_sds), hurt))))
import pandas as pd
rng = np.random.default_rng(0)
one, other = (
    pd.DataFrame({"image": [f"{i}.png" for i in range(80)], "correct": rng.random(80) < 0.7}) for _ in range(2)
)
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
listener = draw_listener(rng, name="S1", n_channels=3, sfreq=64.0, snr_db=-18)
trials = simulate_recording(rng, listener, n_trials=3, duration_s=30, sfreq=64.0).trials
eeg = [trial.eeg for trial in trials]
attended, unattended = ([trial.streams[name] for trial in trials] for name in ("attended", "unattended"))
fourier = rng.standard_normal((40, 3)) + 1j * rng.standard_normal((40, 3))
""",
    "aad.md": """
import numpy as np
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
rng = np.random.default_rng(0)
listener = draw_listener(rng, name="S1", n_channels=5, sfreq=64.0, snr_db=-18)
trials = simulate_recording(rng, listener, n_trials=4, duration_s=60, sfreq=64.0).trials
eeg = [trial.eeg for trial in trials]
attended, unattended = ([trial.streams[name] for trial in trials] for name in ("attended", "unattended"))
""",
    "foveal_attention.md": """
import torch
fixations, patches = torch.randn(2, 5, 64), torch.randn(2, 196, 64)
gaze_deg, patch_deg = torch.randn(2, 5, 2), torch.randn(1, 196, 2)
objects, object_deg, mask = torch.randn(2, 9, 64), torch.randn(2, 9, 2), torch.ones(2, 9, dtype=torch.bool)
""",
    "foveated_transformer.md": "",
    "encoding.md": "",
    "intent.md": "",
    "live.md": """
import numpy as np
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
rng = np.random.default_rng(0)
listener = draw_listener(rng, name="S1", n_channels=5, sfreq=64.0, snr_db=-18)
recording = simulate_recording(rng, listener, n_trials=4, duration_s=30, sfreq=64.0)
eeg_chunk, envelopes_chunk = rng.standard_normal((640, 5)), rng.random((640, 2))
eeg_stamps = envelope_stamps = np.arange(640) / 64
""",
    "distributed.md": """
from concurrent.futures import ThreadPoolExecutor
client = ThreadPoolExecutor(2)  # any executor will do
""",
    "recordings.md": "import numpy as np\n",
    "scenes.md": "",
    "search.md": "",
    "eccnet.md": "",
    "photographs.md": "",
    "scanpath.md": "",
    "rehearsal.md": "",
    "compare.md": "",
    "people.md": "",
    "sweeps.md": "",
}
"""What a page takes to be there already."""


PYTHON_PAGES = [
    pytest.param(page, marks=pytest.mark.slow) if page in ("README.md", "search.md", "compare.md") else page
    for page in sorted({block.page for block in BLOCKS if block.language == "python"})
]
"""Those that put a network through a study, or a searcher before a display, take more than ten seconds."""


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_python_of_a_page_runs_from_top_to_bottom(page: str, lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page in PROLOGUES, f"not known: {page}; say in PROLOGUES what it takes to be there"
    monkeypatch.chdir(lab.folder)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)  # as on a machine where nobody tests kernels
    names: dict[str, object] = {"__name__": page}
    exec(PROLOGUES[page], names)
    for block in BLOCKS:
        if block.page == page and block.language == "python":
            lab.provide(re.findall(r'"([\w./]+)"', block.text))
            run_block(block, names)


def run_block(block: Block, names: dict[str, object]) -> None:
    """Statement by statement; a remark behind one may tell its value, or attributes of what it made."""
    lines = block.text.splitlines()
    for statement in ast.parse(block.text).body:
        where = f"{block.page}:{block.line + statement.lineno}"
        remark = lines[(statement.end_lineno or 1) - 1][statement.end_col_offset or 0 :].partition("# ")[2]
        value: object = None
        if isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), where, "eval"), names)
            assert agrees(value, remark), f"{where}: {value!r}"
        else:
            exec(compile(ast.Module([statement], []), where, "exec"), names)
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                value = names[statement.targets[0].id]
        for name in re.findall(r"(?:^|, )\.(\w+)", remark):
            assert hasattr(value, name), f"{where}: {name}"


def agrees(value: object, remark: str) -> bool:
    """Whether a remark that tells a value tells this one; ``...`` stands for anything."""
    if not re.match(r"[-'\"(\[\d]", remark):
        return True
    if re.fullmatch(r"-?\d+\.\d+", remark):
        return f"{value:.{len(remark.partition('.')[2])}f}" == remark
    return doctest.OutputChecker().check_output(f"{remark}\n", f"{value!r}\n", doctest.ELLIPSIS)


def test_remarks_are_held_against_values() -> None:
    assert agrees(0.40425, "0.404")
    assert not agrees(0.41, "0.404")
    assert agrees((False, "triton needs a GPU"), "(False, 'triton needs ...')")
    assert not agrees("folded", "'blocked'")
    assert agrees(object(), "what must be known")


# ---- setting up


def test_the_lines_that_set_up_are_two() -> None:
    assert sorted(SETUP_LINES) == [
        'pip install -e ".[test]" && pytest -q -n 2',
        "pip install . && cogattn demo",
    ]


def test_the_check_of_every_change_runs_the_test_command_of_the_readme() -> None:
    text = CI.read_text(encoding="utf-8")
    (script,) = re.findall(r"sed -n '(.*)' README\.md", text)
    picked = subprocess.run(["sed", "-n", script, "README.md"], cwd=ROOT, capture_output=True, text=True)
    assert picked.stdout.splitlines() == [line for line in SETUP_LINES if "pytest" in line]
    assert 'eval "${test_command%%&&*}"' in text
    assert 'eval "${test_command#*&&}"' in text


def test_the_check_of_every_change_installs_and_runs_the_demo() -> None:
    text = CI.read_text(encoding="utf-8")
    assert re.search(r'/bin/pip" install .*/dist/\*\.whl', text)
    assert re.search(r'^installed python3 "\$work/user" ', text, re.MULTILINE)
    assert re.search(r'\$work/user/bin/cogattn" demo ', text)
