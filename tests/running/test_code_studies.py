"""What stales the cells of the real studies, on a copy of the source: the science does, tables and figures do not.

A child process whose path starts with the copy edits definitions and asks for the digests.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cogattn

pytestmark = pytest.mark.slow

ROOT = Path(cogattn.__file__).resolve().parents[1]
FOLDERS = ("cogattn", "psychophysics", "eeg", "kernels", "apps")
STUDIES = {
    "masking": "cogattn.psychophysics.masking.study:MaskingStudy",
    "naming": "cogattn.psychophysics.naming.study:NamingStudy",
    "search": "cogattn.psychophysics.search.study:SearchStudy",
    "scanpath": "cogattn.psychophysics.scanpath.study:ScanpathStudy",
    "aad": "cogattn.eeg.aad.study:AadStudy",
    "efr": "cogattn.eeg.efr.study:EfrStudy",
    "rehearsal": "cogattn.rehearsal.study:RehearsalStudy",
}
CHILD = """
import json, pathlib, sys
from cogattn.running import code
from cogattn.running.identity import cell_code
root = pathlib.Path(sys.argv[1])
assert pathlib.Path(code.__file__).is_relative_to(root)
studies, science, harmless = json.load(sys.stdin)
before = {name: cell_code(target) for name, target in studies.items()}
def stale(*edits):
    kept = {file: (root / file).read_text() for file, _ in edits}
    for file, text in edits:
        (root / file).write_text(text)
    after = {name: cell_code(target) for name, target in studies.items()}
    for file, text in kept.items():
        (root / file).write_text(text)
    for name in studies:
        assert (after[name].sha256 == before[name].sha256) == (after[name].parts == before[name].parts)
    return {name: code.changed(before[name].parts, after[name].parts) for name in studies}
