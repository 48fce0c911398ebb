"""How far a run is, on stderr."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from cogattn.running.crew import OnProgress, Progress


@contextmanager
def progress_bar(name: str) -> Generator[OnProgress]:
    """Show how far a run is on stderr, if that is a terminal: cells, those that failed, and what is being done."""
    from tqdm import tqdm

    bars: list[tqdm] = []

    def tell(progress: Progress) -> None:
        if not bars:
            bars.append(
                tqdm(
                    total=progress.total,
                    initial=progress.stored,
                    desc=name,
                    unit="cell",
                    disable=None,
                    bar_format="{desc}: {n_fmt}/{total_fmt} {bar:20} {elapsed}<{remaining}{postfix}",
                )
            )
        failed = f"{progress.failed} FAILED, " if progress.failed else ""
        bars[0].set_postfix_str(_shortened(failed + progress.label), refresh=False)
        bars[0].update(progress.stored - bars[0].n)
        bars[0].refresh()

    try:
        yield tell
    finally:
        for bar in bars:
            bar.close()


def _shortened(text: str, width: int = 40) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
