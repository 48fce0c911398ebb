"""An ideal observer with a known channel: it matches templates, so the right fit of its answers is known.

The observer knows the noise-free image S of every trial. Its template for S passes through a channel of power
gain G, log-Gaussian, G(f) = 2^-(2 log2(f / f0) / BW)^2. Template components are phasors of magnitude sqrt(G):

    T = sqrt(G) e^(i phase(S)) (c +- i sqrt(1 - c^2)),        response to F: sum over f of conj(T) F.

Turning each component by the angle whose cosine is c, to one side or the other at random, leaves |T|^2 = G
exactly, and with it the gain of external noise; the response to the image itself is c sum sqrt(G) |S|. With
c = 1 an observer that knows the image exactly would name it in noise far beyond [0, 1]; c, its efficiency, is
set for each image so that without noise the image stands `CLEAN_D_PRIME` above its rivals.

The n - 1 rivals are fixed textures of random phase seen through the same channel. Their responses to an image
spread about 0 with variance sum G |S|^2, which is what confuses the observer without noise. Noise of SD s and
power spectrum P gives every response variance s^2 sum P G, so d' falls as

    d'^2 = CLEAN_D_PRIME^2 / (1 + s^2 sum P G / sum G |S|^2).

Thresholds thus lie a few times above the image's own contrast in the channel: 20 % of a photograph's contrast
and a channel in mid-frequencies put them between 0.01 and 0.16. Answers depend on the stimulus alone, and no
random number is drawn while it answers.

The fall of accuracy with d' is not the psychometric function of `channel`'s maximum-likelihood fit. With
unlimited trials that shifts the fitted bandwidth by -2 % +- 3 % (mean and SD over channels of 1 to 3 octaves
at 5 to 56 cycles per image; at most 10 %) and the fitted centre by less than 1 % of a bandwidth (SD).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.errors import ObserverError

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import TemplateObserver

CLEAN_D_PRIME = 3.0
"""Standard deviations of a rival's response by which the right template wins without noise: .98 of 16."""


class TemplateResponder:
    """A template observer at work.

    Parameters
    ----------
    settings : TemplateObserver
        Channel and number of alternatives.
    size : int
        Side of the images in pixels.
    rng : numpy.random.Generator
        Draws the rivals and the side to which components are turned, once.

    Attributes
    ----------
    gain : Tensor, shape (size, size // 2 + 1)
        Power gain G on the grid of ``torch.fft.rfft2``; 0 at the mean.

    Raises
    ------
    ObserverError
        If the channel holds no frequency of the image, or by `answer` if stimuli and signals do not fit.
    """

    def __init__(self, settings: TemplateObserver, size: int, *, rng: np.random.Generator) -> None:
        self.size = size
        self.gain = check_channel(settings, size)
        self._side = _spectrum(_white(1, size, rng)).imag.sign()  # antisymmetric: the template stays real
        real = size if size % 2 else size // 2  # their own conjugates every so many rows and columns
        self._side[:, ::real, ::real] = 0
        self._rivals = _image(
            self.gain.sqrt() * _phasor(_spectrum(_white(settings.n_alternatives - 1, size, rng)))
        )

    def answer(self, stimuli: Tensor, signals: Tensor) -> NDArray[np.int64]:
        """Return which alternative matches best, shape (n,): 0 is the image that was shown, 1 ... are rivals.

        Parameters
        ----------
        stimuli : Tensor, shape (n, size, size)
            Images with noise.
        signals : Tensor, shape (n, size, size)
            The same images without.
        """
        if stimuli.shape != signals.shape or stimuli.shape[1:] != (self.size, self.size):
            raise ObserverError(
                f"stimuli and signals must both be (n, {self.size}, {self.size}); "
                f"got {tuple(stimuli.shape)} and {tuple(signals.shape)}"
            )
        own = (self.templates(signals) * stimuli).mean(dim=(1, 2))
        rivals = stimuli.flatten(1) @ self._rivals.flatten(1).T / self.size**2
        return torch.column_stack([own, rivals]).argmax(dim=1).numpy()

    def name(
        self, stimuli: Tensor, signals: Tensor, labels: NDArray[np.int64], *, n_categories: int
    ) -> NDArray:
        """Return category answers, shape (n,): the label where the image wins, else another category.

        Parameters
        ----------
        stimuli, signals : Tensor, shape (n, size, size)
            As for `answer`.
        labels : array of int, shape (n,)
            Category of each image, below `n_categories`.
        n_categories : int
            At least two. Rival j stands for the j-th category after the image's own, in a circle.
        """
        winner = self.answer(stimuli, signals)
        other = (labels + 1 + (winner - 1) % (n_categories - 1)) % n_categories
        return np.where(winner == 0, labels, other)

    def templates(self, signals: Tensor) -> Tensor:
        """Return the real templates, (n, size, size), whose power spectra are the gain; see the module."""
        spectrum = _spectrum(signals)
        passed = self.gain.sqrt() * spectrum.abs()
        leak = _total(passed**2).sqrt()  # SD of a rival's response, (n, 1, 1)
        matched = (CLEAN_D_PRIME * leak / _total(passed).clamp_min(torch.finfo(passed.dtype).tiny)).clamp(
            max=1
        )
        turned = torch.complex(matched.expand_as(passed), (1 - matched**2).sqrt() * self._side)
        turned = torch.where(self._side == 0, torch.ones_like(turned), turned)  # real components cannot turn
        return _image(self.gain.sqrt() * _phasor(spectrum) * turned)


