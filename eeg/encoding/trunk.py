"""What a network makes of a sound: the output of its layers, a column of features for each moment.

The sound comes in windows that overlap by half; of each window the middle half is kept, so that a column hears at
least a quarter of a window on either side before it meets the window's edge. Maps are averaged over frequency. What a
column depends on is measured, not derived: the gradient of a column with respect to the sound tells from which
moments it is not zero. Attention and squeeze-and-excitation see the whole window.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.eeg.encoding.columns import Columns
from cogattn.eeg.types import FloatArray
from cogattn.errors import ObserverError

Hears = Literal["spectrogram", "waveform"]
OUTPUT = "output"
"""Name of a network's own answer among its layers."""
BATCH = 4
"""Windows at once: activations of early layers are large."""
MOST_FEATURES = 256
"""Wider layers are projected on as many random directions, which keep distances (Johnson and Lindenstrauss 1984)."""
PROBES = 8
"""Random sounds whose gradients tell what a column depends on; one alone may leave a rectifier shut."""
SMALLEST_INFLUENCE = 1e-9
"""Share of the largest gradient below which a moment is of no influence."""


@dataclass(frozen=True)
class Reader:
    """A frozen network and how it is given sounds.

    Parameters
    ----------
    module : torch.nn.Module
        Takes (n, 3, size, frames) images in [0, 1], or (n, samples) waveforms.
    name : str
        For errors.
    layers : tuple of str
        Names of modules, or ``output``.
    hears : {"spectrogram", "waveform"}
        What it takes.
    window : int
        Frames, or samples, of a window; of an image also its height.
    rate : float
        Frames, or samples, a second.
    mean, std : tuple of float
        The module sees ``(image - mean) / std`` per channel.
    """

    module: nn.Module
    name: str
    layers: tuple[str, ...]
    hears: Hears
    window: int
    rate: float
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.25, 0.25, 0.25)
    _fields: dict[tuple[str, int], tuple[float, float]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        self.module.eval().requires_grad_(False)

    def columns(self, sound: FloatArray) -> dict[str, Columns]:
        """Return the columns of each layer.

        Parameters
        ----------
        sound : array, shape (n_frames, n_bands) in [0, 1], or (n_samples,)
            As the network is to hear it, at `rate`.

        Raises
        ------
        ObserverError
            If a layer does not exist or its output has no axis of time.
        """
        windows, starts = self._windows(sound)
        parts: dict[str, list[FloatArray]] = {layer: [] for layer in self.layers}
        with torch.inference_mode():
            for batch in windows.split(BATCH):
                for layer, found in self._run(batch).items():
                    parts[layer].append(self._narrowed(found).numpy())
        joined = {layer: np.concatenate(found) for layer, found in parts.items()}
        return {layer: self._laid_out(found, starts, len(sound), layer) for layer, found in joined.items()}

    def receptive_field_s(self, layer: str, n_columns: int) -> tuple[float, float]:
        """How far before and after its middle a kept column of `layer` hears, in seconds.

        A network without gradients is taken to hear its whole window.
        """
        if (layer, n_columns) not in self._fields:
            middles = _middles(self.window, n_columns)
            kept = np.flatnonzero(_is_kept(middles, self.window))
            probed = {int(kept[0]), int(kept[len(kept) // 2]), int(kept[-1])}
            reached = {column: self._range_of(layer, column) for column in probed}
            past = max(middles[column] - first for column, (first, _) in reached.items())
            future = max(last + 1 - middles[column] for column, (_, last) in reached.items())
            self._fields[layer, n_columns] = (max(past, 0.0) / self.rate, max(future, 0.0) / self.rate)
        return self._fields[layer, n_columns]

    def _range_of(self, layer: str, column: int) -> tuple[int, int]:
        """First and last moment of a window on which a column depends."""
        generator = torch.Generator().manual_seed(0)
        shape = (PROBES, self.window) if self.hears == "waveform" else (PROBES, self.window, self.window)
        sound = torch.rand(shape, generator=generator)
        sound = (sound - 0.5 if self.hears == "waveform" else sound).requires_grad_(True)
        try:
            with torch.enable_grad():
                found = self._run(sound, (layer,))[layer][:, column]
                weights = torch.randn(found.shape, generator=generator)
                (gradient,) = torch.autograd.grad((found * weights).sum(), sound)
        except RuntimeError:  # computed outside of torch, or in inference mode
            return 0, self.window - 1
        influence = gradient.abs().flatten(0, -2).sum(dim=0)
        reached = torch.nonzero(influence > SMALLEST_INFLUENCE * influence.max()).flatten()
        return (int(reached[0]), int(reached[-1])) if len(reached) else (0, self.window - 1)

    def _windows(self, sound: FloatArray) -> tuple[Tensor, FloatArray]:
        """Windows that overlap by half, (n, bands, window) or (n, window), and their starts; silence around."""
        data = np.asarray(sound, dtype=np.float32)
        hop, quarter = self.window // 2, self.window // 4
        starts = np.arange(-quarter, max(len(data) - quarter, 1), hop)
        behind = int(starts[-1]) + self.window - len(data)
        widths = [(quarter, max(behind, 0)), *[(0, 0)] * (data.ndim - 1)]
        padded = np.pad(data, widths)
        pieces = [padded[start + quarter : start + quarter + self.window].T for start in starts]
        return torch.from_numpy(np.ascontiguousarray(np.stack(pieces))), starts.astype(float)

    def _run(self, windows: Tensor, layers: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Columns of each layer, (n, n_columns, n_features)."""
        asked = self.layers if layers is None else tuple(layers)
        with _listening(self.module, asked, self.name) as heard:
            heard[OUTPUT] = self.module(self._as_input(windows))
        return {layer: self._pooled(heard.get(layer), layer) for layer in asked}

    def _as_input(self, windows: Tensor) -> Tensor:
        """Waveforms as they are; spectrograms (n, bands, window) as square images of three equal channels."""
        if self.hears == "waveform":
            return windows
        size = (self.window, self.window)
        images = functional.interpolate(windows[:, None], size, mode="bilinear", align_corners=False)
        mean, std = (images.new_tensor(values).view(1, -1, 1, 1) for values in (self.mean, self.std))
        return (images.expand(-1, 3, -1, -1) - mean) / std

    def _pooled(self, output: object, layer: str) -> Tensor:
        """Average over frequency: (n, channels, bands, times), (n, bands, times, channels) or tokens to columns."""
        found = output[0] if isinstance(output, tuple | list) and output else output
        if not isinstance(found, Tensor) or found.ndim not in (3, 4):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ObserverError(
                f"encoding.layer must be a layer whose output has an axis of time, (n, channels, bands, times) or "
                f"(n, times, features); got {shape} ({self.name}, {layer})"
            )
        if found.ndim == 4:
            if getattr(self.module, "output_fmt", "NCHW") == "NHWC":
                return found.mean(dim=1)
            return found.mean(dim=2).transpose(1, 2)
        if self.hears == "waveform":
            return found
        return self._of_tokens(found, layer).mean(dim=1)

    def _of_tokens(self, tokens: Tensor, layer: str) -> Tensor:
        """Tokens of patches, (n, bands, times, features), without those before them (class, registers)."""
        patches = tokens[:, int(getattr(self.module, "num_prefix_tokens", 0)) :]
        grid = getattr(getattr(self.module, "patch_embed", None), "grid_size", None)
        side = round(patches.shape[1] ** 0.5)
        rows, columns = (int(n) for n in grid) if grid is not None else (side, side)
        if rows * columns != patches.shape[1]:
            raise ObserverError(
                f"encoding.layer must have a token for each patch of the image; got {patches.shape[1]} tokens "
                f"({self.name}, {layer})"
            )
        return patches.unflatten(1, (rows, columns))

    def _narrowed(self, found: Tensor) -> Tensor:
        """No more than `MOST_FEATURES` features: random directions, the same for each width."""
        width = found.shape[-1]
        if width <= MOST_FEATURES:
            return found.float()
        generator = torch.Generator().manual_seed(width)
        directions = torch.randn((width, MOST_FEATURES), generator=generator) / MOST_FEATURES**0.5
        return found.float() @ directions

    def _laid_out(self, found: FloatArray, starts: FloatArray, n_frames: int, layer: str) -> Columns:
        """Kept columns of all windows, end to end, until the sound ends."""
        n_columns = found.shape[1]
        middles = _middles(self.window, n_columns)
        kept = _is_kept(middles, self.window)
        past, future = self.receptive_field_s(layer, n_columns)
        values = found[:, kept]
        if past + future >= 0.9 * self.window / self.rate:  # tokens know their place in the window: no news
            values = values - values.mean(axis=0)
        times = (starts[:, None] + middles[kept]).ravel()
        inside = (times >= 0) & (times < n_frames)
        flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
        if not np.isfinite(flat).all():
            raise ObserverError(
                f"a network must answer with finite features; got NaN or infinity ({self.name})"
            )
        return Columns(times[inside] / self.rate, flat[inside], past, future)


def stages(module: nn.Module) -> tuple[str, ...]:
    """Names of a network's stages, first to last: as timm lists them, else its children; at least ``output``."""
    listed = getattr(module, "feature_info", None)
    entries = getattr(listed, "info", listed)
    known = dict(module.named_modules())
    if isinstance(entries, list):
        names = [str(entry.get("module", "")) for entry in entries if isinstance(entry, dict)]
        names = [name for name in names if name in known]
        if names:
            return tuple(dict.fromkeys(names))
    return (OUTPUT,)


def _middles(window: int, n_columns: int) -> FloatArray:
    return (np.arange(n_columns) + 0.5) * window / n_columns


def _is_kept(middles: FloatArray, window: int) -> np.ndarray:
    kept = (middles >= window // 4) & (middles < window // 4 + window // 2)
    if not kept.any():  # two columns or so: the one nearest to the middle
        kept[np.argmin(np.abs(middles - window / 2))] = True
    return kept


@contextmanager
def _listening(module: nn.Module, layers: Sequence[str], name: str) -> Generator[dict[str, object]]:
    """Collect the outputs of some layers while the module runs."""
    known, heard, hooks = dict(module.named_modules()), dict[str, object](), []

    def keep(layer: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: object, output: object) -> None:
            heard[layer] = output

        return hook

    for layer in layers:
        if layer == OUTPUT:
            continue
        if layer not in known:
            close = [other for other in known if other and other.startswith(layer.partition(".")[0])][:4]
            listed = ", ".join(close or [other for other, _ in module.named_children()][:6])
            raise ObserverError(f"encoding.layer must be one of {name}'s ({listed}, ...); got {layer}")
        hooks.append(known[layer].register_forward_hook(keep(layer)))
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
