"""Published decoding results on public data sets, as means over listeners: a run is placed beside them.

They are facts, each with its source; intervals are Student's over listeners (of a median, between order statistics)
where the source gives single listeners, and missing where it gives a mean only. MESD is ours, computed from the
published accuracies (P0 = .8, c = .65, at least 5 states).

References
----------
aadnet: Nguyen, Phan, Geirnaert and others, AADNet: github.com/babibo180918/AADNet, commit 67459ed, results/ (CC0).
thornton: Thornton, Mandic and Reichenbach (2022), J. Neural Eng. 19, 046007: reconstructions in
github.com/Mike-boop/mldecoders, commit 09ad839 (MIT).
kuleuven: KU Leuven's own least-squares decoder on its data set, the example of the MESD toolbox, Geirnaert, Francart
and Bertrand (2020), IEEE TNSRE 28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING

from cogattn.eeg.aad.measures import MEDIAN_SWITCH_DURATION, SWITCH_DURATION, accuracy_at
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer

if TYPE_CHECKING:
    import pandas as pd

SOURCES = {
    "aadnet": "AADNet's authors",
    "thornton": "Thornton et al. (2022)",
    "kuleuven": "KU Leuven (MESD toolbox)",
}
"""Who published it, in words."""
DIFFERS = {
    "aadnet": "own folds, filters and envelopes of its authors; windows may come from trials that share a story",
    "thornton": "trained on other recordings of the listener, at 125 Hz; a man or a woman attended, taken together",
    "kuleuven": "1-9 Hz at 20 Hz; how its folds were made is not told with the numbers",
}
"""In what a published number's conditions differ from ours; it says how near "comparable" is."""
TRAINED_ON = {"own": "the listener's other trials", "others": "other listeners"}


@lru_cache(maxsize=1)
def published_results() -> pd.DataFrame:
    """Return all published numbers: data_set, decoder, trained_on, measure, estimate, lo, hi, n, source."""
    import pandas as pd

    with (files("cogattn.eeg.aad") / "data" / "published.csv").open("rb") as table:
        return pd.read_csv(table)


def published() -> Mapping[str, Callable[[], pd.DataFrame]]:
    """Return a summary table by data set: ``kul-aad-published`` and so on."""
    names = dict.fromkeys(published_results()["data_set"])
    return {f"{name}-published": partial(summary_of, name) for name in names}


def summary_of(data_set: str) -> pd.DataFrame:
    """Return the published decoders of one data set as `cogattn.measures.summary_table`."""
    own = published_results()
    rows = [
        Row(
            Observer(f"{row.decoder}, {TRAINED_ON[row.trained_on]}", role="decoder"),
            _measure(row.measure),
            Estimate(row.estimate, row.lo, row.hi, int(row.n)),
            note=f"{SOURCES[row.source]}: {DIFFERS[row.source]}",
        )
        for row in own[own["data_set"] == data_set].itertuples()
    ]
    return summary_table(rows)


def _measure(key: str) -> Measure:
    known = {measure.key: measure for measure in (SWITCH_DURATION, MEDIAN_SWITCH_DURATION)}
    return known.get(key) or accuracy_at(float(key.removeprefix("accuracy.").removesuffix("s")))
