"""
How many sweeps until a response is found?
==========================================

Complex values of one frequency, a response of a tenth of the noise in each sweep: how often four tests of
`cogattn.eeg.efr` find it, and how often they find one that is not there.
"""

import matplotlib.pyplot as plt
import numpy as np

from cogattn.eeg.efr import hotelling_t2, magnitude_squared_coherence, rayleigh, t2circ

rng = np.random.default_rng(0)
n_listeners, alpha = 2000, 0.05
n_sweeps = np.array([10, 30, 100, 300, 1000])
noise = rng.standard_normal((n_sweeps[-1], n_listeners, 2)) @ [1, 1j] / np.sqrt(2)  # (sweeps, listeners)
tests = {
    "T2circ": t2circ,
    "Hotelling's T2": hotelling_t2,
    "coherence": magnitude_squared_coherence,
    "Rayleigh": rayleigh,
}

figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True, layout="constrained")
for axes, response in zip(panels, (0.1, 0.0), strict=True):
    for name, test in tests.items():
        found = [(test(noise[:n] + response).p < alpha).mean() for n in n_sweeps]
        axes.semilogx(n_sweeps, found, "o-", label=name, alpha=0.7)
    axes.axhline(alpha, color="grey", linewidth=0.8)
    axes.set(xlabel="sweeps", ylabel=f"share with p < {alpha:g}", title=f"response {response:g} of the noise")
panels[0].legend()
panels[1].set_ylim(0, 0.1)
plt.show()
