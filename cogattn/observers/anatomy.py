"""What a network is, as one digest: its tensors, its layers, and what else its layers were built with.

Tensors alone do not tell a network: a ReLU and a Tanh have none. So the digest goes over every layer in order: its
class by name, its plain attributes (numbers, texts, functions by name, tables of these, arrays), its hooks, and every
parameter and buffer, those too that ``state_dict`` leaves out. The device, the mode (training or not), gradients and
what the classes and functions do in code are no part of it; `own_code` lists the latter.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import types
from collections.abc import Iterator, Mapping, Sequence, Set
from enum import Enum
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cogattn.errors import ObserverError
from cogattn.observers.tensors import tensor_digest

_INSTALLED = {"site-packages", "dist-packages"}
MAX_DEPTH = 40
"""Of tables in tables among a layer's attributes."""
_BARE = frozenset(vars(nn.Module()))
_SAYS_NOTHING = frozenset({"pretrained_cfg", "default_cfg"})
"""Where timm keeps addresses and papers."""
_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.memory_format, torch.Size)

Code = type | types.FunctionType


def module_digest(module: nn.Module) -> str:
    """SHA-256 of a module's layers, attributes, parameters and buffers.

    Raises
    ------
    ObserverError
        If a parameter has no numbers yet (lazy layers before their first images, the meta device).
    """
    check_numbers(module)
    digest = hashlib.sha256()
    for line in _lines(module, _Account()):
        digest.update(f"{line}\n".encode(errors="backslashreplace"))
    return digest.hexdigest()


def check_numbers(module: nn.Module) -> None:
    """Raise ObserverError where a parameter or buffer has no numbers yet."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_meta or nn.parameter.is_lazy(tensor):
            raise ObserverError(
                f"a network must have all its numbers, lazy layers after their first images; got none yet in {name}"
            )


def described(value: object) -> str:
    """Return one line that tells a plain value, a table or a function by name from others, in every process alike."""
    return _told(value, _Account(), 0)


def own_code(module: nn.Module) -> tuple[Code, ...]:
    """Return the classes and functions that the module is made of and that no library has, in order of appearance."""
    account = _Account()
    for _ in _lines(module, account, with_tensors=False):
        pass
    return tuple(account.code)


@functools.lru_cache(maxsize=1024)
def is_library(name: str) -> bool:
    """Tell whether a module of Python is Python's own, the house's or installed: its version tells its code."""
    top = name.partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names or top == "cogattn":
        return True
    module = sys.modules.get(top)
    places = [*getattr(module, "__path__", ()), getattr(module, "__file__", None) or ""]
    return bool(_INSTALLED & set(Path(places[0]).parts))


class _Account:
    """What has been described so far: objects by identity, so that circles end, and code that is no library's."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.kept: list[object] = []  # alive, so that no identity is given twice
        self.code: dict[Code, None] = {}

    def number(self, value: object) -> int | None:
        """Number under which `value` was seen before, or None the first time."""
        known = self.seen.get(id(value))
        if known is None:
            self.seen[id(value)] = len(self.seen)
            self.kept.append(value)
        return known

    def named(self, code: Code) -> str:
        if not is_library(code.__module__ or ""):
            self.code.setdefault(code)
        return f"{code.__module__}.{code.__qualname__}"


def _lines(module: nn.Module, account: _Account, *, with_tensors: bool = True) -> Iterator[str]:
    for path, layer in module.named_modules(remove_duplicate=False):
        yield f"layer {path} {account.named(type(layer))}"
        if account.number(layer) is not None:
            continue
        for name, value in sorted(_attributes(layer).items()):
            yield f"attribute {path}.{name} {_told(value, account, 0)}"
    if with_tensors:
        yield from _tensor_lines(module)


def _attributes(layer: nn.Module) -> dict[str, object]:
    """What a layer has beside what every module of torch has; hooks only where there are any."""
    own = {name: value for name, value in vars(layer).items() if name not in _BARE | _SAYS_NOTHING}
    hooks = {name: list(getattr(layer, name).values()) for name in _HOOKS}
    script = (
        {"code": layer.code} if isinstance(layer, torch.jit.ScriptModule) and hasattr(layer, "code") else {}
    )
    return own | {name: found for name, found in hooks.items() if found} | script


def _tensor_lines(module: nn.Module) -> Iterator[str]:
    parameters = dict(module.named_parameters(remove_duplicate=False))
    buffers = dict(module.named_buffers(remove_duplicate=False))
    for name, tensor in sorted({**parameters, **buffers}.items()):
        yield f"tensor {name} {tensor_digest(tensor)}"


def _told(value: object, account: _Account, depth: int) -> str:
    """One line that tells `value` from others of another effect; nothing in it depends on the process."""
    if isinstance(value, Enum):
        return f"{account.named(type(value))}.{value.name}"
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, Tensor):
        return f"tensor {tensor_digest(value)}"
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        return f"array {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, type | types.FunctionType):
        return account.named(value) + _bound(value, account, depth)
    if isinstance(value, types.BuiltinFunctionType | np.ufunc):
        return f"function {getattr(value, '__module__', '')}.{value.__name__}"
    if depth > MAX_DEPTH:
        return account.named(type(value))
    if (
        isinstance(value, nn.Module) and id(value) not in account.seen
    ):  # in a plain list, where no layer finds it
        return f"module [{', '.join(_lines(value, account))}]"
    if (number := account.number(value)) is not None:
        return f"number {number}"
    return _table(value, account, depth + 1)


def _table(value: object, account: _Account, depth: int) -> str:
    told = functools.partial(_told, account=account, depth=depth)
    if isinstance(value, Mapping):
        return (
            f"{_type_name(value)} {{{', '.join(sorted(f'{told(k)}: {told(v)}' for k, v in value.items()))}}}"
        )
    if isinstance(value, Set):
        return f"{_type_name(value)} {{{', '.join(sorted(map(told, value)))}}}"
    if isinstance(value, Sequence):
        return f"{_type_name(value)} [{', '.join(map(told, value))}]"
    if isinstance(value, functools.partial):
        return f"partial {told(value.func)} {told(value.args)} {told(value.keywords)}"
    if isinstance(value, types.MethodType):
        return f"method {told(value.__func__)} {told(value.__self__)}"
    if hasattr(value, "__dict__") and not is_library(type(value).__module__):
        return f"{account.named(type(value))} {told(dict(vars(value)))}"
    return account.named(type(value))


def _bound(value: Code, account: _Account, depth: int) -> str:
    """What a function carries beside its code: defaults and what it closes over."""
    if isinstance(value, type) or is_library(value.__module__ or "") or account.number(value) is not None:
        return ""
    cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
    carried = [value.__defaults__, value.__kwdefaults__, cells]
    return f" {_told(carried, account, depth + 1)}" if any(carried) else ""


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
