"""``cogattn models``: the networks that can be tested."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from cogattn.cli.tables import aligned


def models(
    pattern: str = "*",
    /,
    *,
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print JSON and nothing else.")
    ] = False,
) -> int:
    """List the networks that can be tested and where their weights come from.

    Parameters
    ----------
    pattern
        Names to list, * for anything.
    """
    import json as json_module

    from cogattn.observers import list_models

    rows = list_models(pattern)
    if json:
        print(json_module.dumps(rows, indent=1))
    elif rows:
        print(aligned(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    else:
        print(f"no model fits {pattern}")
    return 0
