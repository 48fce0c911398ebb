from .config import ScanpathConfig as ScanpathConfig
from .fitted import fitted_in as fitted_in
from .layouts.items import Layout as Layout
from .layouts.items import ObjectPath as ObjectPath
from .layouts.items import PathSet as PathSet
from .layouts.reading import data_of as data_of
from .layouts.synthetic import simulate as simulate
from .metrics import levenshtein as levenshtein
from .metrics import multimatch as multimatch
from .metrics import scanmatch as scanmatch
from .metrics import sequence_score as sequence_score
from .predicting import Prediction as Prediction
from .predicting import Predictor as Predictor
from .splitting import Split as Split
from .splitting import split_of as split_of
from .study import ScanpathStudy as ScanpathStudy

__all__ = [
    "Layout",
    "ObjectPath",
    "PathSet",
    "Prediction",
    "Predictor",
    "ScanpathConfig",
    "ScanpathStudy",
    "Split",
    "data_of",
    "fitted_in",
    "levenshtein",
    "multimatch",
    "scanmatch",
    "sequence_score",
    "simulate",
    "split_of",
]
