"""Attended-speaker decoding: can EEG tell which of two talkers a listener follows, and how fast?

Every trial is decoded by a decoder that has not seen it: of the subject's other trials, stories or speakers, or of
other subjects. The study reports accuracy against window length, the minimal expected switch duration, bits per
minute, d', the attended sound's rank among foreign ones and significance, beside a control that should stay near
chance: a decoder of the ignored talker. `session` decodes, `summary` weighs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.eeg.aad.config import AadConfig, SignificanceSettings, SimulatedSession
from cogattn.seeds import Streams
from cogattn.study import Cell, Results

if TYPE_CHECKING:
    import pandas as pd


class AadStudy:
    """Attended-speaker decoding from two-talker EEG."""

    name: ClassVar[str] = "aad"
    version: ClassVar[int] = 2
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

    def cells(self, config: AadConfig) -> Sequence[Cell]:
        """Return one cell per subject and decoder, the control among them, and one per subject's response.

        Raises
        ------
        DataError
            If the folder holds no recording.
        """
        from cogattn.eeg.aad.sources import subjects_of

        subjects = subjects_of(config.recordings)
        cells = [
            Cell.of(f"{subject}, {decoder}", subject=subject, decoder=decoder, train_on="attended")
            for decoder in config.decoders
            for subject in subjects
        ]
        if config.control:
            cells += [
                Cell.of(f"{subject}, ignored talker", subject=subject, decoder="ridge", train_on="unattended")
                for subject in subjects
            ]
        return cells + [
            Cell.of(f"{subject}, response", subject=subject, decoder="response") for subject in subjects
        ]

    def run_cell(self, config: AadConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Decode one subject; the columns of the result are described in `session`."""
        from cogattn.eeg.aad import trials

        return trials.run(config, cell, rng)

    def summarise(self, config: AadConfig, trials: pd.DataFrame) -> Results:
        """Average over subjects, with intervals over subjects."""
        from cogattn.eeg.aad import summary

        return summary.summarise(config, trials)

    def inputs(self, config: AadConfig) -> Mapping[str, str]:
        """Fingerprint the recordings."""
        from cogattn.eeg.aad.sources import fingerprints

        return fingerprints(config.recordings)

    def demo(self) -> AadConfig:
        """Return a small run on three simulated listeners."""
        return AadConfig(
            recordings=SimulatedSession(n_subjects=3, n_trials=12, trial_s=60.0, n_channels=16),
            decoders=("ridge",),
            significance=SignificanceSettings(n_permutations=199),
        )
