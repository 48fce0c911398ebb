"""
Where next? The chance of each object
=====================================

A simulated person looks for an item of one colour. Four models of :doc:`scanpath </scanpath>` say, after four
fixations, what is looked at next, and how surprised they are by each fixation. The person's own rule is the best that
a model can do.
"""

import matplotlib.pyplot as plt

from cogattn.registry import load_study, load_target

exhibit = load_target(load_study("scanpath").exhibits["Where next?"])
asked = {control.name: control.default for control in exhibit.controls} | {"fixation": 4}
models = ("centre", "nearest", "histogram", "the person's own")
shown = {model: exhibit.make(**asked | {"model": model}) for model in models}

figure, panels = plt.subplots(1, len(models), figsize=(11, 3), layout="constrained")
for axes, (model, of) in zip(panels, shown.items(), strict=True):
    picture = of.parts[0]
    height, width = picture.pixels.shape[:2]
    axes.imshow(picture.pixels)
    axes.imshow(picture.weights, cmap="magma", alpha=0.6, extent=(0, width, height, 0), vmin=0)
    axes.plot(*picture.points.T, "o-", color="white", markersize=4, linewidth=1)
    axes.set_title(model)
    axes.axis("off")
plt.show()

# %%
# Bits of surprise, fixation by fixation: fewer is better, and equal chances are no model at all.
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for model, of in shown.items():
    series = of.parts[1]
    axes.plot(series.x, series.lines["this model"], "o-", label=model)
axes.plot(series.x, series.lines["equal chances"], "k:", label="equal chances")
axes.set(xlabel=series.x_label, ylabel=series.y_label, xticks=series.x)
axes.legend()
plt.show()
