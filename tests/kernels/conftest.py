"""Problems with all the awkward parts, and the error measure; Triton interprets where there is no GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when the kernels are first imported

TOLERANCE = {torch.float64: 1e-12, torch.float32: 5e-6, torch.float16: 1e-3, torch.bfloat16: 1e-2}


def device_of(impl: str) -> str:
    """Triton's kernels are tested where they run: on a GPU if there is one."""
    return "cuda" if impl == "triton" and torch.cuda.is_available() else "cpu"


@pytest.fixture
def fresh_memory_holds_nan() -> Iterator[None]:
    """Tensors made empty hold NaN, so that an element no kernel writes cannot pass."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@dataclass
class Problem:
    """Arguments of one call: `tensors` are positional, `settings` by keyword; some require gradients."""

    tensors: dict[str, Tensor]
    settings: dict[str, object]

    def arguments(self) -> dict[str, object]:
        return {**self.tensors, **self.settings}

    def learned(self) -> dict[str, Tensor]:
        """Tensors that require a gradient, by name."""
        return {n: t for n, t in self.arguments().items() if isinstance(t, Tensor) and t.requires_grad}

    def placed(self, impl: str) -> dict[str, object]:
        """The arguments as new leaves, on the device where `impl` is tested."""
        return {
            name: value.detach().to(device_of(impl)).requires_grad_(value.requires_grad)
            if isinstance(value, Tensor)
            else value
            for name, value in self.arguments().items()
        }

    def answers(self, function: Callable[..., Tensor], impl: str) -> dict[str, Tensor]:
        """The output and the gradient of every learned tensor."""
        moved = self.placed(impl)
        out = function(**moved, impl=impl)
        names = list(self.learned())
        weights = torch.cos(torch.arange(out.numel(), dtype=torch.float64) * 1.7).reshape(out.shape)
        grads = torch.autograd.grad(
            out, [moved[n] for n in names], weights.to(out), allow_unused=True, materialize_grads=True
        )
        return {"out": out.detach().cpu()} | {n: g.cpu() for n, g in zip(names, grads, strict=True)}


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., Problem]:
    """Factory of foveal attention problems with padding, per-head parameters and a key on a gaze."""
    return _make_problem


def _make_problem(
    *,
    bias: str = "smooth",
    radius: float | None = None,
    dtype: torch.dtype = torch.float64,
    batch: int = 2,
    heads: int = 2,
    n_queries: int = 37,
    n_keys: int = 53,
    dim: int = 16,
    dim_v: int | None = None,
    shared: bool = False,
    one_gaze: bool = False,
    weighted: bool = True,
    per_head: bool = True,
    seed: int = 1,
) -> Problem:
    generator = torch.Generator().manual_seed(seed)
    wide = torch.float64 if dtype == torch.float64 else torch.float32

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    def content(n: int, width: int) -> Tensor:
        return torch.randn(batch, heads, n, width, generator=generator, dtype=torch.float64).to(dtype)

    layouts, n_heads = (1 if shared else batch), (heads if per_head else 1)
    gaze = 8 * uniform(layouts, 1 if one_gaze else n_queries, 2)
    place = 8 * uniform(layouts, n_keys, 2)
    place[:, 0] = gaze[:, 0]
    tensors = {"q": content(n_queries, dim), "k": content(n_keys, dim), "v": content(n_keys, dim_v or dim)}
    tensors |= {"query_position": gaze.to(wide), "key_position": place.to(wide)}
    settings: dict[str, object] = {"bias": bias, "radius": radius}
    if weighted:
        weight = torch.log(0.2 + uniform(layouts, n_keys))
        weight[:, n_keys // 2 : n_keys // 2 + n_keys // 9] = -torch.inf
        settings["log_weight"] = weight.to(wide)
    if bias == "polar":
        settings["table"] = (uniform(n_heads, 5, 6) - 0.3).to(wide)
        settings |= {"e2": (1 + uniform(1)).to(wide), "extent_deg": 6.0}
    elif bias != "none":
        settings |= {"alpha": (1 + uniform(n_heads)).to(wide), "e2": (1 + uniform(n_heads)).to(wide)}
    problem = Problem(tensors, settings)
    for tensor in problem.arguments().values():
        if isinstance(tensor, Tensor):
            tensor.requires_grad_()
    return problem


CONTENT = {"out", "q", "k", "v", "features"}


@pytest.fixture(scope="session")
def assert_agree() -> Callable[..., None]:
    """Compare answers tensor by tensor: root-mean-square error over root-mean-square truth."""
    return _assert_agree


def _assert_agree(got: dict[str, Tensor], truth: dict[str, Tensor], factor: float = 1.0) -> None:
    dtype = got["out"].dtype
    allowed = factor * TOLERANCE[dtype]
    if dtype == torch.bfloat16 and not torch.cuda.is_available():
        allowed *= 2  # the interpreter truncates where the hardware rounds
    assert got.keys() == truth.keys()
    for name, tensor in got.items():
        assert tensor.isfinite().all(), f"{name} is not finite"
        true = truth[name].double()
        negligible = 0.05 * true.numel() ** 0.5  # a gradient that vanishes is compared with this instead
        error = (tensor.double() - true).norm() / true.norm().clamp(min=negligible)
        bound = allowed if name in CONTENT else 5 * allowed
        assert error <= bound, f"{name}: relative error {error:.2g} above {bound:.2g}"
