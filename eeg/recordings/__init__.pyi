from .config import Cleaning as Cleaning
from .config import EnvelopeSettings as EnvelopeSettings
from .envelope import Envelope as Envelope
from .from_mne import from_epochs as from_epochs
from .from_mne import from_raw as from_raw
from .intake import Intake as Intake
from .recording import Recording as Recording
from .recording import Trial as Trial
from .sources import load as load

__all__ = [
    "Cleaning",
    "Envelope",
    "EnvelopeSettings",
    "Intake",
    "Recording",
    "Trial",
    "from_epochs",
    "from_raw",
    "load",
]
