"""
A search display and where a searcher looks
===========================================

One of the six tasks of :doc:`search </pages/search>` in which people find one kind of target sooner than the other:
tilted among vertical bars, and the reverse. The searcher here is the ideal one, which sees items less well the farther
from its gaze.
"""

import matplotlib.pyplot as plt

from cogattn.exhibits import Picture
from cogattn.registry import load_study, load_target

exhibit = load_target(load_study("search").exhibits["A search display"])
asked = {control.name: control.default for control in exhibit.controls}


def draw(axes: plt.Axes, picture: Picture) -> None:
    """Draw a display, the target in its box, and the fixations in order."""
    axes.imshow(picture.pixels, cmap="gray", vmin=0, vmax=1)
    axes.plot(*picture.points.T, "o-", color="#0072B2", markersize=4, linewidth=1)
    for left, top, right, bottom in picture.boxes:
        axes.add_patch(
            plt.Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="#D55E00")
        )
    axes.axis("off")


figure, panels = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
for axes, condition in zip(panels, ("tilted among vertical", "vertical among tilted"), strict=True):
    shown = exhibit.make(**asked | {"condition": condition})
    draw(axes, shown.parts[0])
    axes.set_title(condition)
plt.show()

# %%
# What the second search came to:
for name, value in shown.facts.items():
    print(f"{name}: {value}")
