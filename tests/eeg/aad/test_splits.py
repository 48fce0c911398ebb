"""Splits keep apart what they say and every shared sound; what they leak is counted, missing labels are said."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.aad.splits import (
    TrialFacts,
    audit_labels,
    audit_split,
    audit_splits,
    enforce,
    facts_of,
    folds,
    leave_one_out_folds,
    sharing_of,
)
from cogattn.eeg.recordings.audit import prints_of
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.recordings.simulate_talkers import speech_envelope
from cogattn.errors import DataError

SFREQ = 32.0


def facts(n: int = 4) -> list[TrialFacts]:
    return [
        TrialFacts(
            "S1", f"trial {i}", story=f"s{i // 2}", speaker="AB"[i % 2], attended=f"a{i}", unattended=f"b{i}"
        )
        for i in range(n)
    ]


def test_a_leaky_split_of_windows_is_refused() -> None:
    windows = [fact for fact in facts() for _ in range(6)]
    order = np.random.default_rng(0).permutation(len(windows))
    findings = audit_split(windows, order[:18].tolist(), order[18:].tolist())
    with pytest.raises(DataError, match=r"windows of one trial.*S1"):
        enforce(findings)
    whole = [i for i, fact in enumerate(windows) if fact.trial != "trial 3"]
    rest = [i for i in range(len(windows)) if i not in whole]
    (reason,) = enforce(audit_split(windows, whole, rest))
    assert reason.startswith("a story of 1 of 1 tested trials is also in their training data (s1)")


@pytest.mark.parametrize("by", ["trial", "story", "speaker"])
def test_folds_exclude_what_they_claim(by) -> None:
    every = facts(6)
    folds = leave_one_out_folds(every, by)
    assert sorted(i for _, test in folds for i in test) == list(range(6))
    for train, test in folds:
        assert not {getattr(every[i], by) for i in train} & {getattr(every[i], by) for i in test}


def test_envelope_folds_exclude_both_sounds_in_either_role() -> None:
    every = [TrialFacts("S1", str(i), attended="abca"[i], unattended="bcde"[i]) for i in range(4)]
    for train, (test,) in leave_one_out_folds(every, "envelope"):
        own = {every[test].attended, every[test].unattended}
        assert all(not own & {every[i].attended, every[i].unattended} for i in train)
    with pytest.raises(DataError, match="train on"):
        leave_one_out_folds(every[:2], "envelope")
    with pytest.raises(DataError, match="must have a story"):
        leave_one_out_folds(every, "story")


def test_facts_are_read_from_labels() -> None:
    trial = Trial(np.zeros((4, 1)), "t", labels={"speaker": "A", "attended_audio": "a.wav"})
    (fact,) = facts_of(Recording("S1", SFREQ, ("x",), (trial,)))
    assert (fact.subject, fact.speaker, fact.attended) == ("S1", "A", "a.wav")


NONE = frozenset()


def test_trials_that_share_a_sound_with_the_tested_one_do_not_train_it() -> None:
    every = facts(5)
    sharing = [frozenset({2}), NONE, frozenset({0}), NONE, NONE]
    found = folds(every, "trial", sharing)
    assert sorted(k for _, test in found for k in test) == list(range(5))
    for train, test in found:
        assert not set(train) & set(test)
        assert not set(train) & {j for k in test for j in sharing[k]}
    assert ([1, 3, 4], [0, 2]) in found  # what trains on the same is tested together
    assert len(found) == 4
    assert folds(every, "trial") == leave_one_out_folds(every, "trial")


def test_other_listeners_who_heard_the_same_are_left_out_trial_by_trial() -> None:
    every = [TrialFacts(f"S{s}", f"trial {i}") for s in range(3) for i in range(2)]
    sharing = [frozenset(j for j in range(6) if j % 2 == k % 2 and j != k) for k in range(6)]
    found = folds(every, "subject", sharing)
    assert ([3, 5], [0]) in found
    assert ([2, 4], [1]) in found
    assert len(found) == 6


def test_stories_stay_apart_and_so_do_their_sounds_in_other_stories() -> None:
    every = facts(6)  # stories of two trials each
    sharing = [frozenset({4}), NONE, NONE, NONE, frozenset({0}), NONE]
    found = {tuple(test): train for train, test in folds(every, "story", sharing)}
    assert found == {
        (0,): [2, 3, 5],
        (1,): [2, 3, 4, 5],
        (2, 3): [0, 1, 4, 5],
        (4,): [1, 2, 3],
        (5,): [0, 1, 2, 3],
    }


def test_pieces_of_one_trial_are_tested_together_and_share_its_sounds() -> None:
    names = ["a", "a", "b", "b", "c"]
    every = [TrialFacts("S1", name) for name in names]
    found = folds(every, "trial", [NONE, frozenset({2, 3}), frozenset({1}), NONE, NONE])
    assert found == [([4], [0, 1]), ([0, 4], [2, 3]), ([0, 1, 2, 3], [4])]


def test_a_trial_with_which_all_others_share_a_sound_is_refused() -> None:
    sharing = [frozenset({1, 2}), frozenset({0}), frozenset({0})]
    sentence = (
        r"^shared_sounds = leave_out must leave trials to learn from; got none for trial 0 \(S1\): .* = trial"
    )
    with pytest.raises(DataError, match=sentence):
        folds(facts(3), "trial", sharing)


def heard(*pairs: tuple[np.ndarray, np.ndarray], subject: str = "S1") -> Recording:
    rng = np.random.default_rng(7)
    trials = tuple(
        Trial(rng.standard_normal((len(a), 2)), f"trial {i}", {"attended": a, "unattended": u})
        for i, (a, u) in enumerate(pairs)
    )
    return Recording(subject, SFREQ, ("x", "y"), trials, "arbitrary")


def test_sounds_are_known_again_in_another_role_another_listener_and_a_second_later() -> None:
    rng = np.random.default_rng(0)
    sounds = [speech_envelope(rng, duration_s=31, sfreq=SFREQ) for _ in range(8)]
    cut = [s[: 30 * 32] for s in sounds]
    first = heard((cut[0], cut[1]), (cut[2], 3 * cut[0] + 1), (cut[3], cut[4]))
    second = heard((cut[5], sounds[4][32:]), (cut[6], cut[7]), subject="S2")
    every = [*facts_of(first), *facts_of(second)]
    found = sharing_of(every, prints_of(first) + prints_of(second))
    assert found == [{1}, {0}, {3}, {2}, NONE]


def test_sounds_that_stay_in_training_are_counted_with_an_example() -> None:
    every, splits = facts(4), [([1, 2, 3], [0]), ([0, 2, 3], [1]), ([0, 1, 3], [2]), ([0, 1, 2], [3])]
    sharing = [frozenset({3}), NONE, NONE, frozenset({0})]
    reasons = enforce(audit_splits(every, splits, sharing))
    assert reasons[0] == (
        "a sound of 2 of 4 tested trials is also in their training data (trial 0 of S1 shares one with trial 3 of S1); "
        "shared_sounds = leave_out would keep them apart"
    )
    assert reasons[1].startswith("a story of 4 of 4 tested trials")
    assert len(reasons) == 2
    apart = [([1, 2], [0, 3]), ([0, 2, 3], [1]), ([0, 1, 3], [2])]
    assert all("sound" not in reason for reason in enforce(audit_splits(every, apart, sharing)))


def test_sounds_of_one_name_are_shared_where_nothing_else_is_known() -> None:
    repeated = [*facts(3), TrialFacts("S1", "again", attended="b0", unattended="x")]
    assert any("(b0)" in reason for reason in enforce(audit_split(repeated, [0, 1, 2], [3])))


def test_a_block_on_both_sides_is_said() -> None:
    every = [TrialFacts("S1", str(i), block="12"[i // 2]) for i in range(4)]
    (reason,) = enforce(audit_splits(every, [([1, 2, 3], [0]), ([2, 3], [1])]))
    assert reason.startswith("a block of 1 of 2 tested trials is also in their training data (1)")


def test_a_side_that_is_always_attended_is_reported() -> None:
    always = [TrialFacts("S1", str(i), story=f"s{i}", side="L", speaker="AB"[i % 2]) for i in range(4)]
    (finding,) = audit_labels(always)
    assert "always L (subject S1)" in finding.reason
    assert "gaze" in finding.reason
    assert audit_labels(always[:1]) == []
    assert len(audit_labels(always[::2])) == 2  # of two trials: the side, and the talker


def test_labels_that_nobody_told_are_said_to_be_missing_once() -> None:
    unknown = [TrialFacts(s, str(i)) for s in ("S1", "S2") for i in range(3)]
    reasons = enforce(audit_labels(unknown))
    assert reasons == (
        "no side is told: gaze and location cannot be ruled out",
        "no speaker is told: a voice that is always attended would not be noticed",
        "no story is told: a story on both sides of a split is noticed by its sound only",
    )
    half = [
        TrialFacts("S1", str(i), story=f"s{i}", speaker="AB"[i % 2], side="LR "[i].strip()) for i in range(3)
    ]
    (finding,) = audit_labels(half)
    assert finding.reason.startswith("no side is told of 1 of 3 trials: gaze")
