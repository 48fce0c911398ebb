from .config import AadConfig as AadConfig
from .crossval import Decoding as Decoding
from .crossval import LeaveOneOut as LeaveOneOut
from .crossval import cross_validate as cross_validate
from .crossval import leave_one_out as leave_one_out
from .metrics import attention_index as attention_index
from .metrics import correlation as correlation
from .metrics import information_rate as information_rate
from .metrics import mesd as mesd
from .metrics import window_accuracy as window_accuracy
from .metrics import window_margins as window_margins
from .ridge import RidgeDecoder as RidgeDecoder
from .significance import binomial_interval as binomial_interval
from .significance import binomial_threshold as binomial_threshold
from .significance import chance_interval as chance_interval
from .significance import chance_threshold as chance_threshold
from .significance import permutation_p as permutation_p
from .significance import refit_permutation_p as refit_permutation_p
from .splits import audit_split as audit_split
from .splits import folds as folds
from .splits import leave_one_out_folds as leave_one_out_folds
from .study import AadStudy as AadStudy

__all__ = [
    "AadConfig",
    "AadStudy",
    "Decoding",
    "LeaveOneOut",
    "RidgeDecoder",
    "attention_index",
    "audit_split",
    "binomial_interval",
    "binomial_threshold",
    "chance_interval",
    "chance_threshold",
    "correlation",
    "cross_validate",
    "folds",
    "information_rate",
    "leave_one_out",
    "leave_one_out_folds",
    "mesd",
    "permutation_p",
    "refit_permutation_p",
    "window_accuracy",
    "window_margins",
]
