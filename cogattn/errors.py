"""The exceptions a user of cogattn meets: one sentence each, "<what> must be <rule>; got <value> (<where>)"."""

from __future__ import annotations


class CogattnError(Exception):
    """Base of every error that cogattn raises on purpose; the CLI prints it without a traceback."""


class ConfigError(CogattnError):
    """A setting breaks its rule; the message starts with the setting's dotted path."""


class DataError(CogattnError):
    """An input (image, recording, table) is missing, damaged or not what the study needs."""


class ObserverError(CogattnError):
    """A network or another observer cannot be built or does not answer as it must."""


class StoreError(CogattnError):
    """A run folder cannot be read, written or continued."""


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
        lines = "\n".join(f"  {label}: {cause}" for label, cause in self.failures.items())
        super().__init__(f"{len(self.failures)} cell(s) failed:\n{lines}")
