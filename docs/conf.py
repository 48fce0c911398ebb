"""The site: pages of docs/, those of the repository's root, the API from what packages export, and the gallery.

``python -m sphinx -W --keep-going docs docs/_build`` builds it, offline; a warning is an error.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx

import cogattn

logging.getLogger("fontTools").setLevel(
    logging.WARNING
)  # the theme's colours open the root logger for everything
ROOT = Path(__file__).resolve().parents[1]

project = "cogattn"
author = "The cogattn developers"
copyright = author
release = version = cogattn.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown", ".markdown": "markdown"}
exclude_patterns = ["_build", "search.md"]
templates_path = ["_templates"]
default_role = "py:obj"

myst_heading_anchors = 4
"""Headings are linked to by the names that a reader of the repository sees."""

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "copyfile_regex": r"own_\w+\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "capture_repr": ("_repr_html_", "__repr__"),
    "reset_modules": ("matplotlib",),
    "parallel": 2,
}

html_theme = "furo"
html_title = "cogattn"
html_copy_source = False


ELSEWHERE = {
    "README.md": "pages/readme",
    "CONTRIBUTING.md": "pages/contributing",
    "CHANGELOG.md": "pages/changelog",
    "SECURITY.md": "pages/security",
    "docs/search.md": "pages/search",
    "docs": "index",
    "examples": "gallery/index",
}
"""Where on the site is what has another name in the repository; ``search`` is the name of the site's own search."""
INCLUDED = {page: ROOT / path for path, page in ELSEWHERE.items() if page.startswith("pages/")}


def links_of_the_repository(app: Sphinx, doctree: nodes.document) -> None:
    """Let links lead on the site to what they lead to in the repository: pages, the gallery, or the file itself."""
    folder = INCLUDED.get(app.env.docname, ROOT / "docs" / "index").parent
    for link in [*doctree.findall(pending_xref), *doctree.findall(download_reference)]:
        if link["reftype"] != "myst":
            continue
        target, _, anchor = link["reftarget"].partition("#")
        if link.get("refdomain"):
            link["reftarget"] = ELSEWHERE.get(f"docs/{target}.md", target)
            continue
        path = (folder / target).resolve()
        if not target or not path.is_relative_to(ROOT) or not path.exists():
            continue
        there = path.relative_to(ROOT).as_posix()
        page = ELSEWHERE.get(there) or app.env.path2doc(path)
        if there.startswith("examples/"):
            page = there.replace("examples", "gallery", 1).removesuffix(".py")
        if page:
            new = pending_xref(refdomain="doc", reftarget=page, reftargetid=anchor or None)
        else:
            new = download_reference(refdomain=None, reftarget=f"/../{there}")
        new.attributes |= {name: link[name] for name in ("refdoc", "reftype", "refexplicit")}
        new.extend(link.children)
        link.replace_self(new)


def skip_type_variables(
    app: Sphinx, what: str, name: str, member: object, skip: bool, options: object
) -> bool:
    """Leave out variables of types, which numpydoc cannot read."""
    return skip or isinstance(member, TypeVar)


def setup(app: Sphinx) -> None:
    """Follow links before files to be downloaded are collected."""
    app.connect("autodoc-skip-member", skip_type_variables)
    app.connect("doctree-read", links_of_the_repository, priority=100)
