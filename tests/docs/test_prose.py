"""What a page says in passing is there: settings, commands, modules, files, pictures, and other pages."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from cogattn.cli import HOUSE_COMMANDS
from cogattn.errors import CogattnError
from cogattn.fields import flat_fields
from cogattn.registry import load_study, study_entry_points
from cogattn.testing.conformance import RESERVED_FLAGS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
HOUSE_FLAGS = {f"--{name.replace('_', '-')}" for name in RESERVED_FLAGS} | {"--version", "--deep", "--study"}
HOUSE_FLAGS |= {
    "--install-completion",
    "--observer",
    "--since",
    "--state",
    "--against",
    "--where",
    "--explain",
    "--by",
    "--control",
    "--leave-out-families",
    "--from",
    "--to",
    "--run",
    "--any-settings",
    "--author",
    "--agent",
    "--licence",
    "--html",
    "--csv",
    "--list",
    "--dry-run",
    "--beat",
    "--array",
    "--gpus",
    "--time",
    "--partition",
}
page_by_page = pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: page.name)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def named(page: Path) -> list[str]:
    """What stands between single backticks."""
    return [" ".join(text.split()) for text in re.findall(r"`([^`]+)`", prose(page))]


def settings_of(page: Path) -> set[str]:
    """Dotted paths of all settings of the page's study; of all studies on a page of none."""
    names = [page.stem] if page.stem in study_entry_points() else list(study_entry_points())
    return {field.path for name in names for field in flat_fields(load_study(name).Config)}


def flags_of(path: str) -> set[str]:
    *groups, last = path.replace("_", "-").split(".")
    short = {f"--{'.'.join(groups)}"} if last == "path" else set()
    return {f"--{'.'.join([*groups, last])}", f"--{'.'.join([*groups, f'no-{last}'])}"} | short


@page_by_page
def test_flags_are_those_of_the_command(page: Path) -> None:
    known = HOUSE_FLAGS.union(*(flags_of(path) for path in settings_of(page)))
    texts = [
        text
        for text in named(page)
        if not re.match(r"(python|pip|pytest|git|sbatch|([A-Z_]+=\S+ )?dask)\b", text)
    ]
    flags = {flag for text in texts for flag in re.findall(r"(?<!\S)--[\w.-]+", text)}
    assert sorted(flags - known) == []


@page_by_page
def test_settings_are_those_of_the_study(page: Path) -> None:
    known = settings_of(page)
    groups = {path.partition(".")[0] for path in known if "." in path}
    dotted = {match[0] for text in named(page) if (match := re.match(r"[a-z_]+\.[a-z0-9_.]+(?=$| =)", text))}
    files = {name for name in dotted if re.search(r"\.(csv|json|toml|npy|parquet|tsv|py)$", name)}
    assert sorted(name for name in dotted - files - known if name.partition(".")[0] in groups) == []


@page_by_page
def test_commands_are_there(page: Path) -> None:
    commands = {match[1] for text in named(page) if (match := re.match(r"cogattn (\w+)\b(?!:)", text))}
    assert sorted(commands - {*study_entry_points(), *HOUSE_COMMANDS}) == []


def names_of_python(page: Path) -> list[str]:
    """Dotted names of our modules and what is in them; a call's brackets are left out."""
    found = (re.match(r"(cogattn(?:\.\w+)+)(?:$|\()", text) for text in named(page))
    entry_points = {"cogattn.studies", "cogattn.datasets", "cogattn.executors"}
    return sorted({match[1] for match in found if match} - entry_points)


@page_by_page
def test_modules_and_what_is_in_them_are_there(page: Path) -> None:
    assert [name for name in names_of_python(page) if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether a dotted name can be imported, or is an attribute of what can."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return bool(module) and hasattr(importlib.import_module(module), attribute)
    except CogattnError:
        return False
    return True


@page_by_page
def test_files_of_the_repository_are_there(page: Path) -> None:
    pattern = r"(?:^|\s)((?:benchmarks|cogattn|tests|docs|eeg|kernels|psychophysics|apps)/[\w./*-]+\.\w+)"
    files = {file for text in named(page) for file in re.findall(pattern, text)}
    assert sorted(file for file in files if not list(ROOT.glob(file))) == []


@page_by_page
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose(page))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_names_are_found() -> None:
    (search,) = [page for page in PAGES if page.name == "search.md"]
    assert "cogattn.psychophysics.search.DIETS" in names_of_python(search)
    assert any(text.startswith("--") for text in named(search))
    assert exists("cogattn.psychophysics.search.DIETS")
    assert not exists("cogattn.psychophysics.search.MEALS")
    assert flags_of("noise.n_bands") == {"--noise.n-bands", "--noise.no-n-bands"}
