"""Where a long training keeps its state, so that a killed cell goes on where it was, bit for bit.

A checkpoint lies beside the cell's place in the store until the cell is published. It is named by the cell's full
identity: other code, settings or data never find it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.errors import StoreError
from cogattn.running.atomic import read_regular, sha256_hex, write_atomically
from cogattn.running.pages import named, part

if TYPE_CHECKING:
    from torch import Tensor

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """The state of one cell under way.

    Parameters
    ----------
    path : Path or None
        Its file; None keeps nothing, for cells that are run outside a store.
    """

    path: Path | None = None

    def load(self) -> bytes | None:
        """Return what was saved last; None where there is nothing, or it is damaged and so not used."""
        if self.path is None:
            return None
        try:
            data = read_regular(self.path)
        except (OSError, ValueError):
            return None
        return data[64:] if data[:64] == sha256_hex(data[64:]).encode() else None

    def save(self, data: bytes) -> None:
        """Replace what was saved; safetensors bytes, or whatever the study reads back without executing it."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the store must be writable; got {error.strerror} ({self.path.parent})"
            ) from error
        write_atomically(self.path, sha256_hex(data).encode() + data)

    def clear(self) -> None:
        """Forget it: the cell is stored."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def save_tensors(self, state: dict[str, Tensor]) -> None:
        """Save tensors by name."""
        from safetensors.torch import save

        self.save(save({name: tensor.detach().contiguous() for name, tensor in state.items()}))

    def load_tensors(self) -> dict[str, Tensor] | None:
        """Return the tensors that `save_tensors` saved last; None where there are none, or it is something else."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        data = self.load()
        try:
            return None if data is None else load(data)
        except SafetensorError:
            return None

    def part(self, name: str) -> Checkpoint:
        """Return the checkpoint of one of several trainings whose tensors are kept as one.

        Parameters
        ----------
        name : str
            Of the training, without a slash; saving leaves what the others saved as it is.
        """
        return _Part(self.path, self, name)


@dataclass(frozen=True)
class _Part(Checkpoint):
    """The tensors of one training among those of a whole."""

    whole: Checkpoint = field(default_factory=Checkpoint)
    name: str = ""

    def save_tensors(self, state: dict[str, Tensor]) -> None:
        page = self.whole.load_tensors() or {}
        others = {name: tensor for name, tensor in page.items() if not name.startswith(f"{self.name}/")}
        self.whole.save_tensors(others | named(self.name, state))

    def load_tensors(self) -> dict[str, Tensor] | None:
        page = self.whole.load_tensors()
        return (part(page, self.name) or None) if page else None
