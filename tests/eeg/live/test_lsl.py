"""Over real LSL sockets on this machine: live decisions are those of the offline chain; the commands work."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from cogattn.cli import main
from cogattn.eeg.live import Chain, save
from cogattn.eeg.recordings.recording import Recording
from cogattn.errors import DataError

pytest.importorskip("mne_lsl")

from cogattn.eeg.live.lsl import Inlet
from cogattn.eeg.live.player import Played, Player, trials_of
from cogattn.eeg.live.session import LiveSession

SFREQ = 128.0


@contextmanager
def playing(
    trials: list[Played], channels, sounds_sfreq: float = SFREQ, speed: float = 24.0
) -> Iterator[str]:
    """Play from a thread, once somebody listens; yield the streams' common name."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    player = Player(SFREQ, sounds_sfreq, channels, name=name, speed=speed)

    def run() -> None:
        player.wait(20.0)
        player.play(trials)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield name
    finally:
        player.stop()
        thread.join(10)
        player.close()


def test_live_decisions_are_those_of_the_offline_chain(decoder, recording: Recording) -> None:
    """Two trials; the first one's attended talker is played first, the second one's second; a pause between."""
    order = np.random.default_rng(0).permutation(8)
    shuffled = [Played(t.name, t.attended, t.eeg[:, order], t.sounds) for t in trials_of(recording)[2:]]
    with playing(shuffled, [recording.channels[i] for i in order]) as name:
        session = LiveSession(decoder, eeg=f"{name}-eeg", sounds=[f"{name}-sounds"])
        try:
            got = [timed.decision for timed in session.run(patience_s=1.0)]
        finally:
            session.close()
    assert "has sent nothing for 1 s" in session.ended
    first = Chain.offline(decoder, recording)[2]
    second = Chain.offline(decoder, recording, first="unattended", second="attended")[3]
    decided = [d for d in got if d.decided]
    assert [d.time_s for d in decided] == [d.time_s for d in first] + [d.time_s + 25 for d in second]
    r = np.array([[d.r_first, d.r_second] for d in decided])
    np.testing.assert_allclose(r, [[d.r_first, d.r_second] for d in first + second], rtol=0, atol=1e-9)
    p = [d.probability for d in decided[: len(first)]]
    np.testing.assert_allclose(p, [d.probability for d in first], rtol=0, atol=1e-9)
    assert {d.reason for d in got if not d.decided} == {"the EEG lost 1 s"}


def test_the_command_decodes_and_writes_a_table(decoder, recording, tmp_path, capsys) -> None:
    save(decoder, tmp_path / "d.safetensors")
    with playing(trials_of(recording)[:1], recording.channels) as name:
        words = ["aad", "live", "--decoder", str(tmp_path / "d.safetensors"), "--patience", "1"]
        names = ["--eeg", f"{name}-eeg", "--sounds", f"{name}-sounds", "--csv", str(tmp_path / "out.csv")]
        code = main([*words, *names])
    assert code == 0
    out = capsys.readouterr().out
    assert "EEG: " in out
    assert "envelope: " in out
    assert "finished: " in out
    assert out.count("P(first)") == 19
    assert "delay" in out.splitlines()[-1]
    assert "  delay -\n" in out
    assert "  delay -" not in re.sub("  delay -\n", "", out)
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[0] == "time_s,r_first,r_second,probability,delay_s,reason"
    assert len(rows) == 20
    late_s = [row.split(",")[4] for row in rows[1:]]
    assert not late_s[-1]
    assert all(float(value) > 0 for value in late_s if value)


@pytest.mark.slow
def test_delays_in_real_time_are_told(decoder, recording, tmp_path, capsys) -> None:
    save(decoder, tmp_path / "d.safetensors")
    with playing(trials_of(recording)[:1], recording.channels, speed=1.0) as name:
        words = ["aad", "live", "--decoder", str(tmp_path / "d.safetensors"), "--seconds", "8"]
        assert main([*words, "--eeg", f"{name}-eeg", "--sounds", f"{name}-sounds"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "P(first)" in line]
    assert lines
    assert all(0 < int(re.search(r"delay (\d+) ms$", line)[1]) < 5_000 for line in lines)


def test_a_stream_that_does_not_appear_is_waited_for_and_then_named() -> None:
    waits: list[str] = []
    with pytest.raises(DataError, match=r"'nobody-eeg' must appear on the network within 0\.5 s"):
        Inlet("nobody-eeg", timeout_s=0.5, on_wait=waits.append)
    assert waits == ["waiting for stream 'nobody-eeg', up to 0.5 s"]


def test_a_stream_without_the_decoders_channels_is_refused_and_left(decoder, recording) -> None:
    with (
        playing(trials_of(recording)[:1], [f"X{i}" for i in range(8)]) as name,
        pytest.raises(DataError, match="8 of 8 are missing"),
    ):
        LiveSession(decoder, eeg=f"{name}-eeg", sounds=[f"{name}-sounds"])


def test_a_session_can_be_stopped_by_time(decoder, recording) -> None:
    with playing(trials_of(recording), recording.channels, speed=1.0) as name:
        session = LiveSession(decoder, eeg=f"{name}-eeg", sounds=[f"{name}-sounds"])
        try:
            assert list(session.run(seconds=0.3)) == []
        finally:
            session.close()
    assert session.ended == "0.3 s have passed"


def test_ctrl_c_ends_the_command_in_order(decoder, recording, tmp_path, capsys, monkeypatch) -> None:
    save(decoder, tmp_path / "d.safetensors")
    closed = []

    def interrupted(self: LiveSession, **_: object):
        raise KeyboardInterrupt
        yield

    leave = LiveSession.close
    monkeypatch.setattr(LiveSession, "run", interrupted)
    monkeypatch.setattr(LiveSession, "close", lambda self: (closed.append(True), leave(self)))
    with playing(trials_of(recording)[:1], recording.channels, speed=1.0) as name:
        words = ["aad", "live", "--decoder", str(tmp_path / "d.safetensors")]
        assert main([*words, "--eeg", f"{name}-eeg", "--sounds", f"{name}-sounds"]) == 0
    assert "finished: interrupted; 0 decisions" in capsys.readouterr().out
    assert closed
