"""Attended-speaker decoding: which of two talkers a listener followed, how surely, how soon a switch shows.

Names are imported from their modules on first use, so that settings and command line load no numerics.
"""

from __future__ import annotations

import importlib

_MODULE_OF = {
    "crossval": ("Decoding", "LeaveOneOut", "cross_validate", "leave_one_out"),
    "metrics": (
        "attention_index",
        "correlation",
        "foreign_rank",
        "information_rate",
        "mesd",
        "window_accuracy",
        "window_margins",
    ),
    "ridge": ("RidgeDecoder",),
    "significance": (
        "binomial_interval",
        "binomial_threshold",
        "chance_interval",
        "chance_threshold",
        "permutation_p",
        "refit_permutation_p",
    ),
    "splits": ("audit_split", "audit_windows", "leave_one_out_folds"),
    "streaming": ("StreamingDecoder", "SwitchFilter"),
}
_HOME = {name: module for module, names in _MODULE_OF.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    """Import `name` from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
