"""Typed study settings: one frozen model drives the command line, the TOML file, the form and the run's id.

A setting is named by its dotted path everywhere (``noise.n_bands`` is ``--noise.n-bands`` on the command
line, ``[noise] n_bands`` in TOML, and the start of the sentence when its value is refused).
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cogattn.errors import ConfigError


class Settings(BaseModel):
    """A frozen group of settings that knows no other keys than its own."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )


class StudyConfig(Settings):
    """Base of a study's settings; equal settings have equal `digest`, whatever the order they were given in."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Root of every random stream of the run."""

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Self:
        """Validate nested `values`; raise ConfigError naming the dotted path of the first broken setting."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(explain(error)) from None

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a TOML file; raise ConfigError where it is missing, unreadable or breaks a rule."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"--config must name a readable TOML file; got {path} ({error.strerror})") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"--config must be valid TOML; got {path} ({error})") from None
        return cls.parse(values)

    def canonical(self) -> str:
        """Return the settings as JSON with sorted keys and no white space: equal settings, equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def explain(error: ValidationError) -> str:
    """One sentence for the first broken rule: dotted path, rule, value."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or "settings"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{path} is not a setting of this study"
    shown = repr(first["input"])
    return f"{path}: {message}; got {shown if len(shown) <= 80 else shown[:77] + '...'}"
