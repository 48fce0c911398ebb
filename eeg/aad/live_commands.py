"""Commands below ``cogattn aad``: fit a decoder, decode live streams with it, play a session to try it on."""

from __future__ import annotations

import csv
import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cogattn.cli.flags import flag_parameters, nested
from cogattn.config import merge, read_settings
from cogattn.eeg.aad.live_config import LiveConfig
from cogattn.errors import ConfigError, Terminated
from cogattn.reporting.tables import MISSING

if TYPE_CHECKING:
    from cogattn.eeg.live.delay import Delay
    from cogattn.eeg.live.player import Played, Player
    from cogattn.eeg.live.session import LiveSession, Timed
    from cogattn.eeg.recordings.recording import Recording

HOUSE = "Command"


def _flag(text: str, name: str = "") -> Parameter:
    return Parameter(name=name or None, group=HOUSE, help=text)


Config = Annotated[Path | None, _flag("TOML file of settings, or a run's config.json; flags come on top.")]
Who = Annotated[str, _flag("Whose recording; the first listener when empty.")]
DecoderFile = Annotated[Path, _flag("File of a decoder, as `cogattn aad train` writes it.")]


def with_settings(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command that takes ``**flags`` a flag for each of `LiveConfig`'s settings."""
    *own, _ = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [*own, *flag_parameters(LiveConfig)]
    setattr(command, "__signature__", inspect.Signature(parameters))  # noqa: B010 - a function's type has no such field
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


@with_settings
def train(
    *,
    out: DecoderFile = Path("decoder.safetensors"),
    listener: Who = "",
    config: Config = None,
    **flags: object,
) -> int:
    """Fit a decoder for live use on one listener's recording and save it.

    The recording goes through the causal chain that live streams go through. Probabilities are learned on
    held-out trials. Of a run's settings, those that matter are taken.
    """
    from cogattn.eeg.aad.live_training import fit
    from cogattn.eeg.live.saving import save

    settings = _settings(config, flags)
    trained = fit(settings, _listener(settings, listener))
    save(trained.decoder, out)
    decoder = trained.decoder
    say(
        f"trained on {decoder.trained_on}: held-out r {trained.r_attended:.3f} attended, "
        f"{trained.r_unattended:.3f} ignored; {trained.accuracy:.0%} of {trained.n_windows} windows of "
        f"{decoder.window_s:g} s right"
    )
    say(f"written: {out}")
    return 0


def live(
    *,
    decoder: DecoderFile,
    eeg: Annotated[str, _flag("Name of the LSL stream of EEG.")] = "cogattn-eeg",
    sounds: Annotated[
        list[str],
        _flag(
            "LSL stream of two talkers, or two streams of one each, the first talker first: sounds where the rate "
            "is 8 kHz or more, else envelopes."
        ),
    ] = ["cogattn-sounds"],  # noqa: B006 - read, never changed; the help shows it
    seconds: Annotated[float | None, _flag("Stop after so long; when a stream ends by default.")] = None,
    out: Annotated[Path | None, _flag("CSV file that gets a row per decision.", "--csv")] = None,
    timeout: Annotated[float, _flag("Longest wait for a stream to appear, in seconds.")] = 30.0,
    patience: Annotated[float, _flag("A stream that sends nothing for so long has ended, in seconds.")] = 5.0,
    gap: Annotated[
        float, _flag("Time stamps that are off by more are a gap, by less jitter, in seconds.")
    ] = 0.05,
) -> int:
    """Decode LSL streams of EEG and two talkers as they come: a line per decision, until a stream ends.

    LSL is a protocol for a trusted local network. Needs the extra ``live``.
    """
    from cogattn.eeg.live.saving import load
    from cogattn.eeg.live.session import LiveSession

    for name, value in (("seconds", seconds), ("timeout", timeout), ("patience", patience), ("gap", gap)):
        if value is not None and not value > 0:
            raise ConfigError(f"--{name} must be above 0; got {value:g}")
    if not 1 <= len(sounds) <= 2:
        raise ConfigError(f"--sounds must name one or two streams; got {len(sounds)}")
    fitted = load(decoder)
    with ExitStack() as stack:
        table = stack.enter_context(open(out, "w", newline="", encoding="utf-8")) if out else None
        session = LiveSession(
            fitted, eeg=eeg, sounds=sounds, timeout_s=timeout, gap_s=gap, on_wait=lambda line: say(line)
        )
        stack.callback(session.close)
        for line in (f"decoder: {fitted.trained_on}", *session.describe()):
            say(line)
        return _follow(session, table, seconds, patience)


@with_settings
def play(
    *,
    listener: Who = "",
    name: Annotated[str, _flag("Begins the names of the streams, NAME-eeg and NAME-sounds.")] = "cogattn",
    speed: Annotated[
        float, _flag("How many times faster than real time; at 1 alone do delays mean anything.")
    ] = 1.0,
    sound: Annotated[bool, _flag("Send the sounds themselves, not their envelopes.")] = False,
    trials: Annotated[int | None, _flag("How many trials; all by default.")] = None,
    wait: Annotated[
        float, _flag("Longest wait for somebody to listen, in seconds; 0 begins at once.")
    ] = 600.0,
    config: Config = None,
    **flags: object,
) -> int:
    """Play a simulated or recorded session to LSL in real time, to try `cogattn aad live` on.

    Starts when both streams have a listener. Says before each trial which talker was attended.
    """
    from cogattn.eeg.aad.live_training import as_recorded
    from cogattn.eeg.live.player import Player

    settings = _settings(config, flags)
    who = _listener(settings, listener)
    recording = as_recorded(settings, who)
    rate, session = _session(settings, recording, sound)
    player = Player(recording.sfreq, rate, recording.channels, name=name, speed=speed)
    say(f"{who}: {' and '.join(player.names)}, {len(recording.channels)} channels at {recording.sfreq:g} Hz")
    return _played(player, session[:trials], wait)


def _played(player: Player, session: list[Played], wait: float) -> int:
    try:
        if wait > 0:
            say("waiting for somebody to listen to both")
            player.wait(wait)
        player.play(session, on_trial=lambda trial: say(f"{trial.name}: attended {trial.attended}"))
        say("finished")
    except Terminated:
        raise
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        player.close()
    return 0


def _session(config: LiveConfig, recording: Recording, sound: bool) -> tuple[float, list[Played]]:
    """Rate of the sounds in Hz, and the trials."""
    from cogattn.eeg.live.player import placed, trials_of

    if not sound:
        return recording.sfreq, trials_of(recording)
    from cogattn.eeg.recordings.sources import sound as sound_of

    played, rates = [], set()
    for i, trial in enumerate(recording.trials):
        both = [
            sound_of(config.recordings, recording, trial, role, seed=config.seed)
            for role in ("attended", "unattended")
        ]
        rates |= {rate for _, rate in both}
        played.append(placed(i, trial.name, trial.eeg, *(samples for samples, _ in both)))
    if len(rates) != 1:
        raise ConfigError(f"sounds must have one rate to be played; got {sorted(rates)}")
    return rates.pop(), played


def _follow(session: LiveSession, table: IO[str] | None, seconds: float | None, patience: float) -> int:
    """Print and write decisions until the session ends or somebody presses Ctrl-C."""
    rows = None if table is None else csv.writer(table)
    if rows is not None:
        rows.writerow(["time_s", "r_first", "r_second", "probability", "delay_s", "reason"])
    n_decided = n_due = 0
    ended = ""
    delay = session.chain.delay
    say(delay.text())
    try:
        for timed in session.run(seconds=seconds, patience_s=patience):
            n_due, n_decided = n_due + 1, n_decided + timed.decision.decided
            late_s = _late_s(timed, delay)
            say(_line(timed, late_s))
            if rows is not None and table is not None:
                found = timed.decision
                rows.writerow(
                    [found.time_s, found.r_first, found.r_second, found.probability, late_s, found.reason]
                )
                table.flush()
    except Terminated:
        raise
    except KeyboardInterrupt:
        ended = "interrupted"
    say(f"finished: {ended or session.ended}; {n_decided} decisions, {n_due - n_decided} windows not decided")
    say(session.chain.delay.text())
    return 0


def _late_s(timed: Timed, delay: Delay) -> float | None:
    """How late a decision is; None where its stamps lie in the future: they do not run in real time."""
    return timed.since_window_s + delay.filter_s + delay.hop_s if timed.since_window_s >= 0 else None


def _line(timed: Timed, late_s: float | None) -> str:
    found = timed.decision
    if not found.decided:
        return f"{found.time_s:8.1f} s  undecided: {found.reason}"
    leads = "first" if found.probability >= 0.5 else "second"
    late = MISSING if late_s is None else f"{1000 * late_s:.0f} ms"
    return (
        f"{found.time_s:8.1f} s  {leads:6}  P(first) {found.probability:.2f}  r {found.r_first:+.3f} "
        f"{found.r_second:+.3f}  delay {late}"
    )


def _settings(config: Path | None, flags: Mapping[str, object]) -> LiveConfig:
    """Settings from a file, of which a study's other ones are left out, and flags on top."""
    values = read_settings(config) if config else {}
    known = {name: value for name, value in values.items() if name in LiveConfig.model_fields}
    return LiveConfig.parse(merge(known, nested(flags)))


def _listener(config: LiveConfig, name: str) -> str:
    from cogattn.eeg.recordings.sources import listeners

    everybody = listeners(config.recordings)
    if name and name not in everybody:
        shown = ", ".join(everybody[:6])
        raise ConfigError(f"--listener must be one of the recordings'; got {name!r} (there are {shown})")
    return name or everybody[0]


def say(line: str) -> None:
    """Write a line to stdout at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
