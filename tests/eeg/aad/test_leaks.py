"""Noise is never certified: shared EEG is refused by every layout and function, shared sounds are kept apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import mne
import numpy as np
import pandas as pd
import pytest

from cogattn.eeg.aad import RidgeDecoder, cross_validate, leave_one_out, refit_permutation_p
from cogattn.eeg.aad.cca import CcaDecoder
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.plan import DecodingCell
from cogattn.eeg.aad.pool import pool_of
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, speech_envelope
from cogattn.errors import DataError

pytest.importorskip("pymatreader")
SFREQ, TRIAL_S, N_CHANNELS = 64, 20, 4
Trials = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]
RNG = np.random.default_rng(0)
SHARED = "trials must not share EEG"


def noise(seed: int, duration_s: float) -> np.ndarray:
    """Pure 1/f noise in microvolts, (n_times, n_channels)."""
    shape = (round(duration_s * SFREQ), N_CHANNELS)
    return 20 * coloured_noise(np.random.default_rng(seed), shape, sfreq=SFREQ)


def voices(seed: int, n: int, seconds: float = TRIAL_S) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [speech_envelope(rng, duration_s=seconds, sfreq=SFREQ) for _ in range(n)]


def with_sounds(eeg: list[np.ndarray], seed: int = 0) -> Trials:
    spoken = voices(seed, 2 * len(eeg))
    return eeg, spoken[::2], spoken[1::2]


def apart(seed: int = 0) -> Trials:
    return with_sounds([noise(100 * seed + k, TRIAL_S) for k in range(6)], seed)


def overlapping() -> Trials:
    whole, length, hop = noise(0, TRIAL_S + 5 * 5), TRIAL_S * SFREQ, 5 * SFREQ
    return with_sounds([whole[k * hop : k * hop + length] for k in range(6)])


def repeated() -> Trials:
    eeg = [noise(k, TRIAL_S) for k in range(3)]
    return with_sounds([*eeg, *eeg])


def repeated_louder() -> Trials:
    eeg = [noise(k, TRIAL_S) for k in range(3)]
    return with_sounds([*eeg, *(1.5 * x - 3 for x in eeg)])


def moved() -> Trials:
    """Each stretch again, a second later."""
    eeg = [noise(k, TRIAL_S + 1) for k in range(3)]
    return with_sounds([*(x[: TRIAL_S * SFREQ] for x in eeg), *(x[SFREQ:] for x in eeg)])


def replayed() -> Trials:
    """Fresh noise, but of six trials three hear a story, and three the same a second later, ignored."""
    stories, others = voices(0, 3, TRIAL_S + 1), voices(1, 6)
    first, later = [s[: TRIAL_S * SFREQ] for s in stories], [s[SFREQ:] for s in stories]
    return [noise(k, TRIAL_S) for k in range(6)], [*first, *others[:3]], [*others[3:], *later]


def as_dtu(files: SimpleNamespace, folder: Path, trials: Trials, name: str = "S1") -> dict:
    eeg, attended, unattended = trials
    content = files.dtu_content(eeg, [a[:, None] for a in attended], [u[:, None] for u in unattended])
    files.save["v7"](folder / f"{name}_data_preproc.mat", content)
    return {"kind": "dtu", "path": str(folder)}


def as_kul(files: SimpleNamespace, folder: Path, trials: Trials, name: str = "S1") -> dict:
    eeg, attended, unattended = trials
    ears = [
        np.stack([(a, u), (u, a)][k % 2], axis=1)[:, None, :]
        for k, (a, u) in enumerate(zip(attended, unattended, strict=True))
    ]
    files.save["v7"](folder / f"{name}.mat", files.kul_content(eeg, ears, SFREQ))
    return {"kind": "kul", "path": str(folder)}


def as_cnd(files: SimpleNamespace, folder: Path, trials: Trials, name: str = "1") -> dict:
    eeg, attended, unattended = trials
    features = np.empty((2, len(eeg)), dtype=object)
    for k in range(len(eeg)):
        features[:, k] = [attended[k][:, None], unattended[k][:, None]]
    files.save_cnd(folder, eeg, features, ["attended", "unattended"], sfreq=SFREQ)
    return {"kind": "cnd", "path": str(folder)}


def as_table(files: SimpleNamespace, folder: Path, trials: Trials, name: str = "S1") -> dict:
    """Every trial a file of its own, so that no onset can tell that they overlap."""
    channels, rows = ["Fz", "Cz", "Pz", "Oz"], []
    for k, (x, a, u) in enumerate(zip(*trials, strict=True)):
        files.write_fif(folder / f"{name}-{k}_raw.fif", x.T, SFREQ, channels)
        for role, envelope in (("a", a), ("u", u)):
            np.save(folder / f"{name}-{k}{role}.npy", envelope)
        rows.append((name, f"{name}-{k}_raw.fif", TRIAL_S, f"{name}-{k}a.npy", f"{name}-{k}u.npy", 0.0))
    columns = ["subject", "recording", "duration_s", "attended", "unattended", "onset_s"]
    table, path = pd.DataFrame(rows, columns=columns), folder / "trials.csv"
    known = [pd.read_csv(path)] if path.exists() else []
    pd.concat([*known, table]).to_csv(path, index=False)
    return {"kind": "table", "path": str(folder), "envelope_sfreq": SFREQ}


def as_epochs(files: SimpleNamespace, folder: Path, trials: Trials, name: str = "S1") -> dict:
    info = mne.create_info(["Fz", "Cz", "Pz", "Oz"], SFREQ, "eeg")
    codes = np.arange(1, len(trials[0]) + 1)
    events = np.stack([1000 * codes, 0 * codes, codes], axis=1)
    names = {f"t{code}": int(code) for code in codes}
    data = 1e-6 * np.stack([x.T for x in trials[0]])
    epochs = mne.EpochsArray(data, info, events, 0.0, names, verbose="error")
    epochs.save(folder / f"{name}-epo.fif", verbose="error")
    paths: dict[str, list[str]] = {"stimuli": [], "unattended": []}
    for role, sounds in zip(paths, trials[1:], strict=True):
        for k, sound in enumerate(sounds):
            np.save(folder / f"{name}-{role}{k}.npy", sound)
            paths[role].append(str(folder / f"{name}-{role}{k}.npy"))
    return {
        "kind": "files", "content": "epochs", "files": [str(folder / f"{name}-epo.fif")], "triggers": list(names),
        "stimuli_by": "trigger", "envelope_sfreq": SFREQ, **paths,
    }  # fmt: skip


LAYOUTS = [as_dtu, as_kul, as_cnd, as_table, as_epochs]


def config_of(aad: SimpleNamespace, recordings: dict, **changes) -> AadConfig:
    settings = {"decoders": ["ridge"], "control": False, "windows_s": [2, 10, 20], **changes}
    return aad.small(recordings=recordings, **settings)


def finished_or_refused(aad: SimpleNamespace, config: AadConfig):
    aad.STUDY.check(config)
    return aad.summarised(config, aad.run(config))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("leak", [overlapping, repeated, repeated_louder, moved])
def test_noise_of_which_trials_share_a_part_is_refused_by_every_layout(
    aad, eeg_files, tmp_path, layout, leak: Callable[[], Trials]
) -> None:
    config = config_of(aad, layout(eeg_files, tmp_path, leak()))
    with pytest.raises(DataError, match=SHARED):
        finished_or_refused(aad, config)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_noise_that_shares_nothing_is_decoded_as_noise(aad, eeg_files, tmp_path, layout) -> None:
    results = finished_or_refused(aad, config_of(aad, layout(eeg_files, tmp_path, apart())))
    assert not any(
        said in remark for said in ("sounds of", "a sound of", "share") for remark in results.remarks
    )
    if layout is not as_kul:  # which tells side and story
        assert (
            sum("no side is told: gaze and location cannot be ruled out" in r for r in results.remarks) == 1
        )
    assert results.tables["listeners"]["p"].between(0, 1).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_story_replayed_a_second_later_trains_no_decoder_of_itself(
    aad, eeg_files, tmp_path, layout
) -> None:
    config = config_of(aad, layout(eeg_files, tmp_path, replayed()))
    (remark,) = [r for r in finished_or_refused(aad, config).remarks if "sounds of" in r]
    assert "sounds of 6 of 6 trials recur in other trials, which are left out of their training" in remark
    pool = pool_of(config, aad.STUDY.cells(config)[0].observer)
    assert sorted(test for _, test in pool.splits("trial")) == [[0, 3], [1, 4], [2, 5]]
    assert not pool.leaks("trial")


def test_sounds_that_are_allowed_in_training_are_named_and_nothing_is_significant(
    aad, eeg_files, tmp_path
) -> None:
    recordings = as_dtu(eeg_files, tmp_path, replayed())
    config = config_of(aad, recordings, shared_sounds="allow")
    cell = next(c for c in aad.STUDY.cells(config) if isinstance(c, DecodingCell))
    assert aad.STUDY.relevant(config, cell) != aad.STUDY.relevant(config_of(aad, recordings), cell)
    results = finished_or_refused(aad, config)
    first = next(r for r in results.remarks if r.startswith("guard"))
    assert "no side" in first or "a sound of 6 of 6 tested trials is also in their training data" in first
    assert any("a sound of 6 of 6 tested trials is also in their training data" in r for r in results.remarks)
    assert "ridge: no test of 1 of 1 listeners (withheld: tested sounds are in training)" in results.remarks
    assert not any("significant" in r for r in results.remarks)
    assert results.tables["listeners"]["p"].isna().all()


def test_where_every_trial_hears_the_same_nothing_is_left(aad, eeg_files, tmp_path) -> None:
    (story,) = voices(0, 1, TRIAL_S + 5)
    attended = [story[k * SFREQ : (k + TRIAL_S) * SFREQ] for k in range(6)]
    trials = ([noise(k, TRIAL_S) for k in range(6)], attended, voices(1, 6))
    sentence = r"shared_sounds = leave_out must leave trials to learn from; got none for trial 1 \(S1\)"
    with pytest.raises(DataError, match=sentence):
        finished_or_refused(aad, config_of(aad, as_table(eeg_files, tmp_path, trials)))
    (tmp_path / "dtu").mkdir()
    with pytest.raises(Exception, match=sentence):
        aad.STUDY.check(config_of(aad, as_dtu(eeg_files, tmp_path / "dtu", trials)))


def under_another_name(trials: Trials) -> Trials:
    """Rescaled, in another order, with other sounds."""
    eeg, attended, unattended = trials
    return [2 * x for x in eeg[::-1]], attended, unattended


@pytest.mark.parametrize("layout", [as_dtu, as_kul])
def test_a_listener_under_two_names_is_refused_before_the_first_cell(
    aad, eeg_files, tmp_path, layout
) -> None:
    recordings = layout(eeg_files, tmp_path, apart(1), "S1")
    layout(eeg_files, tmp_path, apart(2), "S2")
    aad.STUDY.check(config_of(aad, recordings))
    layout(eeg_files, tmp_path, under_another_name(apart(1)), "S3")
    with pytest.raises(DataError, match="listeners must be different people; got S1 and S3, who share EEG"):
        aad.STUDY.check(config_of(aad, recordings))


def test_files_that_are_equal_are_one_listener(aad, eeg_files, tmp_path) -> None:
    recordings = as_epochs(eeg_files, tmp_path, apart())
    files = [tmp_path / "a.fif", tmp_path / "b.fif"]
    for file in files:
        file.write_bytes((tmp_path / "S1-epo.fif").read_bytes())
    config = config_of(aad, {**recordings, "files": [str(file) for file in files]})
    with pytest.raises(DataError, match=r"got a and b, whose files are equal \(a.fif, b.fif\)"):
        aad.STUDY.check(config)


def test_a_listener_under_two_names_is_refused_by_group_statistics(aad, eeg_files, tmp_path) -> None:
    recordings = as_table(eeg_files, tmp_path, apart(1), "S1")
    as_table(eeg_files, tmp_path, with_sounds(under_another_name(apart(1))[0], 5), "S2")
    config = config_of(aad, recordings)
    aad.STUDY.check(config)
    done = aad.run(config)
    with pytest.raises(DataError, match="listeners must be different people; got S1 and S2, who share EEG"):
        aad.summarised(config, done)
    aad.summarised(config, {cell: outcome for cell, outcome in done.items() if cell.observer == "S1"})
    with pytest.raises(DataError, match="listeners must be different people; got S1 and S2"):
        finished_or_refused(aad, config_of(aad, recordings, validation="subject"))


def test_other_listeners_who_heard_the_same_train_no_decoder_of_it(aad, eeg_files, tmp_path) -> None:
    recordings = as_dtu(eeg_files, tmp_path, apart(1), "S1")
    eeg = [noise(500 + k, TRIAL_S) for k in range(6)]
    as_dtu(eeg_files, tmp_path, (eeg, *apart(1)[1:]), "S2")
    config = config_of(aad, recordings, validation="subject")
    pool = pool_of(config, "S1")
    assert [(len(train), test) for train, test in pool.splits("subject")] == [(5, [k]) for k in range(6)]
    results = finished_or_refused(aad, config)
    assert any("sounds of 6 of 6 trials recur" in remark for remark in results.remarks)


API = {
    "cross_validate": lambda t, **more: cross_validate(*t, sfreq=SFREQ, **more),
    "leave_one_out": lambda t, **more: leave_one_out(*t[:2], sfreq=SFREQ, **more),
    "refit": lambda t, **more: refit_permutation_p(*t, RNG, sfreq=SFREQ, n_permutations=19, **more),
    "ridge": lambda t, **more: RidgeDecoder(SFREQ).fit(*t[:2], **more),
    "cca": lambda t, **more: CcaDecoder(SFREQ, n_components=2).fit(*t, **more),
}  # fmt: skip


@pytest.mark.parametrize("name", API)
@pytest.mark.parametrize("leak", [overlapping, repeated_louder])
def test_functions_on_lists_of_trials_refuse_what_they_share(name, leak) -> None:
    API[name](apart())
    with pytest.raises(DataError, match=SHARED):
        API[name](leak())
    API[name](leak(), overlap="allow")


def test_overlapping_noise_would_have_been_decoded() -> None:
    """What is refused is worth refusing: windows of one recording, with the sounds that belong to them."""
    n, hop, length = 12, 5 * SFREQ, TRIAL_S * SFREQ
    seconds = TRIAL_S + 5 * (n - 1)
    rng = np.random.default_rng(0)
    whole = [coloured_noise(rng, (seconds * SFREQ, 32), sfreq=SFREQ), *voices(0, 2, seconds)]
    leaking = [[part[k * hop : k * hop + length] for k in range(n)] for part in whole]
    decoding = cross_validate(*leaking, sfreq=SFREQ, overlap="allow", shared_sounds="allow")
    assert decoding.accuracy([TRIAL_S])[0] > 0.85
    with pytest.raises(DataError, match=SHARED):
        cross_validate(*leaking, sfreq=SFREQ)


def test_trials_of_one_group_may_overlap_and_are_left_out_together() -> None:
    eeg, attended, unattended = overlapping()
    more = apart(3)
    trials = ([*eeg, *more[0]], [*attended, *more[1]], [*unattended, *more[2]])
    cross_validate(*trials, sfreq=SFREQ, groups=[0] * 6 + [1, 2, 3, 4, 5, 6])
    with pytest.raises(DataError, match=SHARED):
        cross_validate(*trials, sfreq=SFREQ, groups=[0] * 5 + [1] + [2] * 6)


def test_a_replayed_story_is_left_out_by_functions_too() -> None:
    kept = cross_validate(*replayed(), sfreq=SFREQ, alphas=[1e3])
    pairs = cross_validate(*replayed(), sfreq=SFREQ, alphas=[1e3], groups=[0, 1, 2, 0, 1, 2])
    single = cross_validate(*replayed(), sfreq=SFREQ, alphas=[1e3], shared_sounds="allow")
    np.testing.assert_allclose(kept.r_attended, pairs.r_attended)
    assert not np.allclose(kept.r_attended, single.r_attended)
    with pytest.raises(DataError, match="must leave trials to learn from; got none for trial 1"):
        cross_validate(*[part[::3] for part in replayed()], sfreq=SFREQ)
