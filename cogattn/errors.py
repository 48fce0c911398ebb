"""The exceptions a user of cogattn meets: one sentence each, "<what> must be <rule>; got <value> (<where>)"."""

from __future__ import annotations

SHOWN = 20
"""Lines of a list that an error tells."""


class CogattnError(Exception):
    """Base of every error that cogattn raises on purpose; the CLI prints it without a traceback."""


class ConfigError(CogattnError):
    """A setting breaks its rule; the message starts with the setting's dotted path."""


class DataError(CogattnError):
    """An input (image, recording, table) is missing, damaged or not what the study needs."""


class ObserverError(CogattnError):
    """A network or another observer cannot be built or does not answer as it must."""


class ObserversRefused(ObserverError):
    """Some of several observers cannot take part, which was known before the first cell.

    Parameters
    ----------
    reasons : dict of str to str
        Why each of them cannot, by its id.
    n_others : int
        How many others can, as far as is known.
    """

    def __init__(self, reasons: dict[str, str], n_others: int) -> None:
        self.reasons, self.n_others = dict(reasons), n_others
        super().__init__(_alone(reasons, n_others) if len(reasons) == 1 else _together(reasons, n_others))


def _alone(reasons: dict[str, str], n_others: int) -> str:
    (name, why), *_ = reasons.items()
    return f"{why} ({name}, 1 of {1 + n_others} observers; --keep-going leaves it out)"


def _together(reasons: dict[str, str], n_others: int) -> str:
    n = len(reasons)
    lines = [f"  {name}: {why}" for name, why in list(reasons.items())[:SHOWN]]
    lines += [f"  and {n - SHOWN} more"] if n > SHOWN else []
    lines += ["--keep-going leaves them out"] if n_others else []
    return "\n".join([f"{n} of {n + n_others} observers cannot take part:", *lines])


class StoreError(CogattnError):
    """A run folder cannot be read, written or continued."""


class UnfitWorker(StoreError):
    """A worker on offer cannot compute a run: it sees another folder, has other code, or lacks the device."""


class Terminated(KeyboardInterrupt):
    """SIGTERM ended a run; what was under way has been stored, or its grace was over."""


class RunFailed(CogattnError):
    """Some cells of a run failed; the others are stored, and the observers that are whole are in the tables.

    Parameters
    ----------
    failures : dict of str to str
        Cause of each failed cell, by the cell's label.
    """

    def __init__(self, failures: dict[str, str]) -> None:
        self.failures = dict(failures)
        lines = "\n".join(f"  {labels}: {cause}" for labels, cause in _by_cause(self.failures))
        super().__init__(f"{len(self.failures)} cell(s) failed:\n{lines}")


class PointsFailed(RunFailed):
    """Some points of a sweep failed, wholly or in part; the others have their tables.

    Parameters
    ----------
    failures : dict of str to str
        Why, by the point.
    """

    def __init__(self, failures: dict[str, str]) -> None:
        super().__init__(failures)
        lines = "\n".join(f"  {points}: {cause}" for points, cause in _by_cause(self.failures))
        self.args = (f"{len(failures)} point(s) of the sweep failed:\n{lines}",)


class NotFetched(RunFailed):
    """Weights of some networks cannot be had; those of the others are here.

    Parameters
    ----------
    reasons : dict of str to str
        Why, by the network's name.
    n_others : int
        How many are here.
    """

    def __init__(self, reasons: dict[str, str], n_others: int) -> None:
        super().__init__(reasons)
        lines = "\n".join(f"  {name}: {why}" for name, why in reasons.items())
        self.args = (f"{len(reasons)} of {len(reasons) + n_others} network(s) cannot be had:\n{lines}",)


class TimeUp(CogattnError):
    """The time that a run was given is over; what was under way is stored, and the same command goes on.

    Parameters
    ----------
    n_left, n_cells : int
        Cells that are neither stored nor have failed, and all.
    run : str
        Its id.
    failures : dict of str to str
        As of `RunFailed`.
    """

    def __init__(self, n_left: int, n_cells: int, run: str, failures: dict[str, str]) -> None:
        self.n_left, self.failures = n_left, dict(failures)
        failed = f"; {RunFailed(failures)}" if failures else ""
        super().__init__(
            f"the time is up; {n_left} of {n_cells} cells of run {run} are left and the same command goes on{failed}"
        )


class LeftOut(RunFailed):
    """The run is done, without observers that could not take part.

    Parameters
    ----------
    reasons : dict of str to str
        Why each of them could not, by its id.
    failures : dict of str to str, optional
        Cause of each cell that failed besides.
    """

    def __init__(self, reasons: dict[str, str], failures: dict[str, str] | None = None) -> None:
        super().__init__(failures or {})
        lines = "\n".join(f"  {name}: {why}" for name, why in reasons.items())
        failed = f"\n{self.args[0]}" if failures else ""
        self.reasons = dict(reasons)
        self.args = (f"{len(reasons)} observer(s) took no part:\n{lines}{failed}",)


def _by_cause(failures: dict[str, str]) -> list[tuple[str, str]]:
    """Labels of cells that failed for one cause in a row together."""
    rows: list[tuple[str, int, str]] = []
    for label, cause in failures.items():
        if rows and rows[-1][2] == cause:
            rows[-1] = (rows[-1][0], rows[-1][1] + 1, cause)
        else:
            rows.append((label, 0, cause))
    return [(f"{label} and {more} more" if more else label, cause) for label, more, cause in rows]
