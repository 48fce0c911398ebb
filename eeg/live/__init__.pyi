from .chain import Chain as Chain
from .chain import features as features
from .delay import Delay as Delay
from .follower import EnvelopeFollower as EnvelopeFollower
from .front import EegSource as EegSource
from .front import Front as Front
from .front import SoundSource as SoundSource
from .model import LiveDecoder as LiveDecoder
from .model import Preprocessing as Preprocessing
from .saving import load as load
from .saving import save as save
from .switches import SwitchFilter as SwitchFilter
from .switches import calibrated as calibrated
from .switches import switch_delay as switch_delay
from .windows import Decision as Decision

__all__ = [
    "Chain",
    "Decision",
    "Delay",
    "EegSource",
    "EnvelopeFollower",
    "Front",
    "LiveDecoder",
    "Preprocessing",
    "SoundSource",
    "SwitchFilter",
    "calibrated",
    "features",
    "load",
    "save",
    "switch_delay",
]