def check_channel(settings: TemplateObserver, size: int) -> Tensor:
    """Return the observer's power gain; raise ObserverError if it passes no frequency of a `size` x `size` image."""
    gain = channel_gain(size, settings.center_cpi, settings.bandwidth_octaves)
    if not bool((gain > 0.5).any()):
        raise ObserverError(
            f"observer.center_cpi and observer.bandwidth_octaves must pass a frequency of the images; "
            f"got {settings.center_cpi:g} c/image, {settings.bandwidth_octaves:g} octaves, {size} pixels"
        )
    return gain


def channel_gain(size: int, center_cpi: float, bandwidth_octaves: float) -> Tensor:
    """Power gain of a log-Gaussian channel on the grid of ``torch.fft.rfft2``, 1 at its centre, 0 at DC.

    Parameters
    ----------
    size : int
        Side of the image in pixels.
    center_cpi : float
        Cycles per image.
    bandwidth_octaves : float
        Full width at half maximum.
    """
    rows, columns = torch.fft.fftfreq(size) * size, torch.fft.rfftfreq(size) * size
    octaves = torch.log2(torch.hypot(rows[:, None], columns) / center_cpi)  # -inf at DC
    return torch.exp2(-((2 * octaves / bandwidth_octaves) ** 2))


def _white(n: int, size: int, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal((n, size, size), dtype=np.float32))


def _spectrum(images: Tensor) -> Tensor:
    """Fourier coefficients whose squared magnitudes, over the full plane, sum to the mean square."""
    return torch.fft.rfft2(images, norm="forward")


def _image(spectrum: Tensor) -> Tensor:
    """Return to pixels; the mean of the product of two images is then the sum of the product of spectra."""
    size = spectrum.shape[-2]
    return torch.fft.irfft2(spectrum, s=(size, size), norm="forward")


def _phasor(spectrum: Tensor) -> Tensor:
    """Unit phasors; 1 where the coefficient is 0."""
    size = spectrum.abs()
    return torch.where(
        size > 0, spectrum / size.clamp_min(torch.finfo(size.dtype).tiny), torch.ones_like(spectrum)
    )


def _total(half: Tensor) -> Tensor:
    """Sum over the full plane of what is given on rfft2's half of it; (n, 1, 1)."""
    size = half.shape[-2]
    twice = half[..., 1 : (size + 1) // 2].sum(dim=(-2, -1), keepdim=True)
    return half.sum(dim=(-2, -1), keepdim=True) + twice
