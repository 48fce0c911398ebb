"""
A response that follows the envelope
====================================

A sound whose level swings at 40 Hz; the EEG of a simulated listener, averaged over more and more seconds of it. The
response stays where the dotted line is, the noise falls (:doc:`efr </efr>`).
"""

import matplotlib.pyplot as plt

from cogattn.registry import load_study, load_target

exhibit = load_target(load_study("efr").exhibits["A response that follows the envelope"])
asked = {control.name: control.default for control in exhibit.controls}

figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
for axes, n_sweeps in zip(panels, (10, 50, 400), strict=True):
    shown = exhibit.make(**asked | {"n_sweeps": n_sweeps})
    spectrum = shown.parts[0]
    for name, line in spectrum.lines.items():
        axes.semilogy(spectrum.x, line, label=name, linewidth=1)
    for mark in spectrum.marks:
        axes.axvline(mark, color="grey", linestyle=":")
    axes.set_title(f"{n_sweeps} s, p = {shown.facts['p (T2circ)']}", fontsize=10)
    axes.set_xlabel(spectrum.x_label)
panels[0].set_ylabel(spectrum.y_label)
panels[0].legend()
plt.show()

# %%
# The best electrode after 400 seconds:
for name, value in shown.facts.items():
    print(f"{name}: {value}")
