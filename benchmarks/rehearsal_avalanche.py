"""Replay as avalanche-lib has it, on permuted pictures: the peer of ``benchmarks/rehearsal.py``.

It runs in an environment of its own, with avalanche-lib and without cogattn, and prints one line of JSON. It never has
workers, loggers or evaluation while it trains. ``tensors`` is the fastest that it can be given: pictures permuted and
normalised beforehand, outside of the time, as tensors in memory; ``own`` is its own PermutedMNIST.

    python benchmarks/rehearsal_avalanche.py tensors FOLDER 100 0
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

if importlib.util.find_spec("wandb") is None:  # a bare import of avalanche needs it, training does not
    sys.modules["wandb"] = types.ModuleType("wandb")

from avalanche.benchmarks import benchmark_from_datasets
from avalanche.benchmarks.classic import PermutedMNIST
from avalanche.benchmarks.utils import as_classification_dataset
from avalanche.training import Replay
from avalanche.training.plugins import EvaluationPlugin

LEARNING_RATE, BATCH, MEMORY, N_TASKS = 0.1, 128, 2000, 3
"""As in ``benchmarks/rehearsal.py``."""


def from_tensors(folder: Path, seed: int) -> tuple[object, list[tuple[Tensor, Tensor]]]:
    """Its benchmark on tensors in memory, and each task's test part."""
    held = np.load(folder / "pictures.npz")
    train, train_labels, test, test_labels, orders = (
        torch.from_numpy(held[name]) for name in ("train", "train_labels", "test", "test_labels", "orders")
    )
    tasks = benchmark_from_datasets(train=[dataset(train[:, order], train_labels) for order in orders])
    return tasks, [(test[:, order], test_labels) for order in orders]


def dataset(inputs: Tensor, labels: Tensor) -> object:
    found = TensorDataset(inputs, labels)
    found.targets = labels.tolist()
    return as_classification_dataset(found)


def its_own(folder: Path, seed: int) -> tuple[object, list[tuple[Tensor, Tensor]]]:
    """The same of its PermutedMNIST, whose transforms permute and normalise each picture as it is asked for."""
    tasks = PermutedMNIST(N_TASKS, seed=seed, dataset_root=folder)
    tests = [DataLoader(task.dataset.eval(), batch_size=10_000) for task in tasks.test_stream]
    return tasks, [next(iter(test))[:2] for test in tests]


def main() -> None:
    how, folder, width, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tasks, tests = {"tensors": from_tensors, "own": its_own}[how](folder, seed)
    units = (784, width, width, 10)
    layers = [part for k in range(3) for part in (nn.Linear(units[k], units[k + 1]), nn.ReLU())]
    model = nn.Sequential(nn.Flatten(), *layers[:-1])
    strategy = Replay(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=LEARNING_RATE),
        criterion=nn.CrossEntropyLoss(),
        mem_size=MEMORY,
        train_mb_size=BATCH,
        train_epochs=1,
        evaluator=EvaluationPlugin(loggers=[]),
        eval_every=-1,
    )
    seconds = []
    for task in tasks.train_stream:
        before = time.process_time()
        strategy.train(task, num_workers=0)
        seconds.append(time.process_time() - before)
    model.eval()
    with torch.no_grad():
        right = [model(inputs).argmax(1) == labels for inputs, labels in tests]
    print(json.dumps({"seconds": seconds, "accuracy": [one.double().mean().item() for one in right]}))


if __name__ == "__main__":
    main()
