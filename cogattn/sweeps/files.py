"""Open files of this process: a sweep of a thousand runs holds a claim on each."""

from __future__ import annotations

from cogattn.errors import StoreError

BESIDE = 256
"""Files that a process has open besides: libraries, pipes of workers, the store's own."""


def room_for_files(n: int) -> None:
    """Let this process have `n` more files open than usual, as far as the system allows without asking anybody.

    Raises
    ------
    StoreError
        If it does not.
    """
    try:
        import resource
    except ImportError:  # Windows, where 8,192 are usual
        return
    wanted = n + BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise StoreError(
            f"a sweep of so many runs must be allowed {wanted:,} open files; got {hard:,} (ulimit -n); divide it"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
