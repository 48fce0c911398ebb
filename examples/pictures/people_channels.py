"""
The channels of fourteen people and of 85 networks
==================================================

Published counts (Subramanian et al. 2023), fitted anew: each person's power gain over spatial frequency, and the
networks' bandwidths beside theirs.
"""

import matplotlib.pyplot as plt
import numpy as np

from cogattn.figures import plain_log_ticks
from cogattn.psychophysics.masking import (
    fit_channels,
    population_channel,
    published_counts,
    published_networks,
)

people = published_counts()
population = population_channel(people.n_correct, people.n_trials, people.noise_sds)
networks = published_networks()
channels = fit_channels(networks.n_correct, networks.n_trials, networks.noise_sds)

# %%
# An octave is a factor of two; the bandwidth is the full width at half height.
frequencies = np.geomspace(2, 224, 200)  # cycles per image
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for channel in population.channels:
    left.semilogx(frequencies, channel.gain(frequencies), color="#D55E00", alpha=0.4, linewidth=1)
left.set(xlabel="spatial frequency (cycles per image)", ylabel="power gain", title="14 people")

for fitted, colour, name in ((channels, "#0072B2", "networks"), (population.channels, "#D55E00", "people")):
    known = [channel for channel in fitted if channel.identified]
    right.loglog(
        [channel.center_cpi for channel in known],
        [channel.bandwidth_octaves for channel in known],
        "o", color=colour, alpha=0.6, label=f"{len(known)} {name}",
    )  # fmt: skip
right.set(xlabel="centre (cycles per image)", ylabel="bandwidth (octaves)")
plain_log_ticks(right, (5, 10, 20, 40))
plain_log_ticks(right, (1, 2, 3, 4), axis="y")
right.legend()
plt.show()

# %%
# The mean person, with its interval over people:
print(population.bandwidth_octaves)
