from .conditioning import Conditioned as Conditioned
from .conditioning import EnvelopeDriven as EnvelopeDriven
from .conditioning import Intent as Intent
from .conditioning import Scene as Scene
from .conditioning import SeparatedTalkers as SeparatedTalkers
from .conditioning import Separator as Separator
from .conditioning import SpeechModel as SpeechModel
from .conditioning import blend as blend
from .conditioning import condition as condition
from .conditioning import si_sdr as si_sdr
from .enhancing import LOUDNESS_ONLY as LOUDNESS_ONLY
from .enhancing import EnvelopeEnhancer as EnvelopeEnhancer
from .enhancing import Prior as Prior
from .expecting import expected_error as expected_error
from .expecting import soft_error as soft_error
from .selecting import Selector as Selector
from .tracking import Band as Band
from .tracking import Tracking as Tracking

__all__ = [
    "LOUDNESS_ONLY",
    "Band",
    "Conditioned",
    "EnvelopeDriven",
    "EnvelopeEnhancer",
    "Intent",
    "Prior",
    "Scene",
    "Selector",
    "SeparatedTalkers",
    "Separator",
    "SpeechModel",
    "Tracking",
    "blend",
    "condition",
    "expected_error",
    "si_sdr",
    "soft_error",
]
