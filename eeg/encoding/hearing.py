"""What cells of the envelope-following study run for front ends."""

from __future__ import annotations

from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.fronts import build
from cogattn.eeg.encoding.modulation import measure
from cogattn.eeg.encoding.plan import MODULATION, ModulationCell
from cogattn.seeds import Streams
from cogattn.study import Outcome

PROBE = "modulation probe"


def modulation(settings: EncodingSettings, cell: ModulationCell, *, seed: int) -> Outcome:
    """Let a front end hear modulated noise, the same for all front ends of a seed; rows of table ``modulation``."""
    front = build(cell.model, settings, seed=seed, untrained=cell.untrained, all_layers=True)
    rows = measure(front, Streams(seed).generator(PROBE)).assign(observer=cell.reader.id)
    return Outcome({"modulation": rows[list(MODULATION)]})
