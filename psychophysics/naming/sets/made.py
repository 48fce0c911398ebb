"""Manipulations of photographs, made as those that people saw in nine of the sets (Geirhos et al. 2018).

An image is (3, height, width), RGB code values in [0, 1]; so is what is made of it, rounded to the 8 bits that people
saw, too (at 1 % contrast three grey levels are left). *Grey* is skimage's: .2125 R + .7154 G + .0721 B of the code
values.

======================  =================================================================  =============================
set                     what is done                                                       conditions
======================  =================================================================  =============================
``colour``              nothing; grey                                                      cr; bw
``contrast``            grey g becomes (1 - c) / 2 + c g                                   c = 100, 50 ... 1 %
``false-colour``        nothing; both chromatic axes about mid-grey turned round           true; false
``high-pass``           grey less its low-pass, its mean moved to .4423, clipped           SD inf, 3 ... .4 pixels
``low-pass``            grey, Gaussian filter, .4423 beyond the edges                      SD 0, 1 ... 40 pixels
``phase-scrambling``    grey, phases moved by uniform noise of that half width, clipped    0, 30 ... 180 degrees
``power-equalisation``  grey; with the mean amplitude spectrum of all images, clipped      0; pow
``rotation``            grey, turned counter-clockwise                                     0, 90, 180, 270 degrees
``uniform-noise``       grey, contrast 30 %, uniform noise of that half width, clipped     0, .03 ... .9
======================  =================================================================  =============================

Taken from their code. Not known from it: how photographs were cropped, and the nonlinearity of their monitor, which
false colours pass through: here it is sRGB's, which is not their measured one. .4423 is the mean grey of *their*
photographs and stays; their SDs in pixels refer to images of 256 (networks saw the central 224). The mean amplitude
spectrum is that of the run's own images. Noise and phases are drawn from the run's seed, one pattern an image.
Salt-and-pepper noise and the eidolons are left out: people's salt-and-pepper trials are not among the published
sets, and the eidolons need a toolbox of their own.

References
----------
Geirhos, Medina Temme, Rauber, Schuett, Bethge, Wichmann (2018), NeurIPS; code at
github.com/rgeirhos/generalisation-humans-DNNs. Brainard (1996), Cone contrast and opponent modulation color spaces.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.naming.sets.facts import FACTS
from cogattn.seeds import Streams
from cogattn.vision.images.listing import ImageList

Image = NDArray[np.float32]
Array = NDArray[np.float64]

GREY = np.array([0.2125, 0.7154, 0.0721])
MEAN_GREY = 0.4423
"""Of the photographs of Geirhos et al. (2018)."""
NOISE_CONTRAST = 0.3
"""Of photographs in uniform noise."""
CONES = np.array(
    [
        [0.1619982647, 0.208049264, 0.0389347448],
        [0.0330275785, 0.2496504557, 0.0618343518],
        [0.0015524055, 0.0198861001, 0.1890224274],
    ]
)
"""Excitation of L, M and S cones by the red, green and blue of the monitor of Geirhos et al. (2018), at full drive."""
MADE: tuple[str, ...] = (
    "colour", "contrast", "false-colour", "high-pass", "low-pass", "phase-scrambling", "power-equalisation",
    "rotation", "uniform-noise",
)  # fmt: skip
"""Sets that can be made from any photographs."""


MOST_AVERAGED = 1000
"""Images whose amplitude spectra are averaged, drawn by the seed."""


@dataclass(frozen=True, eq=False)
class MadeImages:
    """Whole images as a set shows them.

    Parameters
    ----------
    whole : ImageList
        Photographs, or drawn images.
    name : str
        One of `MADE`.
    shown : tuple of (int, str)
        Image and condition of each.
    seed : int
        The run's.
    """

    whole: ImageList
    name: str
    shown: tuple[tuple[int, str], ...]
    seed: int

    @classmethod
    def of(
        cls, whole: ImageList, name: str, conditions: Sequence[str], *, each: Literal["one", "all"], seed: int
    ) -> MadeImages:
        """Plan which image is shown in which condition: all, or one so that each has as many of every category."""
        wanted = [one for one in FACTS[name].conditions if not conditions or one in conditions]
        if each == "all":
            return cls(whole, name, tuple((i, one) for i in range(len(whole)) for one in wanted), seed)
        order = Streams(seed).generator("made", name).permutation(len(whole))
        seen: Counter[int] = Counter()
        chosen = {}
        for image in order.tolist():
            label = int(whole.labels[image])
            chosen[image] = wanted[(label + seen[label]) % len(wanted)]
            seen[label] += 1
        return cls(whole, name, tuple(sorted(chosen.items())), seed)

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def names(self) -> tuple[str, ...]:
        """Of each image."""
        return tuple(self.whole.ids[image] for image, _ in self.shown)

    @property
    def categories(self) -> tuple[str, ...]:
        """The right answer to each."""
        return tuple(self.whole.categories[self.whole.labels[image]] for image, _ in self.shown)

    @property
    def conditions(self) -> tuple[str, ...]:
        """In which each is shown."""
        return tuple(condition for _, condition in self.shown)

    def load(self, index: int) -> Image:
        """Return one as it is shown, (3, size, size) in [0, 1]; raise DataError if it cannot be read."""
        return self.made(index, self.shown[index][1])

    def made(self, index: int, condition: str) -> Image:
        """Return the photograph of one in any condition of the set."""
        image = self.shown[index][0]
        rng = Streams(self.seed).generator("made", self.name, self.whole.ids[image])
        spectrum = self._amplitude if self.name == "power-equalisation" else None
        return make(self.name, condition, self.whole.load_rgb(image), rng=rng, amplitude=spectrum)

    def damaged(self) -> dict[str, str]:
        """Return nothing: damaged photographs were left out when they were listed."""
        return {}

    @cached_property
    def _amplitude(self) -> Array:
        """Mean amplitude spectrum of the run's images, or of as many of them as are enough."""
        order = Streams(self.seed).generator("made", "spectrum").permutation(len(self.whole))[:MOST_AVERAGED]
        spectra = (amplitude_spectrum(self.whole.load_rgb(int(image))) for image in order)
        return functools.reduce(np.add, spectra) / len(order)


