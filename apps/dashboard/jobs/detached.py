"""What a job is: the command line in a process of its own, which writes down how it ended.

``python -m cogattn.apps.dashboard.jobs.detached FOLDER STUDY --config ...`` waits for the word that its record is
written, so that nothing runs of which nobody knows; then it is ``cogattn STUDY --config ...``. It needs no server:
whoever asks later reads its exit code from the job's folder, and a process that is gone without one has died.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from cogattn.cli import main
from cogattn.running.atomic import sealed, write_atomically
from cogattn.running.job_records import Ended

GO = b"go\n"
"""What the starter says on stdin once the job's record is written."""


def run(folder: Path, words: list[str]) -> int:
    """Run the command `words`, record its exit code in `folder`, and return it; 1 where nobody gave the word."""
    if sys.stdin.buffer.readline() != GO:
        return 1
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["cogattn", *words]
    code = 1
    try:
        code = main(words)
    finally:
        ended = Ended(code=code, at=datetime.now(UTC).isoformat(timespec="seconds"))
        write_atomically(folder / Ended.file, sealed(ended.model_dump(mode="json")))
    return code


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
