"""What a function reaches changes its digest, and nothing else does.

Each case is a small package that is never imported, an edit of it, and whether the digest must notice. Where a case
says what must not be noticed, too, an implementation that simply takes in every file fails it.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cogattn.errors import StoreError
from cogattn.running.code import CodeDigest, changed, code_digest

Edit = tuple[str, str, str]
"""File, old text, new text."""
STUDY = "class Study:\n    def run_cell(self, config):\n        return {}\n    def summarise(self):\n        return 1\n"


@dataclass
class Lab:
    """A folder on the path with the source of a package ``lab``."""

    root: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()

    def edit(self, edit: Edit) -> None:
        name, old, new = edit
        text = (self.root / name).read_text()
        assert text.count(old) == 1, f"{old!r} must be once in {name}"
        (self.root / name).write_text(text.replace(old, new))

    def noticed(self, edit: Edit, target: str) -> list[str]:
        """Parts that an edit changes; it is undone afterwards."""
        before = code_digest(target)
        kept = (self.root / edit[0]).read_text()
        self.edit(edit)
        after = code_digest(target)
        (self.root / edit[0]).write_text(kept)
        assert (before.sha256 == after.sha256) == (not changed(before.parts, after.parts))
        return changed(before.parts, after.parts)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    (tmp_path / "path").mkdir()
    return Lab(tmp_path / "path")


@dataclass
class Case:
    """Files of a package, an edit that its entry must notice, and edits that it must not."""

    claim: str
    files: dict[str, str]
    edit: Edit
    unseen: list[Edit] = field(default_factory=list)
    target: str = "lab.study:run"


def entry(body: str, *, top: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"{top}\n\n\ndef run():\n{lines}\n\n\ndef figure():\n    return 'red'\n"


FIGURE: Edit = ("lab/study.py", "'red'", "'blue'")

REACHED = [
    Case(
        "a constant used three calls deep",
        {
            "lab/study.py": entry("return one()", top="from lab.steps import one"),
            "lab/steps.py": "from lab.deep import two\ndef one():\n    return two()\ndef other():\n    return 8\n",
            "lab/deep.py": "GAIN = 3\nLOSS = 5\ndef two():\n    return three()\ndef three():\n    return GAIN\n",
        },
        ("lab/deep.py", "GAIN = 3", "GAIN = 4"),
        [FIGURE, ("lab/deep.py", "LOSS = 5", "LOSS = 6"), ("lab/steps.py", "return 8", "return 9")],
    ),
    Case(
        "a constant computed from another",
        {"lab/study.py": entry("return B", top="A = 1\nB = A + 1\nC = A + B\n")},
        ("lab/study.py", "A = 1", "A = 2"),
        [FIGURE, ("lab/study.py", "C = A + B", "C = A * B")],
    ),
    Case(
        "a method of a class that is made",
        {
            "lab/study.py": entry(
                "model = Model()\nreturn model.respond()", top="from lab.model import Model"
            ),
            "lab/model.py": "class Model:\n    def respond(self):\n        return 1\nclass Other:\n    x = 2\n",
        },
        ("lab/model.py", "return 1", "return 2"),
        [("lab/model.py", "x = 2", "x = 3")],
    ),
    Case(
        "a method of the base of a class that is made",
        {
            "lab/study.py": entry("return Model().respond()", top="from lab.model import Model"),
            "lab/model.py": "import lab.base as b\nclass Model(b.Base):\n    pass\n",
            "lab/base.py": "class Base:\n    def respond(self):\n        return 1\nclass Other:\n    x = 2\n",
        },
        ("lab/base.py", "return 1", "return 2"),
        [("lab/base.py", "x = 2", "x = 3")],
    ),
    Case(
        "a nested function",
        {
            "lab/study.py": entry(
                "def inner():\n    return helper()\nreturn inner", top="def helper():\n    return 1"
            )
        },
        ("lab/study.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a default argument",
        {"lab/study.py": "START = 1\nSTOP = 2\ndef run(start=START):\n    return start\n"},
        ("lab/study.py", "START = 1", "START = 3"),
        [("lab/study.py", "STOP = 2", "STOP = 3")],
    ),
    Case(
        "a decorator's argument",
        {
            "lab/study.py": "from functools import lru_cache\nSIZE = 1\n@lru_cache(SIZE)\ndef run():\n    return 1\n"
        },
        ("lab/study.py", "SIZE = 1", "SIZE = 3"),
    ),
    Case(
        "an import inside the function",
        {
            "lab/study.py": entry("from . import steps\nreturn steps.one()"),
            "lab/steps.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [("lab/steps.py", "return 8", "return 9"), FIGURE],
    ),
    Case(
        "a module's attribute under another name",
        {
            "lab/study.py": entry("return s.deep.one()", top="import lab.steps as s"),
            "lab/steps.py": "from lab import deep\n",
            "lab/deep.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/deep.py", "return 1", "return 2"),
        [("lab/deep.py", "return 8", "return 9")],
    ),
    Case(
        "a full dotted name",
        {
            "lab/study.py": entry("return lab.sub.steps.one()", top="import lab.sub.steps"),
            "lab/sub/__init__.py": "",
            "lab/sub/steps.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/sub/steps.py", "return 1", "return 2"),
        [("lab/sub/steps.py", "return 8", "return 9")],
    ),
    Case(
        "getattr on a module",
        {
            "lab/study.py": entry(
                "return getattr(steps, config)()", top="from lab import steps\nconfig = 'x'"
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a module that is passed on",
        {
            "lab/study.py": entry("m = steps\nreturn m.one()", top="from lab import steps"),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "a name that a lazy package hands out by its stub",
        {
            "lab/study.py": entry("return one()", top="from lab.sub import one"),
            "lab/sub/__init__.py": (
                "import lazy_loader\n__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)\n"
            ),
            "lab/sub/__init__.pyi": "from .steps import one as one\nfrom .other import two as two\n",
            "lab/sub/steps.py": "def one():\n    return 1\n",
            "lab/sub/other.py": "def two():\n    return 8\n",
        },
        ("lab/sub/steps.py", "return 1", "return 2"),
        [("lab/sub/other.py", "return 8", "return 9")],
    ),
    Case(
        "a name that a lazy package hands out by a table",
        {
            "lab/study.py": entry("return sub.one()", top="from lab import sub"),
            "lab/sub/__init__.py": (
                "import lazy_loader as lazy\n"
                "__getattr__, __dir__, _ = lazy.attach(__name__, submod_attrs={'steps': ['one'], 'other': ['two']})\n"
            ),
            "lab/sub/steps.py": "def one():\n    return 1\n",
            "lab/sub/other.py": "def two():\n    return 8\n",
        },
        ("lab/sub/steps.py", "return 1", "return 2"),
        [("lab/sub/other.py", "return 8", "return 9")],
    ),
    Case(
        "what a package's own __getattr__ may find",
        {
            "lab/study.py": entry("return sub.one()", top="from lab import sub"),
            "lab/sub/__init__.py": "def __getattr__(name):\n    return load(name)\n",
            "lab/sub/steps.py": "def one():\n    return 1\n",
        },
        ("lab/sub/steps.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a name of a star import",
        {
            "lab/study.py": entry("return one()", top="from lab.steps import *"),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a name that a package re-exports by a star",
        {
            "lab/study.py": entry("return sub.one()", top="from lab import sub"),
            "lab/sub/__init__.py": "from lab.sub.steps import *\n",
            "lab/sub/steps.py": "def one():\n    return 1\n",
        },
        ("lab/sub/steps.py", "return 1", "return 2"),
    ),
    Case(
        "a registry filled by a decorator",
        {
            "lab/study.py": entry(
                "return TABLE['a']()", top="import lab.plugins\nfrom lab.registry import TABLE"
            ),
            "lab/registry.py": "TABLE = {}\ndef register(f):\n    TABLE['a'] = f\n    return f\n",
            "lab/plugins.py": (
                "from lab.registry import register\n@register\ndef one():\n    return 1\ndef two():\n    return 8\n"
            ),
        },
        ("lab/plugins.py", "return 1", "return 2"),
        [("lab/plugins.py", "return 8", "return 9")],
    ),
    Case(
        "a registry filled by __init_subclass__",
        {
            "lab/study.py": entry(
                "return Base.made['a']()", top="import lab.plugins\nfrom lab.registry import Base"
            ),
            "lab/registry.py": (
                "class Base:\n    made = {}\n    def __init_subclass__(cls):\n        cls.made['a'] = cls\n"
            ),
            "lab/plugins.py": "from lab.registry import Base\nclass A(Base):\n    x = 1\nclass B:\n    y = 8\n",
        },
        ("lab/plugins.py", "x = 1", "x = 2"),
        [("lab/plugins.py", "y = 8", "y = 9")],
    ),
    Case(
        "a registry filled by a metaclass",
        {
            "lab/study.py": entry(
                "return Meta.made", top="import lab.plugins\nfrom lab.registry import Meta"
            ),
            "lab/registry.py": "class Meta(type):\n    made = []\n",
            "lab/plugins.py": "from lab.registry import Meta\nclass A(metaclass=Meta):\n    x = 1\n",
        },
        ("lab/plugins.py", "x = 1", "x = 2"),
    ),
    Case(
        "a registry filled by a call in an assignment",
        {
            "lab/study.py": entry(
                "return TABLE['a']()", top="import lab.plugins\nfrom lab.registry import TABLE"
            ),
            "lab/registry.py": "TABLE = {}\ndef register(f):\n    TABLE['a'] = f\n    return f\n",
            "lab/plugins.py": (
                "from lab.registry import register\ndef one():\n    return 1\nUNUSED = register(one)\nOTHER = 8\n"
            ),
        },
        ("lab/plugins.py", "return 1", "return 2"),
        [("lab/plugins.py", "OTHER = 8", "OTHER = 9")],
    ),
    Case(
        "an object that enters itself in a registry when it is made",
        {
            "lab/study.py": entry(
                "return ALL[0].gain", top="import lab.plugins\nfrom lab.registry import ALL"
            ),
            "lab/registry.py": "ALL = []\nclass Item:\n    def __init__(self, gain):\n        ALL.append(self)\n",
            "lab/plugins.py": "from lab.registry import Item\nITEM = Item(1)\nOTHER = 8\n",
        },
        ("lab/plugins.py", "Item(1)", "Item(2)"),
        [("lab/plugins.py", "OTHER = 8", "OTHER = 9")],
    ),
    Case(
        "an implementation registered for a type",
        {
            "lab/study.py": (
                "from functools import singledispatch\n@singledispatch\ndef run(x):\n    return 0\n"
                "@run.register\ndef _(x: int):\n    return 1\ndef figure():\n    return 'red'\n"
            ),
        },
        ("lab/study.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a subclass that is found by __subclasses__",
        {
            "lab/study.py": entry(
                "return Base.__subclasses__()[0].x", top="import lab.a\nfrom lab.base import Base"
            ),
            "lab/base.py": "class Base:\n    pass\n",
            "lab/a.py": "from lab.base import Base\nclass A(Base):\n    x = 1\n",
        },
        ("lab/a.py", "x = 1", "x = 2"),
        [FIGURE],
    ),
    Case(
        "a statement of a module that is imported for its effects",
        {
            "lab/study.py": entry("import lab.effects\nreturn TABLE", top="from lab.registry import TABLE"),
            "lab/registry.py": "TABLE = {}\n",
            "lab/effects.py": "import lab.more\nX = 5\n",
            "lab/more.py": "from lab.registry import TABLE\nTABLE['gain'] = 1\nOTHER = 8\n",
        },
        ("lab/more.py", "'gain'] = 1", "'gain'] = 2"),
        [("lab/more.py", "OTHER = 8", "OTHER = 9"), ("lab/effects.py", "X = 5", "X = 6")],
    ),
    Case(
        "a statement of the package that a module lies in",
        {"lab/study.py": entry("return 1"), "lab/__init__.py": "import os\nos.environ['GAIN'] = '1'\n"},
        ("lab/__init__.py", "'1'", "'2'"),
    ),
    Case(
        "a function defined under a condition",
        {
            "lab/study.py": entry(
                "return one()",
                top="import sys\nif sys.platform == 'x':\n    def one():\n        return 1\nelse:\n    one = None",
            )
        },
        ("lab/study.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a fallback of an import that may fail",
        {
            "lab/study.py": entry(
                "return one()",
                top="try:\n    from fast import one\nexcept ImportError:\n    from lab.slow import one",
            ),
            "lab/slow.py": "def one():\n    return 1\n",
        },
        ("lab/slow.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a module imported by a constant name",
        {
            "lab/study.py": entry(
                "return import_module('.steps', __package__).one()",
                top=("from importlib import import_module"),
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "a module imported by a name that is put together",
        {
            "lab/study.py": entry(
                "name = f'lab.{config}'\nreturn importlib.import_module(name).one()",
                top="import importlib\nconfig = 1",
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "a module imported by a name that a caller puts together",
        {
            "lab/study.py": entry(
                "return load(f'lab.steps_{config}')", top="from lab.load import load\nconfig = 1"
            ),
            "lab/load.py": "import importlib\ndef load(name):\n    return importlib.import_module(name)\n",
            "lab/steps_a.py": "def one():\n    return 1\n",
        },
        ("lab/steps_a.py", "return 1", "return 2"),
    ),
    Case(
        "a module imported by a name that is put together of nothing known",
        {
            "lab/study.py": entry(
                "return importlib.import_module(PACKAGE + config).one()",
                top="import importlib\nPACKAGE = __package__\nconfig = '1'",
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "import_module under another name",
        {
            "lab/study.py": entry(
                "return get(config)", top="from importlib import import_module as get\nconfig = ''"
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "import_module under another name in a function",
        {
            "lab/study.py": entry(
                "from importlib import import_module as get\nreturn get(config)", top="config = ''"
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "import_module handed on",
        {
            "lab/study.py": entry(
                "return map(il.import_module, config)", top="import importlib as il\nconfig = ''"
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "a global that another function makes",
        {
            "lab/study.py": "def run():\n    return GAIN\ndef fill():\n    global GAIN\n    GAIN = 1\n",
        },
        ("lab/study.py", "GAIN = 1", "GAIN = 2"),
    ),
    Case(
        "an object that enters a value in a registry when it is made",
        {
            "lab/study.py": entry("return ALL[0]", top="import lab.plugins\nfrom lab.registry import ALL"),
            "lab/registry.py": "ALL = []\nclass Item:\n    def __init__(self, gain):\n        ALL.append(gain)\n",
            "lab/plugins.py": "from lab.registry import Item\nITEM = Item(1)\nOTHER = 8\n",
        },
        ("lab/plugins.py", "Item(1)", "Item(2)"),
        [("lab/plugins.py", "OTHER = 8", "OTHER = 9")],
    ),
    Case(
        "a target in a text",
        {
            "lab/study.py": entry("return load('lab.steps:one')", top="from lab.load import load"),
            "lab/load.py": "def load(text):\n    return text\n",
            "lab/steps.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [("lab/steps.py", "return 8", "return 9")],
    ),
    Case(
        "a module in a table of texts",
        {
            "lab/study.py": entry(
                "return load(TABLE['a'])", top="TABLE = {'a': '.steps'}\ndef load(x): return x"
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "globals looked up by name",
        {"lab/study.py": "def run(name):\n    return globals()[name]()\ndef one():\n    return 1\n"},
        ("lab/study.py", "return 1", "return 2"),
    ),
    Case(
        "a file of data that is named",
        {
            "lab/study.py": entry(
                "return files('lab').joinpath('data', 'table.csv').read_text()",
                top="from importlib.resources import files",
            ),
            "lab/data/table.csv": "1,2",
            "lab/data/other.csv": "3,4",
        },
        ("lab/data/table.csv", "1", "7"),
        [("lab/data/other.csv", "3", "7")],
    ),
    Case(
        "a file of data named by its path",
        {
            "lab/study.py": entry(
                "return Path(__file__).with_name('data/table.csv')", top="from pathlib import Path"
            ),
            "lab/data/table.csv": "1,2",
            "lab/data/other.csv": "3,4",
        },
        ("lab/data/table.csv", "1", "7"),
        [("lab/data/other.csv", "3", "7")],
    ),
    Case(
        "files of data named by a pattern",
        {
            "lab/study.py": entry("return open(f'{HERE}/data/{run}_words.txt')", top="HERE = '.'"),
            "lab/data/a_words.txt": "1,2",
            "lab/data/other.csv": "3,4",
        },
        ("lab/data/a_words.txt", "1", "7"),
        [("lab/data/other.csv", "3", "7")],
    ),
    Case(
        "all files of data where the name is unknown",
        {
            "lab/study.py": entry(
                "return files('lab').joinpath('data', name)", top="name = str(3)\nfiles = 1"
            ),
            "lab/data/deep/table.csv": "1,2",
        },
        ("lab/data/deep/table.csv", "1", "7"),
        [FIGURE],
    ),
    Case(
        "a file beside the module",
        {"lab/study.py": entry("return 'kernel.cu'"), "lab/kernel.cu": "x = 1", "lab/other.cu": "x = 2"},
        ("lab/kernel.cu", "x = 1", "x = 3"),
        [("lab/other.cu", "x = 2", "x = 3")],
    ),
    Case(
        "a class that is only matched",
        {
            "lab/study.py": entry(
                "match run:\n    case Kind(x=1):\n        return 2", top="class Kind:\n    x = 1\n    y = 7"
            )
        },
        ("lab/study.py", "y = 7", "y = 8"),
        [FIGURE],
    ),
    Case(
        "a global read in a comprehension, a lambda and a walrus",
        {
            "lab/study.py": entry(
                "f = lambda x: x + A\nif (y := B):\n    return [x * C for x in (D, f(y))]",
                top="A = 1\nB = 2\nC = 3\nD = 41",
            )
        },
        ("lab/study.py", "D = 41", "D = 42"),
        [FIGURE],
    ),
    Case(
        "a global that an inner function declares, whatever the outer one calls so",
        {
            "lab/study.py": entry(
                "gain = 2\ndef inner():\n    global gain\n    return gain\nreturn inner()", top="gain = 41"
            )
        },
        ("lab/study.py", "gain = 41", "gain = 42"),
        [FIGURE],
    ),
    Case(
        "the class of a field of settings",
        {
            "lab/study.py": (
                "from lab.config import Config\ndef run(config: Config):\n    return config.noise.power()\n"
            ),
            "lab/config.py": "from lab.noise import Noise\nclass Config:\n    noise: 'Noise | None' = None\n",
            "lab/noise.py": "class Noise:\n    def power(self):\n        return 1\nclass Other:\n    x = 8\n",
        },
        ("lab/noise.py", "return 1", "return 2"),
        [("lab/noise.py", "x = 8", "x = 9")],
    ),
    Case(
        "where a name of somebody else is imported from",
        {"lab/study.py": entry("return lfilter()", top="from scipy.signal import lfilter, welch")},
        ("lab/study.py", "from scipy.signal import lfilter", "from scipy.ndimage import lfilter"),
        [FIGURE, ("lab/study.py", ", welch", ", hilbert")],
    ),
    Case(
        "where a name of ours is imported from",
        {
            "lab/study.py": entry("return one()", top="from lab.a import one"),
            "lab/a.py": "def one():\n    return 1\n",
            "lab/b.py": "def one():\n    return 2\n",
        },
        ("lab/study.py", "lab.a", "lab.b"),
    ),
    Case(
        "a name that another module must have put there",
        {
            "lab/study.py": entry("return lab.steps.one()", top="import lab.steps"),
            "lab/steps.py": (
                "def fill(name):\n    globals()[name] = lambda: 1\nfor name in ('one',):\n    fill(name)\n"
            ),
        },
        ("lab/steps.py", "lambda: 1", "lambda: 2"),
        [FIGURE],
    ),
]

MADE_BASE = "def base(n):\n    class B:\n        def {}(self):\n            return {}\n    return B\n"
REGISTRY = "FOUND = []\ndef keep(x):\n    FOUND.append(x)\n    return x\n"
READS_REGISTRY = entry("return FOUND", top="from lab.registry import FOUND\nimport lab.parts")
RUN_AT_IMPORT = [
    Case(
        "a statement that moves above a copy of what it changes",
        {"lab/study.py": entry("return COPY", top="A = {}\nCOPY = dict(A)\nA['b'] = 2\n")},
        ("lab/study.py", "COPY = dict(A)\nA['b'] = 2\n", "A['b'] = 2\nCOPY = dict(A)\n"),
        [FIGURE],
    ),
    Case(
        "two calls that change places",
        {"lab/study.py": entry("return A, B", top="ids = iter('ab')\nA = next(ids)\nB = next(ids)\n")},
        ("lab/study.py", "A = next(ids)\nB = next(ids)\n", "B = next(ids)\nA = next(ids)\n"),
        [FIGURE],
    ),
    Case(
        "a name that is bound anew, above what reads it",
        {"lab/study.py": entry("return A, B", top="A = 1\nB = A\nA = 2\n")},
        ("lab/study.py", "B = A\nA = 2\n", "A = 2\nB = A\n"),
        [FIGURE],
    ),
    Case(
        "an import that moves above what it reads is changed",
        {
            "lab/study.py": entry(
                "return GAIN", top="import lab.a\nlab.a.GAIN = 2\nfrom lab.a import GAIN\n"
            ),
            "lab/a.py": "GAIN = 1\nLOSS = 1\n",
        },
        (
            "lab/study.py",
            "lab.a.GAIN = 2\nfrom lab.a import GAIN\n",
            "from lab.a import GAIN\nlab.a.GAIN = 2\n",
        ),
        [FIGURE],
    ),
    Case(
        "constants that change places do not count, the constants do",
        {"lab/study.py": entry("return A, B", top="A = 1\nB = 41\n")},
        ("lab/study.py", "B = 41", "B = 42"),
        [FIGURE, ("lab/study.py", "A = 1\nB = 41\n", "B = 41\nA = 1\n")],
    ),
    Case(
        "a default that is kept elsewhere",
        {
            "lab/study.py": READS_REGISTRY,
            "lab/registry.py": REGISTRY,
            "lab/parts.py": (
                "from lab.registry import keep\ndef one(x=keep(41)):\n    return x\ndef two():\n    return 8\n"
            ),
        },
        ("lab/parts.py", "keep(41)", "keep(42)"),
        [FIGURE, ("lab/parts.py", "return 8", "return 9")],
    ),
    Case(
        "a field that is kept elsewhere",
        {
            "lab/study.py": READS_REGISTRY,
            "lab/registry.py": REGISTRY,
            "lab/parts.py": "from lab.registry import keep\nclass One:\n    x = keep(41)\nclass Two:\n    x = 8\n",
        },
        ("lab/parts.py", "keep(41)", "keep(42)"),
        [FIGURE, ("lab/parts.py", "x = 8", "x = 9")],
    ),
    Case(
        "a method that its decorator keeps elsewhere",
        {
            "lab/study.py": READS_REGISTRY,
            "lab/registry.py": REGISTRY,
            "lab/parts.py": (
                "from lab.registry import keep\nclass One:\n    @keep\n    def x(self):\n        return 1\n"
                "class Two:\n    @property\n    def x(self):\n        return 8\n"
            ),
        },
        ("lab/parts.py", "return 1", "return 2"),
        [FIGURE, ("lab/parts.py", "return 8", "return 9")],
    ),
    Case(
        "a call of somebody else's function whose result nobody reads",
        {
            "lab/study.py": entry("return 1", top="import lab.parts"),
            "lab/parts.py": "import torch\n_before = torch.tuned(41)\n_size = len('a')\nSIZE = _size\n",
        },
        ("lab/parts.py", "41", "42"),
        [FIGURE, ("lab/parts.py", "len('a')", "len('ab')")],
    ),
    Case(
        "a call of somebody else's function that sets something",
        {
            "lab/study.py": entry("return 1", top="import lab.parts"),
            "lab/parts.py": "import torch\nBEFORE = torch.set_num_threads(41)\nSIZE = torch.numel(8)\n",
        },
        ("lab/parts.py", "41", "42"),
        [FIGURE, ("lab/parts.py", "8", "9")],
    ),
    Case(
        "two names bound at once, above what reads one of them",
        {"lab/study.py": entry("return A, B, C", top="A = 1\nB = A\nA, C = 2, 3\n")},
        ("lab/study.py", "B = A\nA, C = 2, 3\n", "A, C = 2, 3\nB = A\n"),
        [FIGURE],
    ),
    Case(
        "what a star import binds anew below a function of that name",
        {
            "lab/study.py": entry("return one()", top="def one():\n    return 8\nfrom lab.steps import *"),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE],
    ),
    Case(
        "an import in a function that binds for the module",
        {
            "lab/study.py": entry(
                "load()\nreturn steps.one()", top="def load():\n    global steps\n    from lab import steps"
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "an import in the body of a class",
        {
            "lab/study.py": entry("return Model().one()", top="class Model:\n    from lab.steps import one"),
            "lab/steps.py": "def one(self):\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE, ("lab/steps.py", "return 8", "return 9")],
    ),
    Case(
        "a module whose name is joined with dots",
        {
            "lab/study.py": entry(
                "return load('.'.join(['lab', kind]))", top="from lab.loader import load\nkind = ''"
            ),
            "lab/loader.py": "from importlib import import_module\ndef load(name):\n    return import_module(name)\n",
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
    Case(
        "a file of data whose name comes from elsewhere, beside one that is named",
        {
            "lab/study.py": (
                "from pathlib import Path\nHOME = Path(__file__).parent\ndef run(name):\n    home = HOME / 'data'\n"
                "    return (home / 'a.csv').read_text(), (home / name).read_text()\n"
            ),
            "lab/data/a.csv": "1",
            "lab/data/b.csv": "3",
        },
        ("lab/data/b.csv", "3", "4"),
    ),
    Case(
        "a file of data of the package above",
        {
            "lab/deep/__init__.py": "",
            "lab/deep/study.py": (
                "from pathlib import Path\nHOME = Path(__file__).parents[1]\ndef run():\n"
                "    return (HOME / 'data' / 'a.csv').read_text()\n"
            ),
            "lab/data/a.csv": "1",
            "lab/data/b.csv": "3",
        },
        ("lab/data/a.csv", "1", "2"),
        [("lab/data/b.csv", "3", "4")],
        target="lab.deep.study:run",
    ),
    Case(
        "a file of the module's own name",
        {
            "lab/study.py": entry(
                "return Path(__file__).with_suffix('.json').read_text()", top="from pathlib import Path"
            ),
            "lab/study.json": "1",
            "lab/other.json": "3",
        },
        ("lab/study.json", "1", "2"),
        [FIGURE, ("lab/other.json", "3", "4")],
    ),
    Case(
        "a file of data whose name stands in another module",
        {
            "lab/names.py": "FILES = {'a': 'a.csv'}\n",
            "lab/deep/__init__.py": "",
            "lab/deep/study.py": (
                "from pathlib import Path\nfrom lab.names import FILES\nHOME = Path(__file__).parent\n"
                "def run(kind):\n    return (HOME / FILES[kind]).read_text()\n"
            ),
            "lab/deep/a.csv": "1",
            "lab/deep/b.csv": "3",
        },
        ("lab/deep/a.csv", "1", "2"),
        [("lab/deep/b.csv", "3", "4")],
        target="lab.deep.study:run",
    ),
    Case(
        "a file of data in the folder of another module",
        {
            "lab/study.py": entry("return read('lab.deep', 'a.csv')", top="from lab.reader import read"),
            "lab/reader.py": (
                "from importlib.resources import files\ndef read(package, name):\n"
                "    return files(package).joinpath(name).read_text()\n"
            ),
            "lab/deep/__init__.py": "",
            "lab/deep/a.csv": "1",
            "lab/deep/b.csv": "3",
        },
        ("lab/deep/a.csv", "1", "2"),
        [FIGURE, ("lab/deep/b.csv", "3", "4")],
    ),
    Case(
        "a shared library that is loaded by its file",
        {
            "lab/study.py": entry(
                "return CDLL(Path(__file__).with_name('fast.so'))",
                top="from ctypes import CDLL\nfrom pathlib import Path",
            ),
            "lab/fast.so": "1",
        },
        ("lab/fast.so", "1", "2"),
        [FIGURE],
    ),
    Case(
        "what a program does that is run by its file",
        {
            "lab/study.py": entry(
                "return Popen([executable, Path(__file__).with_name('worker.py')])",
                top="from pathlib import Path\nfrom subprocess import Popen\nfrom sys import executable",
            ),
            "lab/worker.py": "from lab.steps import one\nif __name__ == '__main__':\n    print(one())\n",
            "lab/steps.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE, ("lab/steps.py", "return 8", "return 9")],
    ),
    Case(
        "what a module does that is run by its name",
        {
            "lab/study.py": entry(
                "return Popen([executable, '-m', 'lab.worker'])",
                top="from subprocess import Popen\nfrom sys import executable",
            ),
            "lab/worker.py": "if __name__ == '__main__':\n    print(41)\n",
        },
        ("lab/worker.py", "41", "42"),
        [FIGURE],
    ),
    Case(
        "what code in a text imports",
        {
            "lab/study.py": entry(
                "return Popen([executable, '-c', f'from lab.steps import one; print(one({kind}))'])",
                top="from subprocess import Popen\nfrom sys import executable\nkind = 1",
            ),
            "lab/steps.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
        [FIGURE, ("lab/steps.py", "return 8", "return 9")],
    ),
    Case(
        "a submodule that a star import binds",
        {
            "lab/study.py": entry("return steps.one()", top="from lab.deep import *"),
            "lab/deep/__init__.py": "__all__ = ['steps']\n",
            "lab/deep/steps.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/deep/steps.py", "return 1", "return 2"),
        [FIGURE, ("lab/deep/steps.py", "return 8", "return 9")],
    ),
    Case(
        "a submodule in the place of a name of its package",
        {
            "lab/study.py": entry(
                "return deep.steps.one()", top="import lab.deep.steps\nfrom lab import deep"
            ),
            "lab/deep/__init__.py": "steps = None\n",
            "lab/deep/steps.py": "def one():\n    return 1\ndef two():\n    return 8\n",
        },
        ("lab/deep/steps.py", "return 1", "return 2"),
        [FIGURE, ("lab/deep/steps.py", "return 8", "return 9")],
    ),
    Case(
        "a module whose name is made from the name of who asks for it",
        {
            "lab/study.py": entry("return load('steps', __name__)", top="from lab.tools.loader import load"),
            "lab/tools/__init__.py": "",
            "lab/tools/loader.py": (
                "from importlib import import_module\ndef load(name, of):\n"
                "    return import_module(of.rpartition('.')[0] + '.' + name)\n"
            ),
            "lab/steps.py": "def one():\n    return 1\n",
        },
        ("lab/steps.py", "return 1", "return 2"),
    ),
]

MEMBERS = [
    Case(
        "a method that it calls through self",
        {"lab/study.py": STUDY.format("self.helper()") + "    def helper(self):\n        return 2\n"},
        ("lab/study.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "a method that its method calls through self",
        {
            "lab/study.py": STUDY.format("self.helper()")
            + "    def helper(self):\n        return [self.deep for _ in 'ab']\n"
            + "    @property\n    def deep(self):\n        return 2\n"
        },
        ("lab/study.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "a constant of the class",
        {"lab/study.py": STUDY.format("self.GAIN") + "    GAIN = 2\n    LOSS = 8\n"},
        ("lab/study.py", "GAIN = 2", "GAIN = 3"),
        [("lab/study.py", "return 1", "return 4"), ("lab/study.py", "LOSS = 8", "LOSS = 9")],
    ),
    Case(
        "a constant of the class from which another is computed",
        {
            "lab/study.py": STUDY.format("Study.GAIN")
            + "    BASE = 2\n    GAIN = BASE + 1\n    LOSS = BASE + 8\n"
        },
        ("lab/study.py", "BASE = 2", "BASE = 3"),
        [("lab/study.py", "return 1", "return 4"), ("lab/study.py", "BASE + 8", "BASE + 9")],
    ),
    Case(
        "a static method that it calls through its class",
        {
            "lab/study.py": STUDY.format("type(self).make(1)")
            + "    @staticmethod\n    def make(x):\n        return helper(x)\ndef helper(x):\n    return 2\n"
        },
        ("lab/study.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "a class method that it calls through its class's name",
        {
            "lab/study.py": STUDY.format("Study.make()")
            + "    @classmethod\n    def make(cls):\n        return cls.deep()\n    def deep(self):\n        return 2\n"
        },
        ("lab/study.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "an inherited method",
        {
            "lab/study.py": "from lab.base import Base\n"
            + STUDY.format("self.helper()").replace("class Study", "class Study(Base[int])"),
            "lab/base.py": (
                "class Base:\n    def helper(self):\n        return 2\n"
                "    def other(self):\n        return 8\n"
            ),
        },
        ("lab/base.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4"), ("lab/base.py", "return 8", "return 9")],
    ),
    Case(
        "a method that is itself inherited",
        {
            "lab/study.py": "from lab import base\nclass Study(base.Base):\n    GAIN = 2\n    LOSS = 8\n",
            "lab/base.py": "class Base:\n    def run_cell(self):\n        return self.GAIN\n",
        },
        ("lab/study.py", "GAIN = 2", "GAIN = 3"),
        [("lab/study.py", "LOSS = 8", "LOSS = 9")],
    ),
    Case(
        "the base's method by super",
        {
            "lab/study.py": "from lab.base import Base\n"
            + STUDY.format("super().run_cell()").replace("class Study", "class Study(Base)"),
            "lab/base.py": (
                "class Base:\n    def run_cell(self):\n        return 2\n"
                "    def other(self):\n        return 8\n"
            ),
        },
        ("lab/base.py", "return 2", "return 3"),
        [("lab/base.py", "return 8", "return 9")],
    ),
    Case(
        "an attribute that __init__ sets",
        {"lab/study.py": STUDY.format("self.gain") + "    def __init__(self):\n        self.gain = 2\n"},
        ("lab/study.py", "gain = 2", "gain = 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "an attribute that another method sets",
        {"lab/study.py": STUDY.format("self.gain") + "    def demo(self):\n        self.gain = 2\n"},
        ("lab/study.py", "gain = 2", "gain = 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "what runs when the object is made",
        {
            "lab/study.py": STUDY.format("5")
            + "    def __init__(self):\n        setup()\ndef setup():\n    return 2\n"
        },
        ("lab/study.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "every method, where the object is passed on",
        {
            "lab/study.py": "from lab.steps import run\n" + STUDY.format("run(self)"),
            "lab/steps.py": "def run(s):\n    0\n",
        },
        ("lab/study.py", "return 1", "return 4"),
    ),
    Case(
        "every method, where one is looked up by name",
        {"lab/study.py": STUDY.format("getattr(self, config)()")},
        ("lab/study.py", "return 1", "return 4"),
    ),
    Case(
        "the class's decorator",
        {"lab/study.py": "def register(c):\n    return 2\n@register\n" + STUDY.format("5")},
        ("lab/study.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "the class of an argument, imported for its annotation alone",
        {
            "lab/study.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lab.config import Config\n"
            + STUDY.format("config.n()").replace("config):", "config: 'Config | None'):"),
            "lab/config.py": "class Config:\n    def n(self):\n        return 2\nclass Other:\n    x = 8\n",
        },
        ("lab/config.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4"), ("lab/config.py", "x = 8", "x = 9")],
    ),
    Case(
        "the settings of a study, whatever annotates the method",
        {
            "lab/study.py": "from lab.config import Config\nfrom lab.plan import plan\n"
            + STUDY.format("config.n()")
            + "    Config = Config\n    def cells(self, config):\n        return plan()\n",
            "lab/config.py": "class Config:\n    def n(self):\n        return 2\n",
            "lab/plan.py": "def plan():\n    return []\n",
        },
        ("lab/config.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4"), ("lab/plan.py", "[]", "[1]")],
    ),
    Case(
        "the class of a study's cells, whatever annotates the method",
        {
            "lab/study.py": "from lab import plan\n"
            + STUDY.format("config.start")
            + "    Config = int\n    def cells(self, config):\n        return plan.plan()\n",
            "lab/plan.py": (
                "from cogattn.study import Cell\nclass Mine(Cell):\n    @property\n    def start(self):\n"
                "        return 2\ndef plan():\n    return [Mine()]\n"
            ),
        },
        ("lab/plan.py", "return 2", "return 3"),
        [("lab/study.py", "return 1", "return 4"), ("lab/plan.py", "[Mine()]", "[Mine(), Mine()]")],
    ),
]
MEMBERS += [
    Case(
        "a member that is kept elsewhere, though it does not use it",
        {
            "lab/study.py": "from lab.registry import FOUND, keep\n"
            + STUDY.format("FOUND")
            + "    kept = keep(41)\n    loss = len('a')\n",
            "lab/registry.py": REGISTRY,
        },
        ("lab/study.py", "keep(41)", "keep(42)"),
        [("lab/study.py", "return 1", "return 4"), ("lab/study.py", "len('a')", "len('ab')")],
    ),
    Case(
        "a function that its class imports",
        {
            "lab/study.py": STUDY.format("self.one()") + "    from lab.steps import one, two\n",
            "lab/steps.py": "def one(self):\n    return 41\n",
        },
        ("lab/steps.py", "return 41", "return 42"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "two members of its class that change places",
        {
            "lab/study.py": STUDY.format("self.A, self.B")
            + "    ids = iter('ab')\n    A = next(ids)\n    B = next(ids)\n"
        },
        ("lab/study.py", "    A = next(ids)\n    B = next(ids)\n", "    B = next(ids)\n    A = next(ids)\n"),
        [("lab/study.py", "return 1", "return 4")],
    ),
    Case(
        "what a property made of a lambda reads",
        {
            "lab/study.py": STUDY.format("self.gain")
            + "    gain = property(lambda me: me.deep())\n    def deep(self):\n        return 41\n"
        },
        ("lab/study.py", "return 41", "return 42"),
    ),
    Case(
        "what a function that is made a method reads",
        {
            "lab/study.py": "def get(me):\n    return me.deep()\n"
            + STUDY.format("self.get()")
            + "    get = get\n    def deep(self):\n        return 41\n"
        },
        ("lab/study.py", "return 41", "return 42"),
    ),
    Case(
        "what a wrapper around a method reads",
        {
            "lab/study.py": "from lab.tools import wrap\n"
            + STUDY.format("self.get()")
            + "    @wrap\n    def get(self):\n        return 0\n    def deep(self):\n        return 41\n",
            "lab/tools.py": "def wrap(f):\n    def inner(me):\n        return me.deep()\n    return inner\n",
        },
        ("lab/study.py", "return 41", "return 42"),
    ),
    Case(
        "what a base that is made reads",
        {
            "lab/study.py": "from lab.tools import base\n"
            + STUDY.format("self.get()").replace("class Study", "class Study(base(1))")
            + "    def deep(self):\n        return 41\n",
            "lab/tools.py": MADE_BASE.format("get", "self.deep()"),
        },
        ("lab/study.py", "return 41", "return 42"),
    ),
    Case(
        "a method that a base has that is made",
        {
            "lab/study.py": "from lab.tools import base\nclass Study(base(1)):\n    pass\n",
            "lab/tools.py": MADE_BASE.format("run_cell", "41"),
        },
        ("lab/tools.py", "return 41", "return 42"),
    ),
]
for case in MEMBERS:
    case.target = "lab.study:Study.run_cell"


@pytest.mark.parametrize("case", [*REACHED, *RUN_AT_IMPORT, *MEMBERS], ids=lambda case: case.claim)
def test_the_digest_notices(lab: Lab, case: Case) -> None:
    lab.write({"lab/__init__.py": "", **case.files})
    assert lab.noticed(case.edit, case.target)
    for edit in case.unseen:
        assert not lab.noticed(edit, case.target), edit


PLAIN = '''"""Module."""
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import pandas as pd
GAIN = 1
"""Gain."""
UNIT = "dB"
class Model:
    """Model."""
    x: int = 1
    """Field."""
    def respond(self) -> pd.DataFrame:
        """Respond."""
        return GAIN * self.x, UNIT  # times
def run():
    return Model().respond()
if __name__ == "__main__":
    run()
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# times", "# multiplied"),
        ('"""Module."""', '"""A module."""\n\n# note'),
        ('        """Respond."""\n', ""),
        ('    """Field."""\n', '    """A field."""\n'),
        ('"""Gain."""\n', "\n\n\n"),
        ("    import pandas as pd", "    import pandas as pd\n    from torch import nn"),
        ("    import pandas as pd", "    import polars as pd"),
        ("return GAIN * self.x, ", "return (\n            GAIN\n            * self.x\n        ), "),
        ("GAIN = 1", "GAIN = 0x1"),
        ('UNIT = "dB"', "UNIT = u'dB'"),
        ('__main__":\n    run()', '__main__":\n    print(run())'),
    ],
)
def test_what_is_not_computed_with_changes_nothing(lab: Lab, old: str, new: str) -> None:
    lab.write({"lab/__init__.py": "", "lab/study.py": PLAIN})
    assert lab.noticed(("lab/study.py", "GAIN = 1", "GAIN = 2"), "lab.study:run")
    assert not lab.noticed(("lab/study.py", old, new), "lab.study:run")


def test_a_parameter_that_is_called_like_a_module_does_not_reach_it(lab: Lab) -> None:
    lab.write(
        {
            "lab/__init__.py": "",
            "lab/study.py": "from lab import trials\ndef run(trials):\n    return [trials for trials in trials]\n",
            "lab/trials.py": "def weigh():\n    return 1\n",
        }
    )
    assert not lab.noticed(("lab/trials.py", "return 1", "return 2"), "lab.study:run")


def test_code_is_read_and_never_run(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w')\nimport lab.other\ndef run():\n    return 1\n"
    lab.write({"lab/__init__.py": text, "lab/study.py": text, "lab/other.py": text})
    code_digest("lab.study:run")
    assert not mark.exists()
    assert not [name for name in sys.modules if name.partition(".")[0] == "lab"]


def test_packages_of_others_are_named_and_pythons_own_are_not(lab: Lab) -> None:
    lab.write(
        {
            "lab/__init__.py": "",
            "lab/study.py": (
                "import os\nimport numpy as np\nfrom lab import steps\ndef run():\n    return steps.one()\n"
            ),
            "lab/steps.py": "import scipy.signal\ndef one():\n    import torch\n    return torch.nn\n",
            "lab/figures.py": "import matplotlib\n",
        }
    )
    assert code_digest("lab.study:run").packages == ("numpy", "scipy", "torch")


def test_several_targets_make_one_digest(lab: Lab) -> None:
    lab.write(
        {"lab/__init__.py": "", "lab/study.py": "def run():\n    return 1\ndef keep():\n    return 2\n"}
    )
    both = code_digest("lab.study:run", also=("lab.study:keep",))
    assert set(both.parts) == {"lab.study:run", "lab.study:keep"}


def test_a_factory_in_a_file_of_the_current_folder_reaches_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Lab(tmp_path)
    here.write({"mymodel.py": "import mylayers\ndef build():\n    return mylayers.width()\n"})
    here.write({"mylayers.py": "def width():\n    return 1\ndef other():\n    return 8\n"})
    monkeypatch.chdir(tmp_path)
    assert here.noticed(("mylayers.py", "return 1", "return 2"), "mymodel:build")
    assert not here.noticed(("mylayers.py", "return 8", "return 9"), "mymodel:build")
    here.write({"mymodel.py": "T = {'a': 'mylayers'}\ndef build():\n    return __import__(T['a'])\n"})
    assert here.noticed(("mylayers.py", "return 8", "return 9"), "mymodel:build")


def test_all_that_an_installed_plugin_brought_is_followed_and_what_others_brought_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Lab(tmp_path / "site-packages")
    site.write(
        {
            "plug_study.py": "import plug_core, foreign\ndef run():\n    return plug_core.one(), foreign.two()\n",
            "plug_core/__init__.py": "def one():\n    return 1\n",
            "foreign.py": "def two():\n    return 8\n",
            "plug-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n",
            "plug-1.0.dist-info/top_level.txt": "plug_core\nplug_study\n",
        }
    )
    monkeypatch.syspath_prepend(str(site.root))
    assert site.noticed(("plug_core/__init__.py", "return 1", "return 2"), "plug_study:run")
    assert not site.noticed(("foreign.py", "return 8", "return 9"), "plug_study:run")
    assert code_digest("plug_study:run").packages == ("foreign",)


@pytest.mark.parametrize(
    "target", ["nowhere_at_all:run", "lab.missing:run", "lab.study", "lab.study:Study.run_cell"]
)
def test_a_target_without_source_is_refused_in_a_sentence(lab: Lab, target: str) -> None:
    lab.write({"lab/__init__.py": "", "lab/study.py": "class Study:\n    pass\n"})
    with pytest.raises(StoreError, match=r"must .*; got "):
        code_digest(target)


def test_a_file_that_is_not_python_is_named(lab: Lab) -> None:
    lab.write(
        {"lab/__init__.py": "", "lab/study.py": "from lab import broken\ndef run():\n    return broken.x\n"}
    )
    lab.write({"lab/broken.py": "def :\n"})
    with pytest.raises(StoreError, match=r"lab\.broken must be readable Python"):
        code_digest("lab.study:run")


SCRIPT = """
import sys
from cogattn.running.code import code_digest
import helper
GAIN = 1
def run():
    return helper.one() * GAIN
