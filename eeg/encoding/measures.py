"""What encoding models measure: keys that tables join on. Correlations are means over channels and trials."""

from __future__ import annotations

from cogattn.measures import Measure

ATTENDED = Measure("explained.attended", "r", "EEG predicted, attended talker", scale="correlation")
"""By the features alone. Of people: one listener's EEG predicted from the others' mean."""
ATTENTION = Measure("explained.attention", "r", "EEG predicted, attended less ignored talker")
"""By the features alone."""
GAIN = Measure("explained.gain", "r", "gain beyond the envelope")
"""Of the attended talker: envelope and features less envelope."""
ATTENTION_GAIN = Measure(
    "explained.attention_gain", "r", "gain beyond the envelope, attended less ignored talker"
)
"""How much more features add for the attended talker than for the ignored one."""
SHIFTED = Measure("explained.gain.shifted", "r", "gain of features moved in time")
"""The null: about 0."""

SHAPE = Measure("modulation.shape", "r", "shape of the modulation transfer", scale="correlation")
"""Correlation over frequencies of the log gain from envelope to features with that from envelope to EEG."""
CUTOFF = Measure("modulation.cutoff", "Hz", "3-dB cutoff of the modulation transfer", scale="log")

ENCODING = (ATTENDED, ATTENTION, GAIN, ATTENTION_GAIN, SHIFTED)
MODULATION = (SHAPE, CUTOFF)
