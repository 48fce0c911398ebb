"""Attended-speaker decoding: can EEG tell which of two talkers a listener follows, and how fast?

Every trial is decoded by a decoder that has not seen it: of the subject's other trials, stories or speakers, or of
other subjects. The study reports accuracy against window length, the minimal expected switch duration, bits per
minute, d', the attended sound's rank among foreign ones and significance, beside a control that should stay near
chance: a decoder of the ignored talker. `plan` says which cells there are, `trials` decodes, `summary` weighs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast, get_args

from cogattn.eeg.aad import plan
from cogattn.eeg.aad.config import AadConfig, DecoderName, SignificanceSettings
from cogattn.eeg.encoding import plan as encoding
from cogattn.eeg.recordings.config import SimulatedTalkers
from cogattn.observers.observer import Observer
from cogattn.seeds import Streams
from cogattn.study import Cell, Cost, Kind, Outcome, Results, Schema, Study, Trials

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.exhibits import Shown
    from cogattn.running.checkpoints import Checkpoint


class AadStudy(Study[AadConfig]):
    """Attended-speaker decoding from two-talker EEG."""

    name: ClassVar[str] = "aad"
    question: ClassVar[str] = "Which of two talkers does the listener attend to, and how soon can one tell?"
    version: ClassVar[int] = 4
    Config: type[AadConfig] = AadConfig
    reference: ClassVar[str] = (
        "@article{geirnaert2021electroencephalography,\n"
        "  title = {Electroencephalography-Based Auditory Attention Decoding: Toward Neurosteered Hearing\n"
        "    Devices},\n"
        "  author = {Geirnaert, Simon and Vandecappelle, Servaas and Alickovic, Emina and\n"
        "    de Cheveign{\\'e}, Alain and Lalor, Edmund and Meyer, Bernd T. and Miran, Sina and\n"
        "    Francart, Tom and Bertrand, Alexander},\n"
        "  journal = {IEEE Signal Processing Magazine},\n"
        "  volume = {38}, number = {4}, pages = {89--102}, year = {2021}\n"
        "}"
    )
    tables: ClassVar[Mapping[str, Schema]] = plan.TABLES
    derivatives: ClassVar[str] = "cogattn.eeg.derivatives.aad:derivatives"
    exhibits: ClassVar[Mapping[str, str]] = {
        "Who is listened to?": "cogattn.eeg.aad.exhibits:RUNNING_DECISION"
    }
    commands: ClassVar[Mapping[str, str]] = {
        "train": "cogattn.eeg.aad.live_commands:train",
        "live": "cogattn.eeg.aad.live_commands:live",
        "play": "cogattn.eeg.aad.live_commands:play",
        "benchmark": "cogattn.eeg.aad.benchmark_command:benchmark",
    }
    kind: ClassVar[Kind] = "explains people"
    on_card: ClassVar[Sequence[str]] = ("accuracy.5s", "accuracy.60s", "mesd", "bits_per_minute.5s")

    def check(self, config: AadConfig) -> None:
        """Refuse what cannot be decoded: see `cogattn.eeg.aad.preflight`."""
        from cogattn.eeg.aad.preflight import check
        from cogattn.eeg.encoding.preflight import check as check_models
        from cogattn.eeg.encoding.preflight import check_sounds

        check(config)
        taken = [*(decoder.id for decoder in plan.decoders_of(config)), *_listeners(config)]
        check_sounds(config.models, config.recordings)
        check_models(config.models, config.encoding, seed=config.seed, taken=taken)

    def observers(self, config: AadConfig) -> Sequence[Observer]:
        """Return the decoders, the control last of them, then front ends, then the listeners."""
        fronts = encoding.observers(config.models, config.encoding)
        listeners = [Observer(name, role="listener") for name in _listeners(config)]
        return [*plan.decoders_of(config), *fronts, *listeners]

    def cells(self, config: AadConfig) -> Sequence[Cell]:
        """Return one cell per listener and decoder, the control among them, and one per listener's response.

        Raises
        ------
        ConfigError, DataError
            If the folder holds no recording.
        """
        return plan.plan(config, _listeners(config))

    def relevant(self, config: AadConfig, cell: Cell) -> AadConfig:
        """Return what matters to one listener under one decoder: see `cogattn.eeg.aad.plan.relevant`."""
        return plan.relevant(config, cell)

    def contents(self, config: AadConfig, cell: Cell) -> Mapping[str, str]:
        """Digest the recordings that the cell reads, the sounds, and the front end's weights and code."""
        from cogattn.eeg.recordings.files import digests

        read = digests(config.recordings, plan.read_by(config, cell, _listeners(config)))
        if not isinstance(cell, encoding.EncodingCell):
            return read
        from cogattn.eeg.encoding.fronts import content

        return {**read, **content(cell.model, config.encoding, seed=config.seed, untrained=cell.untrained)}

    def inputs(self, config: AadConfig) -> Mapping[str, str]:
        """Return the digest of the table of persons, where there is one: all else the summary has from the trials."""
        from cogattn.people.tables import digests

        return digests(config.humans)

    def published(self) -> Mapping[str, Callable[[], pd.DataFrame]]:
        """Return published decoders on public data sets, a table for each data set."""
        from cogattn.eeg.aad.published import published

        return published()

    def cost(self, config: AadConfig, cell: Cell) -> Cost:
        """Estimate from the length of the recording and the decoder."""
        from cogattn.eeg.aad.cost import cost

        return cost(config, cell, _listeners(config))

    def run_cell(
        self, config: AadConfig, cell: Cell, rng: Streams, *, checkpoint: Checkpoint | None = None
    ) -> Outcome:
        """Decode one listener, or fit the listener's response; columns are described in `plan`."""
        from cogattn.eeg.aad import trials

        if isinstance(cell, plan.ResponseCell):
            return trials.respond(config, cell)
        if isinstance(cell, plan.FeatureCell):
            return trials.weigh(config, cell)
        if isinstance(cell, plan.EnhancementCell):
            from cogattn.eeg.aad.enhancement import enhance

            return enhance(config, cell)
        if isinstance(cell, encoding.EncodingCell | encoding.CeilingCell):
            from cogattn.eeg.encoding.attending import run

            return run(config, cell)
        return trials.run(config, cast(plan.DecodingCell, cell), rng, checkpoint)

    def summarise(self, config: AadConfig, trials: Trials) -> Results:
        """Average over listeners, with intervals over listeners."""
        from cogattn.eeg.aad import summary

        return summary.summarise(config, trials)

    def stimulus(self, config: AadConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return both talkers' envelopes and the EEG of a window or trial, and what was decided."""
        from cogattn.eeg.aad import shown

        return shown.stimulus(config, task, trial)

    def demo(self) -> AadConfig:
        """Return a small run on three simulated listeners."""
        return AadConfig(
            recordings=SimulatedTalkers(n_listeners=3, n_trials=12, trial_s=60.0, n_channels=16),
            decoders=("ridge",),
            significance=SignificanceSettings(n_permutations=199),
        )

    def carded(self, model: str) -> AadConfig | None:
        """Return six simulated listeners for a decoder of this study; networks that see do not apply."""
        if model not in get_args(DecoderName):
            return None
        return AadConfig(
            recordings=SimulatedTalkers(n_listeners=6, n_trials=12, trial_s=60.0, n_channels=16),
            decoders=(cast(DecoderName, model),),
            significance=SignificanceSettings(n_permutations=199),
        )

    def simulated(self, config: AadConfig) -> bool:
        """Return whether listeners are simulated."""
        return isinstance(config.recordings, SimulatedTalkers)


def _listeners(config: AadConfig) -> list[str]:
    from cogattn.eeg.recordings.files import listeners

    return listeners(config.recordings)
