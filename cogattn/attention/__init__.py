"""Attention that knows where its tokens lie in the visual field, as modules over `cogattn.kernels`.

- `FovealAttention`: from gazes to patches, with a bias that falls with eccentricity.
- `ObjectAttention`: from gazes to objects, with a log-polar table of gain and bias and a weight for area; in
  `ObjectEncoder`, `ObjectDecoder` and `PointerHead`.
- `FoveatedTransformer`: any vision transformer of timm, its patches weighed by their eccentricity from gaze.

With all their geometric parameters at 0, where they start, the first two are scaled dot-product attention, and the
third is the plain transformer. Importing this package, or `cogattn.attention.config`, imports no torch; the modules
load when first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
