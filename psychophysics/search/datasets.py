"""The data sets that the search study brings along, for ``cogattn data list``."""

from cogattn.fetch import DataSet, Packaged

DATASETS: tuple[DataSet, ...] = (
    Packaged(
        name="wolfe2010",
        about="28 persons in three search tasks: slopes and errors with and without a target",
        licence="facts, derived; the trials are CC BY-NC 4.0",
        source="Wolfe, Palmer, Horowitz (2010), Vision Research 50; github.com/yxlin/HBM-Approach-Visual-Search, "
        "commit 9f96b3a",
        package="cogattn.psychophysics.search",
        resource="data/wolfe2010_slopes.csv",
    ),
)
