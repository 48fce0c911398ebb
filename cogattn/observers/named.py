"""A network by the name under which a card asks for it."""

from __future__ import annotations

from cogattn.errors import ConfigError
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.observers.targets import parse_target
from cogattn.observers.wheels import wheel_of


def network_named(name: str) -> TimmObserver | FactoryObserver | None:
    """Return the settings of one network; None where it is neither of timm nor a target.

    Parameters
    ----------
    name : str
        Of timm (``resnet50``), or ``module:factory``.

    Raises
    ------
    ConfigError
        If it looks like a target and is none.
    """
    if ":" in name:
        try:
            return FactoryObserver(target=(parse_target(name).text,))
        except ValueError as error:
            raise ConfigError(f"model {error}; got {name[:80]!r}") from None
    return TimmObserver(models=(name,)) if _of_timm(name) else None


def _of_timm(name: str) -> bool:
    if wheel_of(name) is not None:
        return True
    import timm

    return bool(timm.is_model(name))
