"""Bad channels, BAD spans, EOG, references: against mne, and against recordings whose faults are known."""

from __future__ import annotations

from dataclasses import replace

import mne
import numpy as np
import pytest

from cogattn.eeg.recordings import sources
from cogattn.eeg.recordings.bad_channels import bad_channels, held_together
from cogattn.eeg.recordings.bad_spans import (
    annotated_spans,
    in_pieces,
    out_of_bounds,
    pieces,
    rejected_spans,
    union,
    within,
)
from cogattn.eeg.recordings.cleaning import cleaned, found_bad, needed_channels
from cogattn.eeg.recordings.config import Bids, Cleaning, EnvelopeSettings, Files
from cogattn.eeg.recordings.content import content_rows
from cogattn.eeg.recordings.eog import BLOCK_S, without_eog
from cogattn.eeg.recordings.files import listeners
from cogattn.eeg.recordings.from_mne import from_raw
from cogattn.eeg.recordings.interpolation import interpolated
from cogattn.eeg.recordings.montage import head_info
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.errors import DataError

SFREQ = 100.0
NAMES = ("Fz", "FCz", "Cz", "CPz", "Pz", "Oz", "C3", "C4", "F3", "F4", "P3", "P4")


def pink(rng, n_times, n_channels, sd=10e-6):
    spectrum = np.fft.rfft(rng.standard_normal((n_times, n_channels)), axis=0)
    frequency = np.maximum(np.fft.rfftfreq(n_times, 1 / SFREQ), 0.3)
    noise = np.fft.irfft(spectrum / np.sqrt(frequency)[:, None], n_times, axis=0)
    return sd * noise / noise.std(axis=0)


def recording_of(*eegs, channels=NAMES, **more):
    trials = tuple(
        Trial(eeg, f"trial {i + 1}", {"stimulus": np.arange(len(eeg))}) for i, eeg in enumerate(eegs)
    )
    return Recording("S1", SFREQ, channels[: eegs[0].shape[1]], trials, **more)


def raw_of(eeg, channels=NAMES, kinds="eeg"):
    info = mne.create_info(list(channels[: eeg.shape[1]]), SFREQ, kinds)
    return mne.io.RawArray(eeg.T.copy(), info, verbose="error")


@pytest.fixture
def rng():
    return np.random.default_rng(12)


@pytest.fixture
def eeg(rng):
    return pink(rng, 30_000, 12)


