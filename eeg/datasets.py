"""The EEG data sets that the studies know, for ``cogattn data list``.

None is downloaded: no SHA-256 has been taken at a source, and some licences want a click. They are put in place by
hand and told by the names of their files; ``cogattn data about NAME`` prints the settings that read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from cogattn.fetch import DataSet, Manual

BENCHMARK = "2026.1"
"""Version of the frozen settings; numbers of different versions are not comparable."""


@dataclass(frozen=True)
class Recordings(Manual):
    """Recordings that are put in place by hand, and what they tell.

    Parameters
    ----------
    labels : str
        What is known of each trial: story, talker, side, gaze.
    reading : str
        How a study reads them, where there are no frozen settings.
    """

    labels: str = ""
    reading: str = ""

    def settings(self, version: str = BENCHMARK) -> str | None:
        """Return the frozen settings of ``cogattn aad`` as TOML, without the path; None where there are none."""
        return frozen_settings(self.name, version)

    def details(self) -> dict[str, str]:
        """Return labels and settings."""
        settings = self.settings()
        how = self.reading if settings is None else f"{settings}\n# path: recordings.path = FOLDER"
        return {"labels": self.labels, "settings": how}


def frozen_settings(name: str, version: str = BENCHMARK) -> str | None:
    """Return the settings of the benchmark for a data set (or ``simulated``) as TOML; None where there are none."""
    file = files("cogattn.eeg.aad") / "data" / f"benchmark-{version}-{name}.toml"
    return file.read_text(encoding="utf-8") if file.is_file() else None


DATASETS: tuple[DataSet, ...] = (
    Recordings(
        name="kul-aad",
        about="two talkers: 16 listeners, 64 channels, 72 min each, dichotic or head-related (kind kul)",
        licence="CC BY-NC-SA 4.0 as its mirrors state; see the source",
        source="zenodo.org/records/4004271; Das, Francart, Bertrand (2019); Biesmans et al. (2017), IEEE TNSRE 25",
        instructions="download S1.mat to S16.mat and stimuli.zip from zenodo.org/records/4004271 into one folder and "
        "unpack the sounds into its folder stimuli",
        pattern=r"S\d+\.mat",
        n_files=16,
        names_sha256="d23908195d23e58c8cf376bde248dbc47d54134a8d61edbac290bf44a8c6cb64",
        labels="story, side, sounds, experiment, repetition; one male talker to each story",
    ),
    Recordings(
        name="dtu-aad",
        about="two talkers in rooms: 18 listeners, 66 channels, 60 trials of 50 s (kind dtu)",
        licence="see the source",
        source="zenodo.org/records/1199011; Fuglsang, Dau, Hjortkjaer (2017), NeuroImage 156",
        instructions="download DATA_preproc.zip from zenodo.org/records/1199011 and unpack it",
        pattern=r"S\d+_data_preproc\.mat",
        n_files=18,
        names_sha256="d67143f18da5b37a849439addc9a8a36361b82bc741c3ef0c8dd4a02f458a633",
        labels="speaker (the male or the female one is attended), where the file tells its events; no story, no side",
    ),
    Recordings(
        name="av-gc-aad",
        about="two talkers, gaze controlled: 13 listeners, 64 channels and EOG, trials of 10 min (kind av_gc)",
        licence="see the source",
        source="zenodo.org/records/11058711; Rotaru et al. (2024), J. Neural Eng. 21, 016017",
        instructions="download the 13 files 2024-AV-GC-AAD-sub*_preprocessed.mat from zenodo.org/records/11058711",
        pattern=r"2024-AV-GC-AAD-sub\d\d_preprocessed\.mat",
        n_files=13,
        names_sha256="b5205f9375f503184a12a39e28cdd9e05560dafe3f13fc18b066fba4ca5ab8ee",
        labels="condition, gaze, side (it changes within each trial), story and sounds where the file names them",
    ),
    Recordings(
        name="sparrkulee",
        about="one talker: 85 listeners, 64 channels, 90-150 min each, BIDS (kind bids)",
        licence="CC BY-NC 4.0; some recordings on request only",
        source="rdr.kuleuven.be, doi 10.48804/K3VSND; Accou, Bollens et al. (2024), Data 9, 94",
        instructions="download the data set from rdr.kuleuven.be (doi 10.48804/K3VSND; it asks for a purpose) "
        "and unpack its .gz files",
        pattern=r"sub-\d+_.*_eeg\.bdf",
        n_files=1,
        labels="story, in the events; one talker only, so there is nothing for cogattn aad to choose between",
        reading="cogattn efr --recordings.kind bids --recordings.root FOLDER --recordings.subjects 001 "
        "--recordings.task listeningActive --recordings.session SESSION --recordings.run RUN "
        "--recordings.stimuli SOUND",
    ),
    Recordings(
        name="etard-reichenbach",
        about="one or two talkers, known or foreign language, noise: 18 listeners (kind table)",
        licence="see the source",
        source="zenodo.org/records/7778289; Etard, Reichenbach (2019), J. Neurosci. 39, 5750",
        instructions="download the recordings from zenodo.org/records/7778289, and put a file trials.csv of your "
        "own beside them that names recording, onset and the two sounds of each trial (docs/aad.md, Run)",
        pattern=r"trials\.csv",
        n_files=1,
        labels="what trials.csv says: story, speaker, side",
        reading="cogattn aad --recordings.kind table --recordings.path FOLDER",
    ),
)
