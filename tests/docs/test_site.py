"""The site has every page, every export and every example, and is built without a warning."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
SCRIPTS = sorted(path for path in EXAMPLES.rglob("*.py") if "runs" not in path.parts)
ABOUT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CITATION.cff")


def entries(page: Path, directive: str) -> list[str]:
    """What the blocks of a directive list, without options and titles."""
    blocks = re.findall(
        rf"^\.\. {directive}::.*\n((?:[ \t]+.*\n|\n)+)", page.read_text(encoding="utf-8"), re.M
    )
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [re.sub(r".*<(.*)>$", r"\1", line) for line in lines if line and not line.startswith(":")]


def test_every_page_is_in_the_table_of_contents_once() -> None:
    """By itself, or through a page that includes it."""
    including = sorted(DOCS.glob("pages/*.markdown"))
    included = [re.findall(r"\{include\} (.*)", page.read_text(encoding="utf-8")) for page in including]
    files = {(DOCS / "pages" / file).resolve() for (file,) in included}
    assert files >= {ROOT / name for name in ABOUT if name.endswith(".md")}
    pages = [*including, *(path for path in DOCS.glob("*.md") if path not in files)]
    names = [page.relative_to(DOCS).with_suffix("").as_posix() for page in pages]
    assert sorted(entries(DOCS / "index.rst", "toctree")) == sorted([*names, "api", "gallery/index"])


def test_every_package_that_exports_is_in_the_reference() -> None:
    stubs = [
        path for folder in ("cogattn", "eeg", "psychophysics") for path in (ROOT / folder).rglob("*.pyi")
    ]
    folders = [stub.parent.relative_to(ROOT).parts for stub in stubs]
    packages = {".".join(parts if parts[0] == "cogattn" else ("cogattn", *parts)) for parts in folders}
    listed = entries(DOCS / "api.rst", "autosummary")
    assert sorted({*packages, "cogattn.kernels"} - {*listed}) == []
    assert [name for name in listed if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_example_is_a_page_of_the_gallery(script: Path) -> None:
    """A folder without a header, or a script without a title, would be left out or be an error."""
    assert (script.parent / "GALLERY_HEADER.rst").is_file()
    first, title, rule, blank = script.read_text(encoding="utf-8").splitlines()[:4]
    assert first == '"""'
    assert rule == "=" * len(title)
    assert blank == ""


def test_the_gallery_has_what_a_user_brings_and_a_dozen_pictures() -> None:
    brought = {path.stem for path in EXAMPLES.glob("own_*.py")}
    assert brought >= {"own_network", "own_images", "own_people", "own_recordings", "own_study"}
    assert len(list(EXAMPLES.glob("pictures/*.py"))) >= 12


class Page(HTMLParser):
    """Where a page leads, what can be led to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.leads: set[str] = set()
        self.anchors: set[str] = set()
        self.loads: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        links = {given[name] for name in ("href", "src") if given.get(name)}
        self.leads |= links
        self.loads |= links if tag != "a" else set()


def pages_of(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def dead_links(site: Path) -> list[str]:
    """Links of all pages to what is not on the site."""
    pages = pages_of(site)
    dead = []
    for path, page in pages.items():
        for lead in page.leads:
            where = urlsplit(lead)
            if where.scheme or where.netloc:
                continue
            target = (path.parent / unquote(where.path)).resolve() if where.path else path
            there = target.exists() and (
                not where.fragment or target not in pages or unquote(where.fragment) in pages[target].anchors
            )
            dead += [] if there else [f"{path.relative_to(site)}: {lead}"]
    return dead


def loaded_from_elsewhere(site: Path) -> set[str]:
    """Scripts, styles and pictures of other servers."""
    return {lead for page in pages_of(site).values() for lead in page.loads if urlsplit(lead).netloc}


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="here"></h1><a href="b.html#there"></a><a href="#here"></a>')
    (tmp_path / "b.html").write_text('<p id="there"><a href="a.html#gone"></a><img src="c.png"></p>')
    assert sorted(dead_links(tmp_path)) == ["b.html: a.html#gone", "b.html: c.png"]


def test_what_is_loaded_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="https://b.org/page"></a><script src="https://b.org/x.js"></script>'
    )
    assert loaded_from_elsewhere(tmp_path) == {"https://b.org/x.js"}


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(
    importlib.util.find_spec("sphinx") is None and not os.environ.get("CI"), reason="needs cogattn[docs]"
)
def test_the_site_is_built_without_a_warning_is_whole_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    left_out = shutil.ignore_patterns("_build", "api", "gallery", "runs", "__pycache__")
    for folder in (DOCS, EXAMPLES):
        shutil.copytree(folder, tmp_path / folder.name, ignore=left_out)
    for name in ABOUT:
        shutil.copy(ROOT / name, tmp_path / name)
    site = tmp_path / "site"
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(site)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr[-5000:]
    assert dead_links(site) == []
    assert loaded_from_elsewhere(site) == set()
    for script in SCRIPTS:
        page = (
            (site / "gallery" / script.relative_to(EXAMPLES)).with_suffix(".html").read_text(encoding="utf-8")
        )
        assert "sphx-glr-script-out" in page or "sphx-glr-single-img" in page, script.name
