"""From what a listener wants to hear to what a speech model makes of it.

The structure is that of AAD-LLM (Jiang et al., 2025) without its language model: an intent is decoded from the brain
and conditions whatever works on the sound. The intent is soft: a probability for each sound on offer, not a pick. A
scene offers the sounds in one of two ways: `EnvelopeDriven` takes the mixture apart by the decoded envelope, with
nothing else given; `SeparatedTalkers` asks a separation model of the user's for talkers and says how likely each is
the one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, overload

import numpy as np

from cogattn.eeg.intent.enhancing import EnvelopeEnhancer
from cogattn.eeg.intent.selecting import Selector
from cogattn.eeg.intent.tracking import Band
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

Output = TypeVar("Output", covariant=True)


@dataclass(frozen=True)
class Intent:
    """What a listener wants to hear, as far as it was decoded.

    Parameters
    ----------
    probabilities : array, shape (n_sounds,)
        That each sound on offer is the wanted one; they sum to 1.
    decoded : array, shape (n_times,)
        The decoded envelope.
    sfreq : float
        Its rate in Hz.
    """

    probabilities: FloatArray
    decoded: FloatArray
    sfreq: float


class Separator(Protocol):
    """A separation model: talkers out of a mixture."""

    def __call__(self, mixture: FloatArray, *, sfreq: float) -> Sequence[FloatArray]:
        """Return two or more sounds, each as long as the mixture (n_samples,)."""
        ...


class SpeechModel(Protocol[Output]):
    """What works on the sounds once it is known who is wanted: a transcriber returns text, `blend` a sound."""

    def __call__(self, sounds: Sequence[FloatArray], intent: Intent, *, sfreq: float) -> Output:
        """Process the sounds on offer, each (n_samples,) at `sfreq` Hz."""
        ...


class Scene(Protocol):
    """What offers sounds to a speech model."""

    def __call__(
        self, mixture: FloatArray, decoded: FloatArray, *, audio_sfreq: float
    ) -> tuple[list[FloatArray], Intent]:
        """Return the sounds, and how likely each is wanted."""
        ...


@dataclass(frozen=True)
class EnvelopeDriven:
    """One sound on offer: the mixture, enhanced by the decoded envelope."""

    enhancer: EnvelopeEnhancer

    def __call__(
        self, mixture: FloatArray, decoded: FloatArray, *, audio_sfreq: float
    ) -> tuple[list[FloatArray], Intent]:
        """Enhance, see `EnvelopeEnhancer`."""
        sound = self.enhancer(mixture, decoded, audio_sfreq=audio_sfreq)
        return [sound], Intent(np.ones(1), decoded, self.enhancer.tracking.band.sfreq)


@dataclass(frozen=True)
class SeparatedTalkers:
    """The talkers of a separation model, each with the probability that it is attended.

    Parameters
    ----------
    separator : Separator
        Of the user's.
    selector : Selector
        With the sharpness learned on held-out windows.
    band : Band
        The decoder's.
    envelope : Envelope, optional
        As in the decoder's training; the default recipe when absent.
    """

    separator: Separator
    selector: Selector
    band: Band
    envelope: Envelope | None = None

    def __call__(
        self, mixture: FloatArray, decoded: FloatArray, *, audio_sfreq: float
    ) -> tuple[list[FloatArray], Intent]:
        """Separate and weigh; DataError where the separator returns fewer than two sounds, or of other length."""
        talkers: list[FloatArray] = [
            np.asarray(s, dtype=np.float64) for s in self.separator(mixture, sfreq=audio_sfreq)
        ]
        if len(talkers) < 2 or any(t.shape != mixture.shape for t in talkers):
            raise DataError(
                f"separator must return two sounds or more of shape {mixture.shape}; "
                f"got {[t.shape for t in talkers]}"
            )
        sfreq = self.band.sfreq
        recipe = self.envelope or Envelope(sfreq=sfreq)
        envelopes = [self.band.of(resample(recipe(t, audio_sfreq), recipe.sfreq, sfreq)) for t in talkers]
        n = min(len(decoded), len(envelopes[0]))
        if max(len(decoded), len(envelopes[0])) - n > sfreq:
            raise DataError(
                f"the mixture must last as long as what was decoded; got {len(envelopes[0]) / sfreq:g} s for "
                f"{len(decoded) / sfreq:g} s"
            )
        p = self.selector(decoded[:n], [e[:n] for e in envelopes], sfreq=sfreq)
        return talkers, Intent(p, decoded, sfreq)


def blend(sounds: Sequence[FloatArray], intent: Intent, *, sfreq: float) -> FloatArray:
    """Sounds weighted by the probability that each is wanted: the expected wanted sound, of least squared error.

    Sounds are (n_samples,). Between two talkers of equal probability this is the mixture, so that nobody is taken away
    on a guess.
    """
    return np.tensordot(intent.probabilities, np.stack(list(sounds)), axes=1)


@dataclass(frozen=True)
class Conditioned(Generic[Output]):
    """The intent, and what the speech model made of the sounds under it."""

    intent: Intent
    output: Output


@overload
def condition(
    mixture: FloatArray, decoded: FloatArray, *, audio_sfreq: float, scene: Scene
) -> Conditioned[FloatArray]: ...


@overload
def condition(
    mixture: FloatArray, decoded: FloatArray, *, audio_sfreq: float, scene: Scene, model: SpeechModel[Output]
) -> Conditioned[Output]: ...


def condition(mixture, decoded, *, audio_sfreq, scene, model=blend):
    """Run a speech model on a mixture, conditioned on what a listener wants to hear.

    Parameters
    ----------
    mixture : array, shape (n_samples,)
        What the listener heard.
    decoded : array, shape (n_times,)
        The envelope that a decoder reconstructed from the EEG meanwhile, from the mixture's first sample on.
    audio_sfreq : float
        Rate of the mixture in Hz.
    scene : Scene
        `EnvelopeDriven` where there is no separation model, else `SeparatedTalkers`.
    model : SpeechModel
        `blend`, or any transcriber or captioner of the same form.

    Returns
    -------
    Conditioned
    """
    sounds, intent = scene(mixture, decoded, audio_sfreq=audio_sfreq)
    return Conditioned(intent, model(sounds, intent, sfreq=audio_sfreq))


def si_sdr(estimate: FloatArray, reference: FloatArray) -> float:
    """Scale-invariant signal-to-distortion ratio of two sounds (n_samples,), in decibels (Le Roux et al. 2019)."""
    target, found = reference - reference.mean(), estimate - estimate.mean()
    energy = float(target @ target)
    if not energy > 0:
        raise DataError("reference must vary; got silence")
    projected = (float(found @ target) / energy) * target
    error = found - projected
    return float(10 * np.log10(max(projected @ projected, 1e-300) / max(error @ error, 1e-300)))