class TestBadChannels:
    def test_clean_eeg_has_none(self, eeg, rng):
        assert bad_channels([eeg, pink(rng, 5_000, 12)], sfreq=SFREQ, channels=NAMES) == {}

    def test_rounding_drift_sines_and_blinks_are_no_faults(self, rng):
        eeg = pink(rng, 30_000, 6)
        time = np.arange(30_000) / SFREQ
        eeg[:, 0] = np.round(eeg[:, 0] / 1e-6) * 1e-6
        eeg[:, 1] += 1e-6 * time
        eeg[:, 2] = 1e-5 * np.sin(2 * np.pi * 10 * time)
        eeg[:, 3] += 3e-4 * (np.sin(2 * np.pi * 0.2 * time) > 0.99)
        eeg[:, 4] = 1e-5 * np.sin(2 * np.pi * 12.5 * time + np.pi / 8)  # two equal samples at each peak
        assert bad_channels([eeg], sfreq=SFREQ, channels=NAMES[:6]) == {}

    def test_each_fault_is_found_and_named(self, eeg):
        eeg[:, 1] = 0.0
        eeg[:, 4] = eeg[:, 3]
        eeg[5_000:11_000, 5] = 300e-6
        eeg[:, 7] = np.clip(eeg[:, 7], -5e-6, 5e-6)
        eeg[2_000:4_000, 8] = 1e-6
        found = bad_channels([eeg], sfreq=SFREQ, channels=NAMES)
        assert list(found) == ["FCz", "Pz", "Oz", "C4", "F3"]
        assert found["FCz"] == "flat"
        assert found["Pz"] == "equal to CPz"
        assert found["Oz"] == "railed at 300 uV for 60 s"
        assert found["C4"].startswith("clipped at -5 and 5 uV (4")
        assert found["F3"] == "flat for 20 s"

    def test_clipped_at_one_end(self, rng):
        eeg = rng.standard_normal((20_000, 4)).cumsum(axis=0) * 1e-7
        eeg -= np.linspace(0, 1, 20_000)[:, None] * eeg[-1]
        eeg[:, 2] = np.sin(np.arange(20_000) / 7) * 20e-6 + 1e-6 * rng.standard_normal(20_000)
        eeg[:, 2] = np.minimum(eeg[:, 2], 15e-6)
        found = bad_channels([eeg], sfreq=SFREQ, channels=NAMES[:4])
        assert list(found) == ["Cz"]
        assert found["Cz"].startswith("clipped at 15 uV (")

    def test_a_channel_flat_in_one_trial_of_several_is_bad(self, eeg):
        second = eeg[:1_000].copy()
        second[:, 2] = 5e-6
        assert bad_channels([eeg, second], sfreq=SFREQ, channels=NAMES) == {"Cz": "flat"}

    def test_what_all_channels_hold_is_a_dropout_and_no_fault_of_one(self, eeg):
        eeg[3_000:9_000] = eeg[3_000]
        assert bad_channels([eeg], sfreq=SFREQ, channels=NAMES) == {}
        assert np.flatnonzero(held_together([eeg], SFREQ)[0]).tolist() == list(range(3_000, 9_000))

    def test_levels_of_arbitrary_units_are_told_without_a_unit(self, eeg):
        eeg = eeg * 1e5
        eeg[5_000:11_000, 5] = 30.0
        found = bad_channels([eeg], sfreq=SFREQ, channels=NAMES, unit="arbitrary")
        assert found == {"Oz": "railed at 30 for 60 s"}

    def test_bad_spans_are_not_looked_at(self, eeg):
        eeg[5_000:11_000, 5] = 300e-6
        recording = recording_of(eeg)
        assert found_bad(recording, Cleaning(), bad=[[(4_990, 11_010)]]) == {}
        assert list(found_bad(recording, Cleaning(), bad=[[(4_990, 6_000)]])) == ["Oz"]

    def test_nan_is_left_to_the_check_of_the_recording(self, eeg):
        eeg[7, 3] = np.nan
        with pytest.raises(DataError, match="finite"):
            cleaned(recording_of(eeg), Cleaning()).checked()


