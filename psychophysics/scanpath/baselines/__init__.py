"""What a network's predictions are held against: rules, a choice model, other viewers, other predictions."""

from cogattn.psychophysics.scanpath.baselines.registry import make

__all__ = ["make"]
