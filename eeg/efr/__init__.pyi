from .config import EfrConfig as EfrConfig
from .detectors import Detection as Detection
from .detectors import f_test as f_test
from .detectors import hotelling_t2 as hotelling_t2
from .detectors import magnitude_squared_coherence as magnitude_squared_coherence
from .detectors import pairwise_phase_consistency as pairwise_phase_consistency
from .detectors import rayleigh as rayleigh
from .detectors import snr_db as snr_db
from .detectors import t2circ as t2circ
from .study import EfrStudy as EfrStudy

__all__ = [
    "Detection",
    "EfrConfig",
    "EfrStudy",
    "f_test",
    "hotelling_t2",
    "magnitude_squared_coherence",
    "pairwise_phase_consistency",
    "rayleigh",
    "snr_db",
    "t2circ",
]