def make(
    name: str, condition: str, image: Image, *, rng: np.random.Generator, amplitude: Array | None = None
) -> Image:
    """Return an image as a set shows it in one of its conditions.

    Parameters
    ----------
    name : str
        One of `MADE`.
    condition : str
        One of the set's, as its files call it.
    image : array, shape (3, height, width)
        RGB code values in [0, 1].
    rng : numpy.random.Generator
        Draws noise and phases.
    amplitude : array, shape (height, width), optional
        Mean amplitude spectrum, for ``power-equalisation``: see `amplitude_spectrum`.

    Returns
    -------
    array, shape (3, height, width)
        In [0, 1], in steps of 1 / 255.
    """
    if condition == FACTS[name].control and name in ("colour", "false-colour"):
        return image
    if name == "false-colour":
        return _in_8_bits(_opponent(image.astype(np.float64)))
    grey = np.tensordot(GREY, image.astype(np.float64), axes=1)
    if name == "power-equalisation":
        made = grey if condition == FACTS[name].control else _equalised(grey, amplitude)
    else:
        made = _GREY[name](grey, condition, rng)
    return _in_8_bits(np.broadcast_to(made, (3, *made.shape)))


def amplitude_spectrum(image: Image) -> Array:
    """Return the amplitudes of a photograph's grey values, (height, width)."""
    return np.abs(np.fft.fft2(np.tensordot(GREY, image.astype(np.float64), axes=1)))


def _contrast(grey: Array, condition: str, rng: np.random.Generator) -> Array:
    share = float(condition.removeprefix("c")) / 100
    return (1 - share) / 2 + share * grey


def _high_pass(grey: Array, condition: str, rng: np.random.Generator) -> Array:
    if condition == "inf":
        return grey
    fine = grey - _blurred(grey, float(condition))
    return fine - fine.mean() + MEAN_GREY


def _low_pass(grey: Array, condition: str, rng: np.random.Generator) -> Array:
    return _blurred(grey, float(condition)) if float(condition) else grey


def _blurred(grey: Array, sd: float) -> Array:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(grey, sd, mode="constant", cval=MEAN_GREY)


def _rotated(grey: Array, condition: str, rng: np.random.Generator) -> Array:
    return np.rot90(grey, int(condition) // 90)


def _in_noise(grey: Array, condition: str, rng: np.random.Generator) -> Array:
    pattern = rng.uniform(-1, 1, size=grey.shape)  # one for all conditions of an image
    return _contrast(grey, f"{100 * NOISE_CONTRAST}", rng) + float(condition) * pattern


def _scrambled(grey: Array, condition: str, rng: np.random.Generator) -> Array:
    """Phases of conjugate pairs are moved in opposite directions, so that the image stays real."""
    pattern = rng.uniform(-1, 1, size=grey.shape)
    height, width = grey.shape
    place = np.arange(height * width).reshape(height, width)
    mirrored = np.ix_(-np.arange(height) % height, -np.arange(width) % width)
    other = place[mirrored]
    moves = np.where(place < other, pattern, np.where(place > other, -pattern[mirrored], 0.0))
    if height % 2 == 0:
        moves[height // 2] = 0.0  # half of these frequencies of an even size are their own pairs
    if width % 2 == 0:
        moves[:, width // 2] = 0.0
    return np.fft.ifft2(np.fft.fft2(grey) * np.exp(1j * np.deg2rad(float(condition)) * moves)).real


def _equalised(grey: Array, amplitude: Array | None) -> Array:
    if amplitude is None:
        raise TypeError("power-equalisation needs the mean amplitude spectrum")
    return np.fft.ifft2(amplitude * np.exp(1j * np.angle(np.fft.fft2(grey)))).real


def _opponent(image: Array) -> Array:
    """L - M and S - (L + M), as cone contrasts about mid-grey, change their sign; L + M stays."""
    background = CONES @ np.full(3, 0.5)
    cones = np.tensordot(CONES, _linear(image), axes=1)  # (3, height, width)
    long, middle, short = cones / background[:, None, None] - 1
    share = background[0] / (background[0] + background[1])
    luminance = share * long + (1 - share) * middle
    apart = middle - long
    turned = [luminance + (1 - share) * apart, luminance - share * apart, 2 * luminance - short]
    light = np.tensordot(np.linalg.inv(CONES), (np.stack(turned) + 1) * background[:, None, None], axes=1)
    return _coded(np.clip(light, 0, 1))


def _linear(coded: Array) -> Array:
    """Light of sRGB code values."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def _coded(light: Array) -> Array:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _in_8_bits(image: Array) -> Image:
    return (np.round(np.clip(image, 0, 1) * 255) / 255).astype(np.float32)


_GREY: Mapping[str, Callable[[Array, str, np.random.Generator], Array]] = {
    "colour": lambda grey, condition, rng: grey,
    "contrast": _contrast,
    "high-pass": _high_pass,
    "low-pass": _low_pass,
    "phase-scrambling": _scrambled,
    "rotation": _rotated,
    "uniform-noise": _in_noise,
}
