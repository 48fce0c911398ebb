"""The plan of the attended-speaker study: who takes part, which cells, what their trials hold and depend on.

A cell is one listener's: decoded by one decoder (tables ``window`` and ``trial``), or the listener's response to
the attended talker (table ``response``). In all tables ``listener`` and ``decoder`` are ids of observers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cogattn.eeg.aad.config import (
    LINEAR,
    NETWORKS,
    RECONSTRUCTING,
    AadConfig,
    CcaSettings,
    DecoderName,
    LagSettings,
    SignificanceSettings,
    TrainingSettings,
)
from cogattn.eeg.encoding import plan as encoding
from cogattn.eeg.intent.config import IntentSettings
from cogattn.eeg.recordings.config import Simulated, SimulatedTalkers, Source
from cogattn.eeg.recordings.intake import CONTENT, INTAKE
from cogattn.eeg.recordings.relevant import everybody, of_envelope, own
from cogattn.observers.observer import Observer
from cogattn.study import Cell, Schema

TrainOn = Literal["attended", "unattended"]

TABLES: dict[str, Schema] = {
    "window": {
        "listener": "str",
        "decoder": "str",
        "trial": "str",
        "window_s": "float64",
        "window": "int64",
        "margin": "float64",  # evidence for the attended talker: of correlations, the difference of Fisher's z
        "response": "str",  # attended, unattended or tie
        "correct": "float64",  # 1, 0 or 0.5
    },
    "trial": {
        "listener": "str",
        "decoder": "str",
        "trial": "str",
        "attended": "float64",  # score over the whole trial, a correlation for the reconstructing decoders
        "unattended": "float64",
        "rank": "float64",  # share of foreign sounds that score less than the attended one; NaN without any
        "p": "float64",  # significance over the listener's trials, equal in all rows of a cell
        "test": "str",  # which test gave it
        "warnings": "str",  # what the guards say about split and design, one a line; equal in all rows of a cell
    },
    "response": {
        "listener": "str",
        "channel": "str",
        "lag_s": "float64",
        "amplitude": "float64",  # weight of the forward model for the attended envelope
    },
    "feature": {
        "listener": "str",
        "feature": "str",
        "trial": "str",
        "r": "float64",  # forward model of all features, mean over channels, in a trial that it has not seen
        "without": "float64",  # the same without this feature
    },
    "enhancement": {
        "listener": "str",
        "decoder": "str",
        "trial": "str",
        "duration_s": "float64",  # of the mixture
        "r": "float64",  # correlation of the held-out reconstruction with what was attended
        "contrast": "float64",  # how much more it follows the attended talker, by the other trials; 0 where it does not
        "si_sdr_mixture_db": "float64",  # of the attended talker in the mixture
        "si_sdr_enhanced_db": "float64",
    },
    **encoding.TABLES,
    "recording": INTAKE,
    "content": CONTENT,
}
"""Trial tables of the study."""

CONTROL = Observer("ridge", role="decoder").control("ignored talker")
"""Ridge trained on the talker who is not to be decoded."""


@dataclass(frozen=True, kw_only=True)
class DecodingCell(Cell):
    """One listener, decoded by one decoder.

    Parameters
    ----------
    decoder : str
        Its kind.
    train_on : {"attended", "unattended"}
        Whose envelope it learns; the second is the control.
    """

    decoder: DecoderName
    train_on: TrainOn

    @property
    def reader(self) -> Observer:
        """The decoder as an observer."""
        return CONTROL if self.train_on == "unattended" else Observer(self.decoder, role="decoder")


@dataclass(frozen=True, kw_only=True)
class ResponseCell(Cell):
    """One listener's response to the attended talker."""


@dataclass(frozen=True, kw_only=True)
class FeatureCell(Cell):
    """What each feature of the attended talker adds to one listener's forward model."""


@dataclass(frozen=True, kw_only=True)
class EnhancementCell(Cell):
    """One listener's mixtures, enhanced by what was decoded.

    Parameters
    ----------
    decoder : str
        Whose reconstructions.
    """

    decoder: DecoderName

    @property
    def reader(self) -> Observer:
        """The decoder as an observer."""
        return Observer(self.decoder, role="decoder")


def plan(config: AadConfig, listeners: Sequence[str]) -> list[Cell]:
    """Return a cell per decoder and listener, the control among them, and one per listener's response.

    Of several features a cell per listener says what each adds; a cell per front end and listener, what it explains.
    """
    readers: list[tuple[DecoderName, TrainOn]] = [(name, "attended") for name in config.decoders]
    if config.control:
        readers.append(("ridge", "unattended"))
    decoding = [
        DecodingCell(
            label=f"{listener}, {name if train_on == 'attended' else CONTROL.name}",
            task="decoding",
            observer=listener,
            decoder=name,
            train_on=train_on,
        )
        for name, train_on in readers
        for listener in listeners
    ]
    responses = [ResponseCell(label=f"{who}, response", task="response", observer=who) for who in listeners]
    several = listeners if len(config.features) > 1 else ()
    features = [FeatureCell(label=f"{who}, features", task="features", observer=who) for who in several]
    fronts = encoding.encoding_cells(
        config.models, config.encoding, listeners, ceiling=_may_share_sounds(config.recordings)
    )
    return [*decoding, *responses, *features, *_enhancements(config, listeners), *fronts]


def _may_share_sounds(source: Source) -> bool:
    """Simulated talkers say something else to everybody, unless they read from files."""
    return not isinstance(source, SimulatedTalkers) or source.speech is not None


