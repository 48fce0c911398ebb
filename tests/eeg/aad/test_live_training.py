"""`cogattn aad train` fits what the live chain needs, from the study's settings."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.cli import main
from cogattn.eeg.aad.live_config import LiveConfig
from cogattn.eeg.aad.live_training import as_recorded, fit_recording, preprocessing_of
from cogattn.eeg.live import Chain, load
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
from cogattn.errors import ConfigError, DataError

SMALL = {
    "recordings": {
        "kind": "simulated_talkers",
        "n_listeners": 2,
        "n_trials": 6,
        "trial_s": 30,
        "n_channels": 8,
        "snr_db": -22,
    }
}


def test_a_trained_decoder_decodes_the_next_session() -> None:
    rng = np.random.default_rng(0)
    listener = draw_listener(rng, name="S", n_channels=8, sfreq=128.0, snr_db=-22)
    first, second = (
        simulate_recording(rng, listener, n_trials=n, duration_s=30, sfreq=128.0) for n in (6, 2)
    )
    trained = fit_recording(LiveConfig.parse(SMALL), first)
    assert (trained.n_trials, trained.n_windows) == (6, 30)
    assert trained.accuracy > 0.9
    assert trained.r_attended > trained.r_unattended + 0.2
    decisions = [d for trial in Chain.offline(trained.decoder, second) for d in trial]
    assert np.mean([d.probability > 0.5 for d in decisions]) > 0.9
    assert trained.decoder.trained_on == "S, 6 trials, 2.9 min"


def test_the_unit_of_the_eeg_does_not_matter() -> None:
    recording = as_recorded(LiveConfig.parse(SMALL), "listener 1")
    microvolts = Recording(
        recording.subject,
        recording.sfreq,
        recording.channels,
        tuple(type(t)(1e6 * t.eeg, t.name, t.streams, t.labels) for t in recording.trials),
        "arbitrary",
    )
    decoder = fit_recording(LiveConfig.parse(SMALL), recording).decoder
    assert len(decoder.preprocessing.channels) == 8
    volts, micro = (
        [d.r_first for trial in Chain.offline(decoder, made) for d in trial]
        for made in (recording, microvolts)
    )
    np.testing.assert_allclose(volts, micro, atol=1e-9)


def test_reference_channels_are_used_live_though_they_are_not_decoded() -> None:
    plain = as_recorded(LiveConfig.parse(SMALL), "listener 1")
    chosen, reference = plain.channels[:4], plain.channels[6:]
    cleaning = {"reference": "channels", "reference_channels": reference, "channels": chosen}
    config = LiveConfig.parse({**SMALL, "cleaning": cleaning})
    recording = as_recorded(config, "listener 1")
    assert recording.channels == (*chosen, *reference)
    preprocessing = preprocessing_of(config, recording)
    assert (preprocessing.channels, preprocessing.reference) == (chosen, reference)


@pytest.mark.parametrize(
    ("cleaning", "name"), [({"bad_channels": "interpolate"}, "bad_channels"), ({"eog": ("Fp1",)}, "eog")]
)
def test_cleaning_that_cannot_be_done_live_is_refused(cleaning, name) -> None:
    with pytest.raises(ConfigError, match=f"cleaning.{name} must be something that is done live"):
        as_recorded(LiveConfig.parse({**SMALL, "cleaning": cleaning}), "listener 1")


def test_one_channel_is_not_referenced_to_its_own_average() -> None:
    config = LiveConfig.parse({**SMALL, "cleaning": {"channels": ("Iz",)}})
    with pytest.raises(
        DataError, match=r"^cleaning\.reference must be none .* Iz alone \(subject listener 1\)"
    ):
        preprocessing_of(config, as_recorded(config, "listener 1"))


def test_a_rate_without_a_simple_ratio_is_refused_by_the_setting_s_name() -> None:
    config = LiveConfig.parse({**SMALL, "preprocessing": {"sfreq": 20000.6180339887}})
    with pytest.raises(
        ConfigError, match=r"^preprocessing\.sfreq must suit .* 64 and 20000\.61803 Hz \(subject l"
    ):
        preprocessing_of(config, as_recorded(config, "listener 1"))


def test_a_listener_who_is_not_decoded_gets_no_decoder() -> None:
    values = {**SMALL, "recordings": {**SMALL["recordings"], "snr_db": -80}}
    config = LiveConfig.parse({**values, "seed": 3})
    recording = as_recorded(config, "listener 1")
    rng = np.random.default_rng(0)

    def fit_noise() -> None:
        """Of eight listeners some are below chance."""
        for _ in range(8):
            noise = tuple(
                type(t)(rng.standard_normal(t.eeg.shape) * 1e-5, t.name, t.streams, t.labels)
                for t in recording.trials
            )
            fit_recording(config, Recording("S", recording.sfreq, recording.channels, noise))

    with pytest.raises(DataError, match="above chance"):
        fit_noise()


def test_the_command_saves_what_live_loads(tmp_path, capsys) -> None:
    out = tmp_path / "d.safetensors"
    words = ["aad", "train", "--out", str(out), "--listener", "listener 2"]
    flags = [f"--recordings.{name.replace('_', '-')}={value}" for name, value in SMALL["recordings"].items()]
    assert main([*words, *flags, "--decisions.window-s", "3", "--preprocessing.high-hz", "8"]) == 0
    decoder = load(out)
    assert (decoder.window_s, decoder.preprocessing.high_hz) == (3.0, 8.0)
    assert decoder.switches is not None
    said = capsys.readouterr().out
    assert "trained on listener 2, 6 trials, 2.9 min: held-out r 0." in said
    assert "windows of 3 s right" in said
    assert main(["aad", "train", "--out", str(out), *flags, "--listener", "nobody"]) == 2
    assert "--listener must be one of the recordings'" in capsys.readouterr().err


def test_a_run_s_settings_are_taken_as_far_as_they_matter(tmp_path) -> None:
    (tmp_path / "study.toml").write_text(
        'decoders = ["cca"]\n[recordings]\nkind = "simulated_talkers"\nn_trials = 6\ntrial_s = 30\n'
        "n_channels = 8\nsnr_db = -22\n[preprocessing]\nhigh_hz = 7\nsfreq = 64\n"
    )
    out = tmp_path / "d.safetensors"
    assert main(["aad", "train", "--out", str(out), "--config", str(tmp_path / "study.toml")]) == 0
    assert load(out).preprocessing.high_hz == 7.0
