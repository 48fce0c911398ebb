from .config import NamingConfig as NamingConfig
from .consistency import copy_probability as copy_probability
from .consistency import error_consistency as error_consistency
from .people import read_answers as read_answers
from .robustness import pgd as pgd
from .shape_bias import shape_bias as shape_bias
from .study import NamingStudy as NamingStudy

__all__ = [
    "NamingConfig",
    "NamingStudy",
    "copy_probability",
    "error_consistency",
    "pgd",
    "read_answers",
    "shape_bias",
]
