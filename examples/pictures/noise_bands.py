"""
An image in noise of one band
=============================

What an observer of :doc:`masking </masking>` is asked to name. Each column has noise of the same power in another
octave: the image is hard to name where its noise falls into the observer's channel.
"""

import matplotlib.pyplot as plt

from cogattn.registry import load_study, load_target

exhibit = load_target(load_study("masking").exhibits["An image in noise"])
asked = {control.name: control.default for control in exhibit.controls} | {"noise_sd": 0.16}
bands = (0, 2, 4, 6)

figure, panels = plt.subplots(2, len(bands), figsize=(9, 4.4), layout="constrained")
for (above, below), band in zip(panels.T, bands, strict=True):
    shown = exhibit.make(**asked | {"band": band})
    picture, spectrum, _ = shown.parts
    above.imshow(picture.pixels, cmap="gray", vmin=0, vmax=1)
    above.set_title(f"{shown.facts['band, called (cycles per image)']:g} c/image", fontsize=10)
    above.axis("off")
    for name, line in spectrum.lines.items():
        below.semilogx(spectrum.x, line, label=name, drawstyle="steps-mid")
panels[1, 0].set_ylabel(spectrum.y_label)
panels[1, 0].legend()
figure.supxlabel(spectrum.x_label, fontsize="medium")
plt.show()

# %%
# The numbers beside the last picture, of the stimulus as it is shown:
for name, value in shown.facts.items():
    print(f"{name}: {value}")