class TestWhatBecomesOfThem:
    def test_dropped_before_the_average_and_said(self, eeg):
        eeg[:, 5] = 0.0
        out = cleaned(recording_of(eeg), Cleaning(reference="average", bads=("C3",)), marked=["Fz"])
        good = [1, 2, 3, 4, 7, 8, 9, 10, 11]
        assert out.channels == tuple(NAMES[i] for i in good)
        want = eeg[:, good] - eeg[:, good].mean(axis=1, keepdims=True)
        np.testing.assert_allclose(out.trials[0].eeg, want, rtol=0, atol=1e-18)
        assert out.intake.bads == ("Fz", "Oz", "C3")
        (said,) = out.intake.remarks
        assert (
            said == "3 of 12 channels are left out: Fz (marked bad), Oz (flat), C3 (named in cleaning.bads)"
        )

    def test_interpolated_as_mne_does(self, eeg):
        out = interpolated(
            recording_of(eeg, eeg[:50]), ["Cz", "P4"], [n for n in NAMES if n not in ("Cz", "P4")]
        )
        raw = mne.io.RawArray(eeg.T, head_info(NAMES), verbose="error")
        raw.info["bads"] = ["Cz", "P4"]
        raw.interpolate_bads(verbose="error")
        scale = np.abs(eeg).max()
        np.testing.assert_allclose(out.trials[0].eeg / scale, raw.get_data().T / scale, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(out.trials[1].eeg, out.trials[0].eeg[:50])

    def test_interpolated_through_the_places_the_file_tells(self, eeg):
        raw = raw_of(eeg).set_montage("standard_1005", verbose="error")
        raw.rename_channels({name: f"E{i}" for i, name in enumerate(NAMES)})
        recording = recording_of(eeg, channels=tuple(raw.ch_names))
        own = Cleaning(bads=("E2",), bad_channels="interpolate")
        out = cleaned(recording, own, info=raw.info)
        raw.info["bads"] = ["E2"]
        raw.interpolate_bads(verbose="error")
        np.testing.assert_allclose(out.trials[0].eeg, raw.get_data().T, rtol=0, atol=1e-12)
        assert out.intake.remarks == ("1 of 12 channels is interpolated: E2 (named in cleaning.bads)",)
        with pytest.raises(
            DataError, match=r"bad_channels must be drop or refuse where .*\(subject S1 has E0, E1"
        ):
            cleaned(recording, own)

    def test_refused_by_name(self, eeg):
        eeg[:, 5] = 0.0
        with pytest.raises(DataError, match=r"no channel may be bad; got Oz \(flat\) \(subject S1\)"):
            cleaned(recording_of(eeg), Cleaning(bad_channels="refuse"))

    def test_refused_where_most_channels_hold_nothing(self, eeg):
        eeg[:, :7] = 0.0
        with pytest.raises(DataError, match="more than half of the channels must hold EEG; got 7 of 12"):
            cleaned(recording_of(eeg), Cleaning())

    def test_a_reference_that_is_bad_is_refused(self, eeg):
        eeg[:, 5] = 0.0
        settings = Cleaning(reference="channels", reference_channels=("Oz", "Pz"))
        with pytest.raises(DataError, match="reference_channels must not be bad; got Oz: flat"):
            cleaned(recording_of(eeg), settings)

    def test_mastoids_are_subtracted_and_left_out(self, eeg):
        settings = Cleaning(reference="channels", reference_channels=("P3", "P4"), channels=("Cz", "Fz"))
        assert needed_channels(NAMES, NAMES, settings, subject="S1") == ["Cz", "Fz", "P3", "P4"]
        out = cleaned(recording_of(eeg), settings)
        assert out.channels == ("Cz", "Fz")
        np.testing.assert_allclose(
            out.trials[0].eeg, eeg[:, [2, 0]] - eeg[:, 10:].mean(axis=1, keepdims=True)
        )

    @pytest.mark.parametrize("said", ["named", "marked"])
    @pytest.mark.parametrize("bad_channels", ["drop", "interpolate"])
    def test_nan_of_a_bad_channel_goes_with_it(self, rng, eeg, said, bad_channels):
        """Others are as beside a bad channel of noise, to the last bit: references, EOG and filters see none of it."""
        settings = Cleaning(
            bads=("C3",) if said == "named" else (),
            bad_channels=bad_channels,
            reference="average",
            eog=("P4",),
            reject_uv=60,
        )

        def of(bad):
            data = eeg.copy()
            data[:, NAMES.index("C3")] = bad
            raw = raw_of(data)
            raw.info["bads"] = ["C3"] if said == "marked" else []
            found = from_raw(raw, [10.0, 100.0], duration_s=60.0, cleaning=settings)
            return found, found.filtered(1, 9).resampled(64)

        want, want_filtered = of(pink(rng, 30_000, 1)[:, 0])
        for bad in (np.full(30_000, np.nan), np.where(np.arange(30_000) % 7_000, 0, np.inf)):
            got, filtered = of(bad)
            assert ("C3" in got.channels) == (bad_channels == "interpolate")
            assert got.channels == want.channels
            assert got.intake.remarks == want.intake.remarks
            for one, other in zip(want.eeg + want_filtered.eeg, got.eeg + filtered.eeg, strict=True):
                np.testing.assert_array_equal(one, other)
            assert content_rows(got).equals(content_rows(want))

    def test_nan_of_other_channels_is_refused(self, eeg):
        eeg[1_007, 3] = np.nan
        with pytest.raises(DataError, match=r"eeg must be finite; got nan at sample 7 .*, channel CPz\)"):
            from_raw(raw_of(eeg), [10.0], duration_s=60.0, cleaning=Cleaning(bads=("Fz",)))
        eeg[1_007, 6] = np.nan
        with pytest.raises(DataError, match=r"no channel may be bad; got CPz \(named in cleaning.bads\)"):
            from_raw(
                raw_of(eeg),
                [10.0],
                duration_s=60.0,
                cleaning=Cleaning(bads=("CPz", "C3"), bad_channels="refuse"),
            )

    def test_what_is_not_eeg_by_its_name_is_no_part_of_the_average(self, eeg):
        names = (*NAMES[:10], "EXG1", "Status")
        out = cleaned(recording_of(eeg, channels=names), Cleaning(reference="average"))
        assert out.channels == NAMES[:10]
        np.testing.assert_allclose(out.trials[0].eeg, eeg[:, :10] - eeg[:, :10].mean(axis=1, keepdims=True))
        asked = Cleaning(channels=("EXG1",))
        assert cleaned(recording_of(eeg, channels=names), asked).channels == ("EXG1",)

    def test_one_channel_is_not_its_own_average(self, eeg):
        sentence = (
            r"^cleaning.reference must be none or channels where one EEG channel is left; "
            r"got the average of Fz alone \(subject S1\)$"
        )
        eeg[:, 1] = 0.0
        with pytest.raises(DataError, match=sentence):
            cleaned(recording_of(eeg[:, :2]), Cleaning(reference="average"))

    def test_an_average_needs_all_channels_and_an_unknown_name_is_refused(self):
        some = Cleaning(reference="average", channels=("Cz",))
        assert needed_channels(NAMES, NAMES[:4], some, subject="S1") == list(NAMES[:4])
        with pytest.raises(DataError, match=r"cleaning.bads must be among .* got 'Q9' \(subject S1 has Fz,"):
            needed_channels(NAMES, NAMES, Cleaning(bads=("Q9",)), subject="S1")


class TestSpans:
    def test_arithmetic(self):
        assert union([(5, 9), (0, 3), (8, 12), (4, 4), (3, 4)]) == [(0, 4), (5, 12)]
        assert pieces((10, 100), [(0, 12), (50, 60), (55, 70), (95, 200)]) == [(12, 50), (70, 95)]
        assert pieces((10, 20), [(5, 30)]) == []
        assert within((10, 20), [(0, 12), (15, 17), (19, 40), (30, 40)]) == [(0, 2), (5, 7), (9, 10)]

    @pytest.mark.parametrize("first_samp", [0, 777])
    def test_the_same_epochs_fall_as_with_mne(self, rng, eeg, first_samp):
        raw = mne.io.RawArray(
            eeg.T, mne.create_info(list(NAMES), SFREQ, "eeg"), first_samp=first_samp, verbose="error"
        )
        raw.set_meas_date(1_600_000_000 if first_samp else None)
        onsets = rng.uniform(0, 290, 12)
        texts = np.array(["BAD_movement", "bad", "Bad boundary", "sound", "EDGE boundary", "ABAD"])
        marks = mne.Annotations(
            onsets + (first_samp / SFREQ if first_samp else 0),
            rng.uniform(0.003, 4, 12),
            rng.choice(texts, 12),
            orig_time=raw.info["meas_date"],
        )
        raw.set_annotations(marks)
        starts = np.arange(0, 29_900, 73)
        events = np.column_stack([starts + first_samp, np.zeros_like(starts), np.ones_like(starts)])
        epochs = mne.Epochs(
            raw,
            events,
            tmin=0,
            tmax=0.49,
            baseline=None,
            reject_by_annotation=True,
            preload=True,
            verbose="error",
        )
        bad = annotated_spans(raw)
        assert len(bad) > 2
        left = [start for start in starts if pieces((start, start + 50), bad) == [(start, start + 50)]]
        assert (np.array(left) + first_samp).tolist() == epochs.events[:, 0].tolist()

    def test_marks_of_other_channels_do_not_count(self, eeg):
        raw = raw_of(eeg)
        raw.set_annotations(mne.Annotations([1, 5], [1, 1], ["BAD_a", "BAD_b"], ch_names=[["Cz"], []]))
        assert annotated_spans(raw, ["Fz"]) == [(500, 600)]
        assert annotated_spans(raw, ["Fz", "Cz"]) == annotated_spans(raw) == [(100, 200), (500, 600)]

    @pytest.mark.parametrize(("reject_uv", "flat_uv"), [(54.0, None), (None, 32.0), (58.0, 29.0)])
    def test_the_same_windows_fall_as_with_mne(self, eeg, reject_uv, flat_uv):
        epochs = mne.make_fixed_length_epochs(raw_of(eeg), 1.0, preload=True, verbose="error")
        kept = epochs.copy().drop_bad(
            reject=None if reject_uv is None else {"eeg": 1e-6 * reject_uv},
            flat=None if flat_uv is None else {"eeg": 1e-6 * flat_uv},
            verbose="error",
        )
        bad = rejected_spans(eeg, SFREQ, reject_uv=reject_uv, flat_uv=flat_uv)
        left = [start for start in range(0, 30_000, 100) if pieces((start, start + 100), bad)]
        assert 10 < len(left) < 290
        assert left == kept.events[:, 0].tolist()
        out = out_of_bounds(epochs.get_data().transpose(0, 2, 1), reject_uv=reject_uv, flat_uv=flat_uv)
        assert np.flatnonzero(~out).tolist() == kept.selection.tolist()

    def test_pieces_keep_name_streams_and_seconds(self, eeg):
        out = in_pieces(recording_of(eeg[:1_000], eeg[:500]), [[(300, 400), (900, 1_000)], []])
        assert [trial.name for trial in out.trials] == ["trial 1", "trial 1", "trial 2"]
        assert [trial.start_s for trial in out.trials] == [0.0, 4.0, 0.0]
        np.testing.assert_array_equal(out.trials[1].streams["stimulus"], np.arange(400, 900))
        np.testing.assert_array_equal(out.trials[1].eeg, eeg[400:900])

    def test_what_is_lost_is_counted(self, eeg):
        eeg[2_050:2_090, 3] += 1e-3
        out = cleaned(
            recording_of(eeg, eeg[:1_000]), Cleaning(reject_uv=200), bad=[[(100, 300)], [(0, 1_000)]]
        )
        assert out.intake.lost_s == pytest.approx(2 + 10 + 1)
        assert out.intake.lost_trials == 1
        assert [len(trial.eeg) for trial in out.trials] == [100, 1_700, 27_900]
        with pytest.raises(DataError, match="some EEG must be left between BAD spans; got none"):
            cleaned(recording_of(eeg), Cleaning(), bad=[[(0, 30_000)]])

    def test_a_dropout_of_the_amplifier_is_left_out(self, eeg):
        eeg[3_000:9_000] = 0.0
        out = cleaned(recording_of(eeg), Cleaning()).checked()
        assert [len(trial.eeg) for trial in out.trials] == [3_000, 21_000]
        assert out.intake.lost_s == 60.0

    def test_microvolts_are_not_for_other_units(self, eeg):
        with pytest.raises(
            DataError, match=r"cleaning.reject_uv must be left out for EEG that is not in volts"
        ):
            cleaned(recording_of(eeg * 1e5, unit="arbitrary"), Cleaning(reject_uv=100))


class TestEog:
    @pytest.fixture
    def blinking(self, rng):
        """Two EOG channels, 10 EEG channels that see them and follow a response; drifts on all."""
        brain, n_times = pink(rng, 30_000, 10), 30_000
        response = np.convolve(rng.standard_normal(n_times), np.hanning(20), "same")[:, None] * 2e-6
        blinks = np.zeros(n_times)
        for start in rng.choice(n_times - 60, 80, replace=False):
            blinks[start : start + 40] += 150e-6 * np.hanning(40)
        saccades = np.repeat(rng.standard_normal(60) * 30e-6, 500)
        eyes = np.column_stack([blinks, saccades])
        eog = eyes @ np.array([[1, 0.1], [0.2, 1]]) + pink(rng, n_times, 2, 2e-6)
        spread = rng.uniform(0.1, 0.5, (2, 10))
        eeg = brain + response + eyes @ spread
        drift = np.cumsum(rng.standard_normal((n_times, 12)), axis=0) * 1e-6
        return np.column_stack([eeg, eog]) + drift, brain + response, response[:, 0], blinks

    def test_weights_are_those_of_mne(self, blinking):
        data = blinking[0][:29_950]  # a last block that is cut short has no say with either
        names = (*NAMES[:10], "VEOG", "HEOG")
        raw = raw_of(data, names, ["eeg"] * 10 + ["eog"] * 2)
        raw.set_eeg_reference([], verbose="error")
        epochs = mne.make_fixed_length_epochs(raw, BLOCK_S, preload=True, verbose="error")
        epochs._data[:] = epochs._data - _lines(epochs._data)
        model = mne.preprocessing.EOGRegression(picks="eeg", picks_artifact="eog").fit(epochs)
        want = model.apply(raw).get_data(picks="eeg").T
        out = without_eog(recording_of(data, channels=names), ("VEOG", "HEOG"))
        assert out.channels == NAMES[:10]
        np.testing.assert_allclose(out.trials[0].eeg, want, rtol=0, atol=1e-10 * np.abs(want).max())

    def test_blinks_go_and_the_response_stays(self, blinking):
        data, truth, response, blinks = blinking
        out = without_eog(recording_of(data, channels=(*NAMES[:10], "VEOG", "HEOG")), ("VEOG", "HEOG"))
        cleaned_eeg = mne.filter.filter_data(out.trials[0].eeg.T, SFREQ, 1, 20, verbose="error")
        dirty = mne.filter.filter_data(data[:, :10].T.copy(), SFREQ, 1, 20, verbose="error")
        true = mne.filter.filter_data(truth.T.copy(), SFREQ, 1, 20, verbose="error")

        def r(a, b):
            return np.array([np.corrcoef(row, b)[0, 1] for row in a])

        assert np.abs(r(dirty, blinks)).min() > 0.2
        assert np.abs(r(cleaned_eeg, blinks)).max() < 0.06
        assert (r(cleaned_eeg, response) > 0.9 * r(true, response)).all()

    def test_bad_spans_have_no_say(self, blinking, rng):
        data = blinking[0]
        names, spans = (*NAMES[:10], "VEOG", "HEOG"), [[(10_000, 12_000)]]
        want = without_eog(recording_of(data, channels=names), ("VEOG", "HEOG"), bad=spans)
        data = data.copy()
        data[10_000:12_000] += np.cumsum(rng.standard_normal((2_000, 12)), axis=0) * 1e-3
        got = without_eog(recording_of(data, channels=names), ("VEOG", "HEOG"), bad=spans)
        difference = got.trials[0].eeg[15_000:] - want.trials[0].eeg[15_000:]
        assert np.abs(np.diff(difference, axis=0)).max() < 1e-15

    def test_the_order_of_regression_and_reference_does_not_matter(self, blinking):
        data = blinking[0]
        names = (*NAMES[:10], "VEOG", "HEOG")
        out = cleaned(recording_of(data, channels=names), Cleaning(eog=("VEOG", "HEOG"), reference="average"))
        other = data.copy()
        other[:, :10] -= other[:, :10].mean(axis=1, keepdims=True)
        first = without_eog(recording_of(other, channels=names), ("VEOG", "HEOG"))
        np.testing.assert_allclose(out.trials[0].eeg, first.trials[0].eeg, rtol=0, atol=1e-15)

    def test_channels_that_do_not_see_the_eyes_apart_are_refused(self, blinking):
        data = blinking[0].copy()
        data[:, 11] = -2 * data[:, 10]
        with pytest.raises(
            DataError, match=r"cleaning.eog must name channels that vary, each in its own way"
        ):
            without_eog(recording_of(data, channels=(*NAMES[:10], "VEOG", "HEOG")), ("VEOG", "HEOG"))
        data[:, 11] = 0.0
        with pytest.raises(DataError, match=r"cleaning.eog must not be bad; got HEOG: flat"):
            cleaned(
                recording_of(data, channels=(*NAMES[:10], "VEOG", "HEOG")), Cleaning(eog=("VEOG", "HEOG"))
            )


def test_one_channel_alone_loses_the_seconds_in_which_it_is_held_or_is_refused(eeg):
    alone = recording_of(eeg[:, :1])
    assert cleaned(alone, Cleaning()).channels == ("Fz",)
    railed = eeg[:, :1].copy()
    railed[2_000:8_000] = railed.max()
    out = cleaned(replace(alone, trials=(Trial(railed, "trial 1"),)), Cleaning())
    assert [len(trial.eeg) for trial in out.trials] == [2_000, 22_000]
    with pytest.raises(
        DataError, match=r"a channel to analyse must be good; got Fz \(clipped at -5 and 5 uV"
    ):
        cleaned(replace(alone, trials=(Trial(np.clip(eeg[:, :1], -5e-6, 5e-6), "trial 1"),)), Cleaning())


@pytest.mark.parametrize("value", [0.0, None])
def test_the_padding_of_a_last_record_is_no_fault_of_channels(eeg, value):
    """Half a second at the end that EDF's records of a second ask for: zeros, or the last value again."""
    eeg[-50:] = eeg[-51] if value is None else value
    out = cleaned(recording_of(eeg), Cleaning())
    assert out.channels == NAMES
    assert 29_940 <= len(out.trials[0].eeg) <= 29_950
    assert out.intake.remarks[0].startswith("most channels hold their values for 0.5")


def _lines(data):
    """Straight line through each row of (n_epochs, n_channels, n_times), by least squares."""
    time = np.arange(data.shape[-1], dtype=float)
    design = np.column_stack([np.ones_like(time), time])
    return data @ design @ np.linalg.inv(design.T @ design) @ design.T


class TestTheWayIn:
    """What files mark as bad, through `sources.load`."""

    def load(self, source, **cleaning):
        return sources.load(
            source, listeners(source)[0], cleaning=Cleaning(**cleaning), envelope=EnvelopeSettings(), seed=0
        )

    def test_a_fif_file_tells_bad_channels_and_places(self, tmp_path, eeg):
        raw = raw_of(eeg).set_montage("standard_1005", verbose="error")
        raw.rename_channels({name: f"E{i}" for i, name in enumerate(NAMES)})  # no montage knows these
        raw.info["bads"] = ["E2"]
        raw.save(tmp_path / "x_raw.fif", verbose="error")
        source = Files(files=(tmp_path / "x_raw.fif",), align="start")
        dropped = self.load(source)
        assert "E2" not in dropped.channels
        assert dropped.intake.remarks[-1] == "1 of 12 channels is left out: E2 (marked bad)"
        whole = self.load(source, bad_channels="interpolate")
        raw.interpolate_bads(verbose="error")
        np.testing.assert_allclose(whole.trials[0].eeg, raw.get_data().T, rtol=0, atol=1e-9)
        with pytest.raises(DataError, match=r"no channel may be bad; got E2 \(marked bad\)"):
            self.load(source, bad_channels="refuse")

    def test_a_bids_table_of_channels_marks_them(self, tmp_path, eeg_files):
        root = tmp_path / "bids"
        values = np.random.default_rng(0).standard_normal((4, 2_560)) * 20
        eeg_files.write_bids(root, values, 128, ["Fz", "Cz", "Pz", "Oz"])
        (table,) = root.rglob("*_channels.tsv")
        lines = [line.split("\t") for line in table.read_text().splitlines()]
        status = lines[0].index("status")
        for line in lines[1:]:
            line[status] = "bad" if line[0] == "Pz" else "good"
        table.write_text("\n".join("\t".join(line) for line in lines) + "\n")
        found = self.load(Bids(root=root, subjects=("01",), task="listen", align="start"))
        assert found.channels == ("Fz", "Cz", "Oz")
        assert "Pz (marked bad)" in found.intake.remarks[-1]

    def test_annotations_count_unless_they_are_not_to(self, tmp_path, eeg):
        raw = raw_of(eeg)
        raw.set_annotations(mne.Annotations([100.0], [10.0], ["Bad_muscle"]))
        raw.save(tmp_path / "x_raw.fif", verbose="error")
        source = Files(files=(tmp_path / "x_raw.fif",), align="start")
        cut = self.load(source)
        assert [(t.start_s, len(t.eeg)) for t in cut.trials] == [(0.0, 10_000), (110.0, 19_000)]
        assert cut.intake.lost_s == 10.0
        assert [len(t.eeg) for t in self.load(source, reject_annotations=False).trials] == [30_000]
