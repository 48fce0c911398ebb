from .consistency import error_consistency as error_consistency
from .robustness import pgd as pgd
from .shape_bias import shape_bias as shape_bias

__all__ = [
    "error_consistency",
    "pgd",
    "shape_bias",
]
