"""One driver of `journal_study`, as a process: ``python joined_driver.py STORE N_CELLS SECONDS BEAT_S [WORKERS]``."""

import sys
from pathlib import Path

from journal_study import TARGET

from cogattn.errors import Terminated
from cogattn.running.execute import Execution, run_study
from cogattn.testing.coin import CoinConfig

if __name__ == "__main__":
    store, n_cells, seconds, beat_s, workers = (*sys.argv[1:], "1")[:5]
    config = CoinConfig(coins={"n": 1}, n_cells=int(n_cells), seconds_per_cell=float(seconds))
    execution = Execution(workers=int(workers), beat_s=float(beat_s))
    try:
        run_study(TARGET, config, out=Path(store), execution=execution)
    except Terminated:
        sys.exit(143)
