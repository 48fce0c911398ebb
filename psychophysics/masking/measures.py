"""What the masking study measures; tables of other runs and studies join on the keys."""

from __future__ import annotations

from dataclasses import replace

from cogattn.measures import Measure

BANDWIDTH = Measure("bandwidth", "octaves", "bandwidth", scale="log")
CENTRE = Measure("centre", "c/image", "centre", scale="log")
PEAK = Measure("peak_sensitivity", "1/SD", "peak sensitivity", scale="log")
CHANNEL = (BANDWIDTH, CENTRE, PEAK)
"""Of the channel by maximum likelihood."""

BANDWIDTH_RATIO = Measure("bandwidth_ratio", "ratio", "bandwidth over people's", scale="log")

PAPER_CHANNEL = (
    Measure("bandwidth.paper", "octaves", "bandwidth, paper's fit", scale="log"),
    Measure("centre.paper", "nominal c/image", "centre, paper's fit", scale="log"),
    Measure("peak_sensitivity.paper", "0.01/SD", "peak sensitivity, paper's fit", scale="log"),
)
"""The same by the paper's fit, in its units."""

PLAIN_CHANNEL = tuple(
    replace(one, key=f"{one.key}.log_gaussian", label=f"{one.label}, log-Gaussian gain") for one in CHANNEL
)
PLAIN_RATIO = replace(
    BANDWIDTH_RATIO, key="bandwidth_ratio.log_gaussian", label=f"{BANDWIDTH_RATIO.label}, log-Gaussian gain"
)
"""The same with the log-Gaussian gain, where the run's is another."""

DISPERSION = Measure("dispersion", "deviance / df", "misfit of the channel", scale="log")

CLEAN_ACCURACY = Measure("accuracy.clean", "share", "accuracy without noise", scale="share")

ALL = (*CHANNEL, BANDWIDTH_RATIO, CLEAN_ACCURACY)
"""What persons may have been measured by, each as it is or under parameters."""
