"""Settings of what a study of attention says about listening with a decoded intent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cogattn.config import Settings


class IntentSettings(Settings):
    """What a decoder's intent is worth to whatever works on the sound."""

    enhance: bool = True
    """Mix both talkers of every trial at equal power, enhance the mixture by the held-out reconstruction of the first
    of `decoders` that reconstructs, and say what the attended talker gains. Needs the sounds, not envelopes alone."""
    method: Literal["components", "loudness"] = "components"
    """components: weigh the mixture's components; loudness: a gain of the whole mixture from moment to moment, the
    baseline."""
    n_components: int = Field(default=20, ge=1, le=200)
    """Components of each minute of a mixture."""
    window_s: float = Field(default=5.0, gt=0)
    """One of `windows_s`: how long a decision takes of which errors are expected."""
    on_target: float = 0.0
    """Error of the speech model on the attended talker, in any unit; with 0 and 1 expected errors are shares of wrong
    picks."""
    on_other: float = 1.0
    """Its error on the other talker, against the attended one's words."""
    on_mixture: float | None = None
    """Its error on the mixture; where given, also the error of a model that takes the mixture while the decoder is
    not sure enough."""
