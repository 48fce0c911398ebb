"""What it takes to raise a network on diets, roughly: its work is counted on the meta device, without numbers.

Rates were measured on one core, in steps of 8 to 32 pictures of 64 pixels (of 224 for a transformer that takes no
other), for six networks of timm from test_resnet to ResNet-50, whose steps they tell within a factor of 1.7. Drawing or
reading the pictures is not counted: 4 ms each, once in a process.
"""

from __future__ import annotations

from torch import nn

from cogattn.observers.config import TimmObserver
from cogattn.observers.rates import count_work
from cogattn.observers.roster import observer_names
from cogattn.observers.skeletons import skeleton_of
from cogattn.psychophysics.search.raised import side_of
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.scenario import Effort

S_PER_GMAC, S_PER_MACT = 0.09, 0.007
"""Of a picture, forwards and back: for a billion multiply-adds, and a million activations."""
LAYER_S, MPARAMETER_S = 1.3e-3, 3e-3
"""Of a step, however small: for a layer of weights, and for the optimiser's million parameters."""
BACK = 3
"""How much longer a picture takes forwards and back than forwards alone."""
KEPT_BYTES = 12
"""Of an activation, until the gradient is known: outputs, what is normalised and rectified of them."""


def effort(config: RehearsalConfig, *, most_tested: int) -> Effort | None:
    """Return what a network of timm takes; None for your own, whose code is not run beforehand.

    Parameters
    ----------
    config : RehearsalConfig
        Its observer is counted, whose weights are neither read nor drawn.
    most_tested : int
        Test pictures that there are, at most.
    """
    if not isinstance(config.observer, TimmObserver):
        return None
    module = skeleton_of(observer_names(config.observer)[0]).module
    try:
        work = count_work(module, size=side_of(module))
    except (RuntimeError, NotImplementedError):
        return None
    layers = sum(isinstance(layer, nn.Linear | nn.modules.conv._ConvNd) for layer in module.modules())
    item_s = S_PER_GMAC * work.gmacs + S_PER_MACT * work.macts
    return Effort(
        item_s=item_s,
        tested_s=item_s / BACK,
        step_s=LAYER_S * layers + MPARAMETER_S * work.n_parameters / 1e6,
        weights=work.n_parameters,
        item_bytes=KEPT_BYTES * round(1e6 * work.macts),
        most_tested=most_tested,
    )
