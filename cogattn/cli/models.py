"""``cogattn models``: the networks that can be tested."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from cogattn.reporting.tables import aligned


def models(
    pattern: str = "",
    /,
    *,
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print JSON and nothing else.")
    ] = False,
) -> int:
    """List the networks that need no download, or all that match a pattern.

    Parameters
    ----------
    pattern
        Part of a name, or a name with * and ? as in a shell: resnet50*.
    """
    from cogattn.observers import list_models

    rows = [asdict(row) for row in list_models(pattern)]
    if json:
        print(json_module.dumps(rows, indent=1))
    elif rows:
        print(aligned(list(rows[0]), [[_text(value) for value in row.values()] for row in rows]))
    else:
        print(f"no model fits {pattern}" if pattern else "no model is here; cogattn models NAME lists others")
    return 0


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value or "-")
