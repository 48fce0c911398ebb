"""What a run is made of: each cell of the plan with all that can change its trials.

A cell is identified by what made it: the code that its study reaches, the settings and bytes that can change its
trials, its place in the plan, the versions of the libraries below, the kind of device. Equal content is never
computed twice, in whatever run it is wanted; changed content is never mistaken for the old.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cogattn.config import StudyConfig
from cogattn.errors import ConfigError, StoreError
from cogattn.running.code import CodeDigest
from cogattn.running.environment import cpu_name, gpu_names, version_of
from cogattn.running.hardware import DEFAULT, Hardware
from cogattn.running.records import CellRecord, digest
from cogattn.running.remembered import house_digest
from cogattn.study import Cell, Study

MAX_CELLS = 1_000_000
NOT_NUMERIC = frozenset(
    {"cogattn", "cuda", "cyclopts", "filelock", "h5py", "huggingface_hub", "lazy_loader", "matplotlib", "mne_bids",
     "pandas", "platformdirs", "pooch", "pyarrow", "pydantic", "pymatreader", "safetensors", "soundfile",
     "threadpoolctl", "tqdm", "typing_extensions"}
)  # fmt: skip
"""Packages whose version changes no trial: they store, read, print, draw or check."""
PLACED = "cogattn.running.execute:_placed"
SCORED = "cogattn.reporting.scores:scores_table"
"""What puts a summary's rows among people."""
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "mne_bids": "mne-bids"}


@dataclass(frozen=True, eq=False)
class PlannedCell:
    """A cell of a plan, with what identifies it."""

    cell: Cell
    record: CellRecord
    settings: str
    """The relevant settings as canonical JSON: what `run_cell` gets."""

    @property
    def name(self) -> str:
        """Stem of the cell's file."""
        return self.record.name


@dataclass(frozen=True)
class Plan:
    """All cells of a run in order, and the code that computes and that summarises them."""

    cells: tuple[PlannedCell, ...]
    code: CodeDigest
    summary_code: CodeDigest
    inputs: Mapping[str, str]

    def question(self, config: StudyConfig) -> str:
        """Digest of all that the run's tables and figures follow from."""
        libraries = libraries_of((*self.code.packages, *self.summary_code.packages, "matplotlib", "pandas"))
        cells = digest([planned.name for planned in self.cells])
        return digest(
            [cells, json.loads(config.canonical()), self.summary_code.sha256, dict(self.inputs), libraries]
        )


def make_plan(
    study: Study, config: StudyConfig, hardware: Hardware = DEFAULT, *, beside: Plan | None = None
) -> Plan:
    """Return the study's cells with what identifies each: `hardware`, too, where the study's code reaches torch.

    Parameters
    ----------
    study, config : Study, StudyConfig
        What is asked.
    hardware : Hardware
        What networks compute on.
    beside : Plan, optional
        A plan of the same study that was made a moment ago, whose code is not read again.

    Raises
    ------
    ConfigError, DataError, ObserverError
        If the study refuses its settings or data.
    StoreError
        If two cells are the same, or there is none.
    """
    cells = plan_cells(study, config)
    if beside is not None:
        code, summary_code = beside.code, beside.summary_code
    else:
        code, summary_code = cell_code(target_of(study)), question_code(target_of(study))
    device = hardware.kind if "torch" in code.packages else "cpu"
    like = CellRecord(
        study=study.name,
        cell={},
        settings={},
        contents={},
        code=code.sha256,
        libraries=libraries_of(code.packages),
        device=device,
        cpu=processor_of(device),
    )
    planned = tuple(_planned(study, config, cell, like) for cell in cells)
    return Plan(planned, code, summary_code, dict(sorted(study.inputs(config).items())))


def plan_cells(study: Study, config: StudyConfig) -> list[Cell]:
    """Return the study's cells, refused where two share a key, there is none, or there is no end to them."""
    cells = list(itertools.islice(study.cells(config), MAX_CELLS + 1))
    if len(cells) > MAX_CELLS:
        raise ConfigError(
            f"a run must have at most {MAX_CELLS:,} cells; got more ({study.name}); divide the settings over runs"
        )
    if not cells or len({cell.key for cell in cells}) < len(cells):
        raise StoreError(
            f"study {study.name} must plan at least one cell and no cell twice; got {len(cells)} cells"
        )
    return cells


def processor_of(device: str) -> str:
    """Name of the processor, and of the GPUs that a kind of device is of."""
    gpus = sorted(set(gpu_names())) if device.startswith("cuda") else []
    return ", ".join([cpu_name(), *gpus])


def target_of(study: Study) -> str:
    """Return the target ``module:attribute`` of a study's class."""
    return f"{type(study).__module__}:{type(study).__qualname__}"


def cell_code(target: str) -> CodeDigest:
    """Digest of the code that a cell of the study at `target` reaches."""
    return house_digest(f"{target}.run_cell", also=("cogattn.study:streams_of",))


def question_code(target: str) -> CodeDigest:
    """Digest of the code that tables and figures of the study at `target` reach, the place among people included."""
    return house_digest(f"{target}.summarise", also=(f"{target}.joint", PLACED, SCORED))


def libraries_of(packages: Sequence[str]) -> dict[str, str]:
    """Versions of those of `packages` that can change a number."""
    versions = {
        name: version_of(DISTRIBUTIONS.get(name, name)) for name in packages if name not in NOT_NUMERIC
    }
    return {name: version for name, version in sorted(versions.items()) if version}


def _planned(study: Study, config: StudyConfig, cell: Cell, like: CellRecord) -> PlannedCell:
    """A cell with its record: `like` holds what all cells of the plan share."""
    settings = _canonical(study.relevant(config, cell))
    own = {
        "cell": dict(cell.params),
        "settings": json.loads(settings),
        "contents": dict(sorted(study.contents(config, cell).items())),
    }
    return PlannedCell(cell, like.model_copy(update=own), settings)


@lru_cache(maxsize=256)
def _canonical(config: StudyConfig) -> str:
    return config.canonical()