together = stale(*harmless)
alone = [[name for name, parts in stale(edit).items() if parts] if any(together.values()) else [] for edit in harmless]
print(json.dumps([stale(*science), alone]))
"""
"""All edits of the science are made at once: the parts of a digest that differ tell whom each of them stales. Those
that should stale nothing are made together, too; one by one only where they do."""

STALING = [
    ("cogattn/seeds.py", "Streams", ["masking", "naming", "search", "scanpath", "aad", "efr", "rehearsal"]),
    ("psychophysics/masking/stimuli/noise.py", "unit_noise", ["masking"]),
    ("psychophysics/masking/stimuli/noise.py", "BINS_PER_OCTAVE", ["masking"]),
    ("psychophysics/masking/study.py", "MaskingStudy.run_cell", ["masking"]),
    ("cogattn/observers/naming.py", "build_namer", ["masking", "naming"]),
    ("cogattn/vision/images/procedural.py", "draw_conflict", ["naming"]),
    ("psychophysics/naming/robustness.py", "pgd", ["naming"]),
    ("psychophysics/naming/conflicts.py", "DrawnConflicts", ["naming"]),
    ("psychophysics/search/searchers/templates.py", "EPSILON", ["search"]),
    ("psychophysics/search/multiverse/trials.py", "choices_of", ["search"]),
    ("psychophysics/search/natural/trials.py", "run", ["search"]),
    ("psychophysics/search/eccnet/trials.py", "run", ["search"]),
    ("kernels/folding.py", "fold_batch_norms", ["search", "scanpath"]),
    ("cogattn/attention/transformer.py", "ObjectDecoder", ["scanpath"]),
    ("cogattn/vision/scenes/reading.py", "read_scenes", ["search", "scanpath"]),
    ("psychophysics/scanpath/models/training.py", "fit", ["scanpath"]),
    ("psychophysics/scanpath/models/history.py", "RECENCY", ["scanpath"]),
    ("psychophysics/scanpath/baselines/choice.py", "RIDGES", ["scanpath"]),
    ("psychophysics/scanpath/metrics.py", "sequence_score", ["scanpath"]),
    ("psychophysics/scanpath/splitting.py", "split_of", ["scanpath"]),
    ("eeg/aad/leave_out.py", "MAX_STEPS", ["aad"]),
    ("eeg/efr/spectra.py", "welch_segments", ["efr"]),
    ("eeg/recordings/readers.py", None, ["aad", "efr"]),
    ("cogattn/rehearsal/needs.py", "PowerLaw", ["rehearsal"]),
    ("cogattn/rehearsal/quotas.py", "quota", ["rehearsal"]),
    ("cogattn/rehearsal/schedules.py", "plan_phases", ["rehearsal"]),
    ("cogattn/rehearsal/stacked.py", "train_stack", ["rehearsal"]),
    ("cogattn/rehearsal/training.py", "train", ["rehearsal"]),
    ("cogattn/rehearsal/penalties.py", "EWC", ["rehearsal"]),
    ("cogattn/rehearsal/scenarios/permuted.py", "OF_DIGITS", ["rehearsal"]),
    ("cogattn/rehearsal/trees/learning.py", "run", ["rehearsal"]),
    ("cogattn/rehearsal/transfer/learning.py", "run", ["rehearsal"]),
]
"""File, definition (all of them: None), and the studies whose cells it makes stale."""
HARMLESS = [
    *(f"{folder}/{name}" for folder in ("psychophysics/masking", "psychophysics/naming", "eeg/aad", "eeg/efr")
      for name in ("summary.py", "figures.py")),
    *(f"psychophysics/search/{name}" for name in ("summary.py", "figures/asymmetry.py", "multiverse/summary.py",
      "natural/summary.py", "natural/figures.py")),
    *(f"psychophysics/scanpath/{name}" for name in ("summary.py", "remarks.py", "figures/paths.py", "worth.py",
      "costs.py", "checks.py")),
    *(f"cogattn/rehearsal/{name}" for name in ("summary.py", "claims.py", "tables.py", "trained.py", "remarks.py",
      "people.py", "costs.py", "checks.py", "figures/matrices.py", "figures/needs.py", "trees/summary.py",
      "trees/figures.py", "transfer/summary.py", "transfer/figures.py")),
    "psychophysics/scanpath/rehearsed.py", "eeg/aad/rehearsed.py",
    *(f"psychophysics/naming/{name}" for name in ("likeness.py", "remarks.py", "consistency.py", "shape_bias.py",
      "checks.py")),
    "psychophysics/masking/people.py", "psychophysics/search/people.py", "cogattn/figures.py", "cogattn/cli/runs.py",
    "cogattn/cli/__init__.py", "cogattn/running/store.py",
]  # fmt: skip


def changed_source(source: str, name: str | None = None) -> str:
    """Return `source` with one more statement in a function, class or method, or another value of a constant."""
    lines = source.splitlines()
    tree = ast.parse(source)
    nodes = [node for node in ast.walk(tree) if name is None or _is(node, name, tree)]
    changed = 0
    for node in sorted(nodes, key=lambda node: -getattr(node, "lineno", 0)):
        if isinstance(node, ast.Assign) and name:
            lines[node.value.lineno - 1 : node.value.end_lineno] = [
                f"{name} = ({ast.unparse(node.value)}, 1)"
            ]
            changed += 1
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.body[0].lineno > node.lineno:
            first = node.body[0]
            start = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
            lines.insert(start - 1, " " * first.col_offset + "changed_by_the_test = 1")
            changed += 1
    assert changed, f"the source must define {name}"
    text = "\n".join(lines) + "\n"
    assert ast.dump(ast.parse(text)) != ast.dump(tree)
    return text


def _is(node: ast.AST, name: str, tree: ast.Module) -> bool:
    owner, _, member = name.rpartition(".")
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == owner]
    inside = classes[0].body if owner else tree.body
    targets = [getattr(target, "id", "") for target in getattr(node, "targets", [])]
    return node in inside and member in (getattr(node, "name", ""), *targets)


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Parts of each study's digest that edits of the science change, and studies that harmless edits stale, by file."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    science: dict[str, str] = {}
    for file, name, _ in STALING:
        science[file] = changed_source(science.get(file) or (ROOT / file).read_text(), name)
    harmless = {file: changed_source((ROOT / file).read_text()) for file in HARMLESS}
    given = json.dumps([STUDIES, list(science.items()), list(harmless.items())])
    command = [sys.executable, "-c", CHILD, str(copy)]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    said = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, cwd=copy)
    assert said.returncode == 0, said.stderr
    changed, alone = json.loads(said.stdout)
    return changed, dict(zip(HARMLESS, alone, strict=True))


def _is_part(part: str, file: str, name: str | None) -> bool:
    """Whether a part of a digest is, or belongs to, a definition of a file (any of it: None)."""
    module, _, label = part.partition(":")
    path = file.removesuffix(".py").removeprefix("cogattn/").replace("/", ".")
    return module == f"cogattn.{path}" and (name is None or f"{label}.".startswith(f"{name}."))


@pytest.mark.parametrize(("file", "name", "studies"), STALING)
def test_a_change_of_the_science_makes_cells_stale(
    stale: tuple[dict[str, list[str]], dict[str, list[str]]], file: str, name: str | None, studies: list[str]
) -> None:
    found = [study for study, parts in stale[0].items() if any(_is_part(part, file, name) for part in parts)]
    assert found == studies


@pytest.mark.parametrize("file", HARMLESS)
def test_a_change_of_tables_figures_and_commands_leaves_cells_fresh(
    stale: tuple[dict[str, list[str]], dict[str, list[str]]], file: str
) -> None:
    assert stale[1][file] == []
