"""A network's digest: whatever changes an answer changes it, and nothing else does."""

from __future__ import annotations

import copy
import enum
import functools
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers.anatomy import module_digest, own_code


class Kind(enum.Enum):
    """Two of a kind."""

    ONE = 1
    TWO = 2


class Plain:
    """An object that a layer holds."""

    def __init__(self, value: object) -> None:
        self.value = value


class Layer(nn.Module):
    """Holds whatever it is given."""

    def __init__(self, **attributes: object) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        nn.init.ones_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("table", torch.arange(3), persistent=False)
        for name, value in attributes.items():
            setattr(self, name, value)


def scaled(by: float) -> Callable[[float], float]:
    return lambda x: by * x


def named(value: object) -> object:
    return value


DIFFERENT = {
    "number": (1, 2),
    "type": (1, 1.0),
    "text": ("a", "b"),
    "order": ([1, 2], [2, 1]),
    "tuple": ((1, 2), [1, 2]),
    "dict": ({"a": 1}, {"a": 2}),
    "set": ({1, 2}, {1, 3}),
    "tensor": (torch.zeros(2), torch.ones(2)),
    "array": (np.zeros(2), np.ones(2)),
    "dtype": (torch.float32, torch.float16),
    "function": (torch.relu, torch.tanh),
    "own function": (scaled, named),
    "closure": (scaled(1.0), scaled(2.0)),
    "partial": (functools.partial(named, 1), functools.partial(named, 2)),
    "enum": (Kind.ONE, Kind.TWO),
    "object": (Plain(1), Plain(2)),
    "deep": ({"a": [Plain((1, {"b": 2}))]}, {"a": [Plain((1, {"b": 3}))]}),
    "module in a list": ([nn.ReLU()], [nn.Tanh()]),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_attribute_counts(name: str):
    one, other = DIFFERENT[name]
    assert module_digest(Layer(what=one)) != module_digest(Layer(what=other))
    assert module_digest(Layer(what=one)) == module_digest(Layer(what=copy.deepcopy(one)))


def test_layers_without_tensors_count():
    linear = nn.Linear(2, 2)
    digests = {
        module_digest(nn.Sequential(linear, layer))
        for layer in (nn.ReLU(), nn.Tanh(), nn.Dropout(0.1), nn.Dropout(0.2), nn.ReLU(inplace=True))
    }
    assert len(digests) == 5


@pytest.mark.parametrize("tensor", ["linear.weight", "linear.bias", "table"])
def test_every_tensor_counts(tensor: str):
    module, changed = Layer(), Layer()
    owner, _, name = tensor.rpartition(".")
    with torch.no_grad():
        getattr(changed.get_submodule(owner), name).view(-1)[-1] += 1
    assert module_digest(changed) != module_digest(module)


def test_precision_counts():
    assert module_digest(Layer().half()) != module_digest(Layer())


def test_hooks_count():
    module = Layer()
    before = module_digest(module)
    handle = module.linear.register_forward_hook(lambda *_: None)
    assert module_digest(module) != before
    handle.remove()
    assert module_digest(module) == before


def test_mode_gradients_and_order_of_memory_do_not_count():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = module_digest(module)
    assert module_digest(copy.deepcopy(module).eval().requires_grad_(False)) == before
    assert module_digest(copy.deepcopy(module).to(memory_format=torch.channels_last)) == before


def test_answering_changes_nothing():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    before = module_digest(module)
    module(torch.rand(1, 3, 8, 8))
    assert module_digest(module) == before


def test_shared_tensors_and_circles_have_an_end():
    module, apart = Layer(), Layer()
    module.again = module.linear
    apart.again = copy.deepcopy(apart.linear)
    module.above = [module]
    circle: list[object] = [1]
    circle.append(circle)
    module.circle = circle
    assert module_digest(module) == module_digest(module)
    assert module_digest(apart) != module_digest(module)


def test_networks_without_numbers_are_refused():
    with pytest.raises(ObserverError, match="got none yet in weight"):
        module_digest(nn.LazyLinear(2))
    with torch.device("meta"), pytest.raises(ObserverError, match="got none yet in weight"):
        module_digest(nn.Linear(2, 2))


@pytest.mark.slow
def test_a_digest_is_the_same_in_every_process():
    code = (
        "import timm, torch; from torch import nn; from cogattn.observers.anatomy import module_digest\n"
        "torch.manual_seed(0)\n"
        "m = timm.create_model('test_vit'); m.names = {'a', 'b', 'c', 'd'}; m.f = [nn.ReLU(), torch.relu, print]\n"
        "print(module_digest(m))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_own_code_is_what_no_library_has():
    module = nn.Sequential(Layer(what=named, more=Plain(1)), nn.ReLU())
    module.register_forward_hook(scaled(2.0))
    names = {code.__qualname__ for code in own_code(module)}
    assert names == {"Layer", "named", "Plain", "scaled.<locals>.<lambda>"}
