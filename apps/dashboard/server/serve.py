"""``cogattn dashboard``: a Streamlit server on this machine alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cogattn.apps.dashboard import theme
from cogattn.errors import ConfigError

ADDRESS = "127.0.0.1"
HOSTS = (ADDRESS, "localhost")
"""Names by which a browser may call the server: another name that leads here is somebody else's trick."""
RUNS_VARIABLE = "COGATTN_DASHBOARD_RUNS"
"""Environment variable by which the server tells its pages the store."""
SCRIPT = Path(__file__).with_name("frame.py")
ICON = Path(__file__).with_name("icon.png")
"""Our own file: an icon by name would be fetched from elsewhere."""


def dashboard(
    *,
    runs: Annotated[Path, Parameter(help="Folder of runs.")] = Path("runs"),
    port: Annotated[int, Parameter(help="Of the server, which this machine alone can reach.")] = 8501,
    browser: Annotated[
        bool, Parameter(negative="--no-browser", show_default=False, help="Open a browser. Default: yes.")
    ] = True,
) -> int:
    """Look at runs, cards and stimuli, compare, start studies, and be the observer yourself."""
    if not 1 <= port <= 65535:
        raise ConfigError(f"--port must be from 1 to 65535; got {port}")
    if runs.exists() and not runs.is_dir():
        raise ConfigError(f"--runs must be a folder; got a file ({runs})")
    sys.stdout.write(f"cogattn dashboard: http://{ADDRESS}:{port}, runs in {runs.absolute()}\n")
    sys.stdout.flush()
    return subprocess.run(command(port, headless=not browser), env=environment(runs), check=False).returncode


def command(port: int, *, headless: bool) -> list[str]:
    """Return the words that start the server."""
    settings = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": str(headless).lower(),
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 4,
        "server.maxMessageSize": 64,
        "server.maxWidgetStateSize": 8,
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "browser.serverAddress": ADDRESS,
        "browser.gatherUsageStats": "false",
        "server.showEmailPrompt": "false",  # it would wait for an answer before it serves
        "client.allowedOrigins": f"http://{ADDRESS}",
        "runner.magicEnabled": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    words += [word for host in HOSTS for word in ("--server.allowedHosts", host)]
    return [
        sys.executable,
        "-m",
        "cogattn.apps.dashboard.server.boot",
        "run",
        str(SCRIPT),
        *words,
        *theme.flags(),
    ]


def environment(runs: Path) -> dict[str, str]:
    """Return the server's environment: that of this process, and where the runs are."""
    return {**os.environ, RUNS_VARIABLE: str(runs.absolute())}
