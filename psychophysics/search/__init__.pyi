from .agreement import agreement as agreement
from .agreement import agreements as agreements
from .config import SearchConfig as SearchConfig
from .diet import DIETS as DIETS
from .displays.display import Display as Display
from .displays.display import make_display as make_display
from .displays.tasks import EXPERIMENTS as EXPERIMENTS
from .displays.tasks import TASKS as TASKS
from .eccnet.searching import eccnet_fixations as eccnet_fixations
from .natural.gaze import densities_along as densities_along
from .natural.scores import score_fixations as score_fixations
from .people import human_slopes as human_slopes
from .people import human_times as human_times
from .people import published_asymmetries as published_asymmetries
from .people import published_models as published_models
from .people import published_slopes as published_slopes
from .people import published_times as published_times
from .slopes import asymmetries as asymmetries
from .slopes import asymmetry_index as asymmetry_index
from .slopes import mean_indices as mean_indices
from .slopes import mean_times as mean_times
from .slopes import reaction_time_ms as reaction_time_ms
from .slopes import search_slopes as search_slopes
from .study import SearchStudy as SearchStudy

__all__ = [
    "DIETS",
    "EXPERIMENTS",
    "TASKS",
    "Display",
    "SearchConfig",
    "SearchStudy",
    "agreement",
    "agreements",
    "asymmetries",
    "asymmetry_index",
    "densities_along",
    "eccnet_fixations",
    "human_slopes",
    "human_times",
    "make_display",
    "mean_indices",
    "mean_times",
    "published_asymmetries",
    "published_models",
    "published_slopes",
    "published_times",
    "reaction_time_ms",
    "score_fixations",
    "search_slopes",
]
