"""What a cell takes, by the number of its samples."""

from __future__ import annotations

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.plan import EfrCell
from cogattn.eeg.recordings.size import size
from cogattn.study import Cost


def cost(config: EfrConfig, cell: EfrCell) -> Cost:
    """Return what a cell needs: processor and memory grow with the samples."""
    n_samples = size(config.recordings, cell.observer).n_samples
    bootstrap = config.significance.n_bootstrap / 200 if cell.task == "following" else 0.2
    return Cost(cpu_s=0.5 + n_samples * (1.0 + bootstrap) * 1.5e-7, memory_mb=300 + 2e-5 * n_samples)