def enhancing_decoder(config: AadConfig) -> DecoderName:
    """Return the first of the decoders that reconstructs."""
    return next(name for name in config.decoders if name in RECONSTRUCTING)


def _enhancements(config: AadConfig, listeners: Sequence[str]) -> list[EnhancementCell]:
    if config.intent is None or not config.intent.enhance:
        return []
    decoder = enhancing_decoder(config)
    return [
        EnhancementCell(label=f"{who}, enhancement", task="enhancement", observer=who, decoder=decoder)
        for who in listeners
    ]


def decoders_of(config: AadConfig) -> list[Observer]:
    """Return the decoders in the order of the tables, the control last."""
    decoders = [Observer(name, role="decoder") for name in config.decoders]
    return [*decoders, CONTROL] if config.control else decoders


def read_by(config: AadConfig, cell: Cell, listeners: Sequence[str]) -> Sequence[str]:
    """Return the listeners whose recordings a cell reads: its own, or all where decoders come from the others."""
    everybody = config.validation == "subject" and isinstance(cell, DecodingCell | EnhancementCell)
    return listeners if everybody or isinstance(cell, encoding.CeilingCell) else [cell.observer]


def relevant(config: AadConfig, cell: Cell) -> AadConfig:
    """Return the settings that can change this cell's trials, all others at their defaults.

    Other listeners matter only where decoders come from them, other decoders and the switch settings never. Of
    settings that do the same under this cell's decoder, the default stands for all.
    """
    if isinstance(cell, EnhancementCell):
        return _relevant_to_enhancement(config, cell)
    if isinstance(cell, encoding.EncodingCell | encoding.CeilingCell):
        return _relevant_to_encoding(config, cell)
    if not isinstance(cell, DecodingCell):
        source = own(config.recordings, cell.observer)
        chosen: dict[str, Any] = {}
        if isinstance(cell, FeatureCell):
            chosen = {"features": config.features, "banded": config.banded}
        return AadConfig(
            seed=config.seed if isinstance(source, Simulated) else 0,
            **_prepared(config, source),
            **chosen,
        )
    source = _source(config, cell)
    return AadConfig(
        seed=config.seed,
        **_prepared(config, source),
        lags=_lags(config.lags, cell.decoder),
        windows_s=config.windows_s,
        validation=config.validation,
        shared_sounds=config.shared_sounds,
        features=config.features if cell.decoder not in NETWORKS else config.features[:1],
        banded=config.banded if cell.decoder == "forward" and len(config.features) > 1 else True,
        cca=config.cca if cell.decoder == "cca" else CcaSettings(),
        training=config.training if cell.decoder in NETWORKS else TrainingSettings(),
        significance=_significance(config, cell.decoder),
    )


def _prepared(config: AadConfig, source: Source) -> dict[str, Any]:
    """What every cell's trials depend on: the recordings, and what is done to them."""
    return {
        "recordings": source,
        "cleaning": config.cleaning,
        "envelope": of_envelope(config.envelope, source),
        "preprocessing": config.preprocessing,
    }


def _relevant_to_enhancement(config: AadConfig, cell: EnhancementCell) -> AadConfig:
    source, intent = _source(config, cell), config.intent or IntentSettings()
    network = cell.decoder in NETWORKS
    return AadConfig(
        seed=config.seed,
        **_prepared(config, source),
        lags=_lags(config.lags, cell.decoder),
        validation=config.validation,
        shared_sounds=config.shared_sounds,
        features=config.features[:1] if network else config.features,
        training=config.training if network else TrainingSettings(),
        intent=IntentSettings(method=intent.method, n_components=intent.n_components),
    )


def _relevant_to_encoding(config: AadConfig, cell: encoding.EncodingCell | encoding.CeilingCell) -> AadConfig:
    alone = isinstance(cell, encoding.EncodingCell)
    source = own(config.recordings, cell.observer) if alone else everybody(config.recordings)
    chosen: dict[str, Any] = {}
    if isinstance(cell, encoding.EncodingCell):
        validation = "trial" if config.validation == "subject" else config.validation
        chosen = {"models": (cell.model,), "encoding": encoding.relevant(config.encoding, cell)}
        chosen |= {"validation": validation, "shared_sounds": config.shared_sounds}
    return AadConfig(
        seed=config.seed,
        **_prepared(config, source),
        **chosen,
    )


def _source(config: AadConfig, cell: Cell) -> Source:
    """Where the EEG comes from, without the other listeners where they do not matter."""
    if config.validation == "subject":
        return everybody(config.recordings)
    return own(config.recordings, cell.observer)


def _lags(lags: LagSettings, decoder: DecoderName) -> LagSettings:
    """Ridge uses both ends, reconstructing networks the last lag, the others neither."""
    if decoder in LINEAR:
        return lags
    if decoder in ("cnn", "attention"):
        return LagSettings(tmin_s=min(LagSettings().tmin_s, lags.tmax_s), tmax_s=lags.tmax_s)
    return LagSettings()


def _significance(config: AadConfig, decoder: DecoderName) -> SignificanceSettings:
    """The method as far as it is not what ``auto`` does anyway (see `SignificanceSettings`)."""
    given = config.significance
    same = "refit" if decoder in LINEAR else "swap"
    if config.validation == "subject" or given.method == same:
        return given.model_copy(update={"method": "auto"})
    return given
