"""
What foveal attention weighs
============================

Content aside, a key weighs less the farther it lies from the gaze. Three biases of `cogattn.kernels.foveal_attention`
over a field of 16 degrees, and their profiles; the cross is the gaze (:doc:`/foveal_attention`).
"""

import matplotlib.pyplot as plt
import torch

from cogattn.kernels import foveal_scores

along = torch.linspace(-8, 8, 129)
place = torch.cartesian_prod(along, along).flip(-1)[None]  # (1, keys, 2), x and y in degrees
gaze = torch.tensor([[[-2.0, 1.0]]])  # (1, queries, 2)
empty = torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, place.shape[1], 1)
weight = {
    bias: foveal_scores(*empty, gaze, place, bias=bias, alpha=2.0, e2=2.0).exp().reshape(129, 129)
    for bias in ("smooth", "log", "gauss")
}

figure, panels = plt.subplots(1, 4, figsize=(11, 2.8), layout="constrained")
for axes, (bias, field) in zip(panels, weight.items(), strict=False):
    axes.imshow(field / field.max(), extent=(-8, 8, 8, -8), vmin=0, vmax=1)
    axes.plot(*gaze[0, 0], "+", color="#D55E00", markersize=9)
    axes.set_title(bias)
    panels[3].plot(along, field[72] / field.max(), label=bias)
panels[3].set(xlabel="x (degrees)", title="along the gaze's row")
panels[3].legend()
plt.show()
