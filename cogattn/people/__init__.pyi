from .persons import persons as persons
from .placing import Place as Place
from .placing import on_scale as on_scale
from .placing import place as place
from .placing import place_table as place_table
from .prediction import Worth as Worth
from .prediction import worth as worth

__all__ = [
    "Place",
    "Worth",
    "on_scale",
    "persons",
    "place",
    "place_table",
    "worth",
]