class Study:
    def run_cell(self):
        return run()
print(code_digest("__main__:Study.run_cell").sha256)
"""


def test_a_script_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def one():\n    return 1\n")

    def said(script: str) -> str:
        (tmp_path / "script.py").write_text(script)
        command = [sys.executable, str(tmp_path / "script.py")]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout

    first = said(SCRIPT)
    assert said(SCRIPT + "# a comment\n") == first
    assert said(SCRIPT.replace("GAIN = 1", "GAIN = 2")) != first
    (tmp_path / "helper.py").write_text("def one():\n    return 2\n")
    assert said(SCRIPT) != first


def notebook(*cells: str) -> CodeDigest:
    """Digest of what cells of a notebook reach, each compiled and kept in linecache as IPython does it."""
    import linecache
    from types import ModuleType

    module = ModuleType("typed_in")
    sys.modules["typed_in"] = module
    try:
        for number, source in enumerate(cells):
            name = f"<cell {number}>"
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            exec(compile(source, name, "exec"), vars(module))
        return code_digest("typed_in:Study.run_cell")
    finally:
        del sys.modules["typed_in"]


def test_what_is_typed_into_a_notebook_is_followed() -> None:
    study = STUDY.replace("self, config", "self").format("helper()")
    helper = "GAIN = 1\ndef helper():\n    return GAIN\n"
    first = notebook(study, helper)
    assert notebook(study.replace("return 1", "return 9"), helper).parts == first.parts
    assert notebook(study, helper.replace("GAIN = 1", "GAIN = 2")).sha256 != first.sha256
    assert notebook(study, helper.replace("return GAIN", "return 2")).sha256 != first.sha256


def test_a_value_in_a_notebook_that_has_no_source_is_refused() -> None:
    study = "class Study:\n    def run_cell(self):\n        return model\n"
    with pytest.raises(StoreError, match="got model, object"):
        notebook(study, "model = object()\n")
