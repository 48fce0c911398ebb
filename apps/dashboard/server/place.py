"""Where this server's runs are: the one thing that pages learn from outside, and no browser can change."""

from __future__ import annotations

import os
from pathlib import Path

from cogattn.apps.dashboard.server.serve import RUNS_VARIABLE


def store() -> Path:
    """Return the folder of runs."""
    return Path(os.environ.get(RUNS_VARIABLE, "runs")).absolute()
