"""Envelope-following responses: which envelope frequencies does the brain follow, where, and by chance?

Hasan, Hasan, Hossain and Gedeon (2025) model the auditory path as a linear time-varying system from envelope
to EEG and report peaks of the time-averaged response and of the cross-spectral density at four positions.
Only the abstract was at hand: `response`, `coupling` and `bands` hold the sound reading that is run here, and
what is added to it (surrogates, lagged coupling, mains mask, intervals, false-discovery control).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.eeg.efr import plan
from cogattn.eeg.efr.config import EfrConfig, SignificanceSettings, SteadyStateSettings
from cogattn.eeg.efr.tables import TABLES
from cogattn.eeg.encoding import plan as encoding
from cogattn.eeg.recordings.config import SimulatedPath
from cogattn.observers.observer import Observer
from cogattn.seeds import Streams
from cogattn.study import Cell, Cost, Kind, Outcome, Results, Schema, Study, Trials

if TYPE_CHECKING:
    from cogattn.exhibits import Shown


class EfrStudy(Study[EfrConfig]):
    """Envelope-following responses: spectra, transfer function and coherence, each against chance."""

    name: ClassVar[str] = "efr"
    question: ClassVar[str] = (
        "Which envelope frequencies does the brain follow, and is it more than noise and mains?"
    )
    version: ClassVar[int] = 4
    Config: type[EfrConfig] = EfrConfig
    reference: ClassVar[str] = (
        "@article{hasan2025envelope,\n"
        "  title = {Frequency-specific neural response and cross-correlation analysis of envelope following\n"
        "    responses to native speech and music using multichannel {EEG} signals: a case study},\n"
        "  author = {Hasan, Md. Mahbub and Hasan, Md Rakibul and Hossain, Md Zakir and Gedeon, Tom},\n"
        "  journal = {arXiv:2507.05635}, year = {2025}\n"
        "}"
    )
    tables: ClassVar[Mapping[str, Schema]] = TABLES
    derivatives: ClassVar[str] = "cogattn.eeg.derivatives.efr:derivatives"
    exhibits: ClassVar[Mapping[str, str]] = {
        "A response that follows the envelope": "cogattn.eeg.efr.exhibits:FOLLOWING_RESPONSE"
    }
    kind: ClassVar[Kind] = "explains people"

    def check(self, config: EfrConfig) -> None:
        """Refuse files, headers, events, lengths and rates that cannot be analysed; EEG itself is not read."""
        from cogattn.eeg.efr import checks

        checks.check(config)

    def observers(self, config: EfrConfig) -> Sequence[Observer]:
        """Return the listeners, then the front ends."""
        return [*plan.observers(config), *encoding.observers(config.models, config.encoding)]

    def cells(self, config: EfrConfig) -> Sequence[Cell]:
        """Return one cell for each listener, one more where a modulation rate is tested, and one for each front end."""
        return [*plan.cells(config), *encoding.modulation_cells(config.models, config.encoding)]

    def relevant(self, config: EfrConfig, cell: Cell) -> EfrConfig:
        """Return what the cell's own recording and task need, or its front end."""
        if isinstance(cell, encoding.ModulationCell):
            own = encoding.relevant(config.encoding, cell)
            return EfrConfig(seed=config.seed, models=(cell.model,), encoding=own)
        return plan.relevant(config, plan.ours(cell))

    def contents(self, config: EfrConfig, cell: Cell) -> Mapping[str, str]:
        """Digest the cell's recording and what was heard in it, or its front end's weights and code."""
        from cogattn.eeg.recordings.files import digests

        if isinstance(cell, encoding.ModulationCell):
            from cogattn.eeg.encoding.fronts import content

            return content(cell.model, config.encoding, seed=config.seed, untrained=cell.untrained)

        return digests(config.recordings, [cell.observer])

    def inputs(self, config: EfrConfig) -> Mapping[str, str]:
        """Return the digest of the table of persons, where there is one: all else the summary has from the trials."""
        from cogattn.people.tables import digests

        return digests(config.humans)

    def cost(self, config: EfrConfig, cell: Cell) -> Cost:
        """Estimate from the length of a simulation or the size of a file."""
        from cogattn.eeg.efr.cost import cost

        if isinstance(cell, encoding.ModulationCell):
            return encoding.MODULATION_COST
        return cost(config, plan.ours(cell))

    def run_cell(self, config: EfrConfig, cell: Cell, rng: Streams) -> Outcome:
        """Analyse one listener's recording; what comes out is described in `tables`."""
        from cogattn.eeg.efr import trials

        if isinstance(cell, encoding.ModulationCell):
            from cogattn.eeg.encoding.hearing import modulation

            return modulation(config.encoding, cell, seed=config.seed)
        return trials.run_cell(config, plan.ours(cell), rng)

    def summarise(self, config: EfrConfig, trials: Trials) -> Results:
        """Set dominant bands beside the published ones, and draw spectra, transfer function and coupling."""
        from cogattn.eeg.efr import summary

        return summary.summarise(config, trials)

    def stimulus(self, config: EfrConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return envelope and EEG of a row's channel, and their spectra about the row's frequency."""
        from cogattn.eeg.efr import shown

        return shown.stimulus(config, task, trial)

    def demo(self) -> EfrConfig:
        """Return two simulated listeners of four minutes, with a modulation rate that nobody hears."""
        return EfrConfig(
            recordings=SimulatedPath(n_listeners=2, duration_s=240.0),
            significance=SignificanceSettings(n_bootstrap=100),
            steady_state=SteadyStateSettings(modulation_hz=43.0),
        )

    def simulated(self, config: EfrConfig) -> bool:
        """Return whether listeners are simulated."""
        return isinstance(config.recordings, SimulatedPath)
