"""
Which talker is listened to? A decision that runs
=================================================

A simulated listener follows one of two talkers. An envelope is decoded from the EEG by ridge regression, and the
talker whose own envelope it follows better over the last seconds is taken to be the attended one (:doc:`aad </aad>`).
"""

import matplotlib.pyplot as plt

from cogattn.registry import load_study, load_target

exhibit = load_target(load_study("aad").exhibits["Who is listened to?"])
asked = {control.name: control.default for control in exhibit.controls} | {"snr_db": -30}
windows_s = (2, 5, 15)

figure, panels = plt.subplots(len(windows_s), 1, figsize=(8, 5.5), sharex=True, layout="constrained")
for axes, window_s in zip(panels, windows_s, strict=True):
    shown = exhibit.make(**asked | {"window_s": window_s})
    series = next(part for part in shown.parts if "correlation" in part.y_label)
    for name, line in series.lines.items():
        axes.plot(series.x, line, label=name)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(title=f"window of {window_s} s", ylabel="correlation")
panels[0].legend(ncols=2)
panels[-1].set_xlabel(series.x_label)
plt.show()

# %%
# The longer the window, the surer the decision, and the later. Beside the last picture:
for name, value in shown.facts.items():
    print(f"{name}: {value}")
