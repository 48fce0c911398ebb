"""Envelope-following responses: which envelope frequencies does the brain follow, where, and by chance?

Hasan, Hasan, Hossain and Gedeon (2025) model the auditory path as a linear time-varying system from envelope
to EEG and report peaks of the time-averaged response and of the cross-spectral density at four positions.
Only the abstract was at hand: `response`, `coupling` and `bands` hold the sound reading that is run here, and
what is added to it (surrogates, lagged coupling, mains mask, intervals, false-discovery control).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.eeg.efr.config import EfrConfig, SignificanceSettings, SimulatedInput, SteadyStateSettings
from cogattn.seeds import Streams
from cogattn.study import Cell, Results

if TYPE_CHECKING:
    import pandas as pd


class EfrStudy:
    """Envelope-following responses: spectra, transfer function and coherence, each against chance."""

    name: ClassVar[str] = "efr"
    version: ClassVar[int] = 2
    Config: type[EfrConfig] = EfrConfig
    reference: ClassVar[str] = (
        "@article{hasan2025envelope,\n"
        "  title = {Frequency-specific neural response and cross-correlation analysis of envelope following\n"
        "    responses to native speech and music using multichannel {EEG} signals: a case study},\n"
        "  author = {Hasan, Md. Mahbub and Hasan, Md Rakibul and Hossain, Md Zakir and Gedeon, Tom},\n"
        "  journal = {arXiv:2507.05635}, year = {2025}\n"
        "}"
    )

    def cells(self, config: EfrConfig) -> Sequence[Cell]:
        """Return one cell for each recording, and one more where a modulation rate is tested.

        Raises
        ------
        DataError
            If a file that the settings name does not exist.
        """
        from cogattn.eeg.efr import inputs
        from cogattn.errors import DataError

        for name, path in inputs.files(config).items():
            if not path.exists():
                raise DataError(f"{name} must exist; got {path}")
        cells = []
        for index, observer in enumerate(inputs.listeners(config)):
            if config.following:
                cells.append(
                    Cell.of(f"{observer}, following", observer=observer, index=index, task="following")
                )
            if config.steady_state is not None:
                cells.append(
                    Cell.of(f"{observer}, steady state", observer=observer, index=index, task="steady_state")
                )
        return cells

    def run_cell(self, config: EfrConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Analyse one recording; the columns of the result are described in `table`."""
        from cogattn.eeg.efr import inputs, steady, table
        from cogattn.eeg.efr.analysis import analyse

        recording = inputs.load(config, int(cell["index"]), Streams(config.seed))
        observer = str(cell["observer"])
        if cell["task"] == "steady_state" and config.steady_state is not None:
            return steady.rows_of(
                recording,
                config.steady_state,
                observer,
                rng.generator("resampling"),
                mains_hz=config.mains.mains_hz,
            )
        analysis = analyse(
            recording.eeg,
            recording.stream(inputs.STIMULUS),
            sfreq=recording.sfreq,
            rng=rng.generator("resampling"),
            spectrum=config.spectrum,
            mains=config.mains,
            significance=config.significance,
        )
        return table.rows_of(analysis, observer, recording.channels)

    def summarise(self, config: EfrConfig, trials: pd.DataFrame) -> Results:
        """Set dominant bands beside the published ones, and draw spectra, transfer function and coupling."""
        from cogattn.eeg.efr import summary

        return summary.summarise(config, trials)

    def inputs(self, config: EfrConfig) -> Mapping[str, str]:
        """Fingerprint every recording and stimulus that the settings name."""
        from cogattn.eeg.efr import inputs
        from cogattn.eeg.recordings.readers import fingerprint

        return {name: fingerprint(path) for name, path in inputs.files(config).items()}

    def demo(self) -> EfrConfig:
        """Return two simulated listeners of four minutes, with a modulation rate that nobody hears."""
        return EfrConfig(
            input=SimulatedInput(n_listeners=2, duration_s=240.0),
            significance=SignificanceSettings(n_bootstrap=100),
            steady_state=SteadyStateSettings(modulation_hz=43.0),
        )
