"""Figures of the search study."""

from cogattn.psychophysics.search.figures.asymmetry import asymmetry_figure as asymmetry_figure
from cogattn.psychophysics.search.figures.asymmetry import stimuli as stimuli
from cogattn.psychophysics.search.figures.beside_people import slope_figure as slope_figure
from cogattn.psychophysics.search.figures.beside_people import times_figure as times_figure
from cogattn.psychophysics.search.figures.functions import search_functions as search_functions
from cogattn.psychophysics.search.figures.multiverse import multiverse_figure as multiverse_figure
from cogattn.psychophysics.search.figures.networks import networks_figure as networks_figure
from cogattn.psychophysics.search.figures.with_and_without import (
    with_and_without_figure as with_and_without_figure,
)
