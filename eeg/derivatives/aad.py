"""What ``cogattn aad`` found in each listener, as BIDS derivatives."""

from __future__ import annotations

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.derivatives.dataset import Part, data_set, unit_of
from cogattn.eeg.derivatives.tables import Column, Columns
from cogattn.reporting.crate.deposit import UNSAID, Deposit
from cogattn.running.records import ConfigRecord
from cogattn.running.store import RunFolder

QUESTION = "Which of two talkers does a listener attend to, read from the EEG, and how soon can one tell?"
DECODER = Column(
    "What decoded: a model by name; 'ridge, ignored talker' is the control, taught to follow who was ignored."
)
TRIAL = Column("The trial's name in the recording.")
P = Column("One-sided p over the listener's trials that decoding is better than by chance.")
TEST = Column(
    "The test that gave p: 'refit' swaps talkers and fits again, 'swap' swaps them in what was decoded; 'withheld' "
    "where a sound of the tested trial was in training."
)
SHARE = "95 % interval over the listener's trials"
ACCURACY: Columns = {
    "decoder": DECODER,
    "window_s": Column("Length of a decision window.", "s"),
    "n": Column("Decision windows."),
    "accuracy": Column("Share of windows in which the attended talker wins; a tie is half right."),
    "lo": Column(f"Accuracy, {SHARE}, lower end."),
    "hi": Column(f"Accuracy, {SHARE}, upper end."),
    "fitted": Column("Accuracy at this window of the performance curve that is fitted to all windows."),
    "fitted_lo": Column("Fitted accuracy, lower end of its 95 % interval."),
    "fitted_hi": Column("Fitted accuracy, upper end of its 95 % interval."),
}
LISTENER: Columns = {
    "decoder": DECODER,
    "mesd_s": Column(
        "Minimal expected switch duration of the fitted curve; inf where it never exceeds one half.", "s"
    ),
    "mesd_lo": Column("Minimal expected switch duration, lower end of its 95 % interval.", "s"),
    "mesd_hi": Column("Minimal expected switch duration, upper end of its 95 % interval.", "s"),
    "mesd_points_s": Column("Minimal expected switch duration through the accuracies themselves.", "s"),
    "bits_per_minute": Column(
        "Information transfer rate at the usual window (5 s, or the nearest).", "bit/min"
    ),
    "d_prime": Column("d' between the scores of the two talkers over whole trials."),
    "foreign_rank": Column("Mean share of foreign sounds that match worse than the attended one."),
    "p": P,
    "least_p": Column("Smallest p that the test can give with so many trials."),
    "test": TEST,
    "n_trials": Column("Trials."),
}
DECISIONS: Columns = {
    "decoder": DECODER,
    "trial": TRIAL,
    "window_s": Column("Length of the decision window.", "s"),
    "window": Column("Number of the window in its trial, from 0."),
    "margin": Column("Evidence for the attended talker: of correlations, the difference of Fisher's z."),
    "response": Column(
        "Who is said to be listened to.",
        levels={
            "attended": "who was listened to: right",
            "unattended": "who was ignored: wrong",
            "tie": "neither",
        },
    ),
    "correct": Column("1 right, 0 wrong, 0.5 a tie."),
}
TRIALS: Columns = {
    "decoder": DECODER,
    "trial": TRIAL,
    "attended": Column(
        "Score of the attended sound over the whole trial; of reconstructing decoders a correlation."
    ),
    "unattended": Column("Score of the ignored sound over the whole trial."),
    "rank": Column(
        "Share of the sounds of the listener's other trials that score less than the attended one."
    ),
    "p": P,
    "test": TEST,
    "warnings": Column("What the guards say of split and design."),
}
FEATURES: Columns = {
    "feature": Column("A feature of the attended talker's sound."),
    "trial": TRIAL,
    "r": Column(
        "Correlation of a forward model of all features with EEG that it has not seen, mean over channels."
    ),
    "without": Column("The same without this feature."),
}


def derivatives(run: RunFolder, deposit: Deposit = UNSAID) -> dict[str, bytes]:
    """Return the files of a finished run of ``aad`` as a data set of BIDS derivatives.

    Parameters
    ----------
    run : RunFolder
        Finished.
    deposit : Deposit
        Authors and licence.

    Raises
    ------
    StoreError, DataError
        As `cogattn.eeg.derivatives.dataset.data_set`.
    """
    record = run.read(ConfigRecord)
    source = AadConfig.parse(record.config if record else {}).recordings
    response = run.trials("response")
    weights: Columns = {
        "channel": Column("The electrode's label."),
        "lag_s": Column("How long after the sound.", "s"),
        "amplitude": Column(
            "Weight of the forward model, per standard deviation of the envelope.", unit_of(source)
        ),
    }
    listeners = run.table("listeners")
    parts = [
        Part("accuracy", "accuracy by decision window", run.table("listener_accuracy"), "listener", ACCURACY),
        Part(
            "listener",
            "switch duration, information rate and significance",
            listeners[["listener", *(name for name in LISTENER if name in listeners)]],
            "listener",
            LISTENER,
        ),
        Part("trials", "scores over whole trials", run.trials("trial"), "listener", TRIALS),
        Part("decisions", "every decision window", run.trials("window"), "listener", DECISIONS),
        Part("response", "response to the attended envelope (TRF)", response, "listener", weights),
        Part("features", "what each feature of the sound adds", run.trials("feature"), "listener", FEATURES),
    ]
    channels = {str(name): list(dict.fromkeys(own["channel"])) for name, own in response.groupby("listener")}
    return data_set(run, source, parts, channels=channels, question=QUESTION, deposit=deposit)
