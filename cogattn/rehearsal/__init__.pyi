from .config import RehearsalConfig as RehearsalConfig
from .learner import MLPLearner as MLPLearner
from .loader import RehearsalBatches as RehearsalBatches
from .loader import Tasks as Tasks
from .loops import Loop as Loop
from .metrics import average_accuracy as average_accuracy
from .metrics import average_accuracy_continuum as average_accuracy_continuum
from .metrics import average_incremental as average_incremental
from .metrics import backward_transfer as backward_transfer
from .metrics import backward_transfer_continuum as backward_transfer_continuum
from .metrics import backward_transfer_gem as backward_transfer_gem
from .metrics import forgetting as forgetting
from .metrics import forgetting_avalanche as forgetting_avalanche
from .metrics import forgetting_continuum as forgetting_continuum
from .metrics import forgetting_mammoth as forgetting_mammoth
from .metrics import forward_transfer as forward_transfer
from .metrics import forward_transfer_continuum as forward_transfer_continuum
from .metrics import forward_transfer_gem as forward_transfer_gem
from .metrics import need_weighted as need_weighted
from .needs import ActR as ActR
from .needs import Cumulative as Cumulative
from .needs import Exponential as Exponential
from .needs import Linear as Linear
from .needs import Need as Need
from .needs import NoRehearsal as NoRehearsal
from .needs import PowerLaw as PowerLaw
from .needs import ShiftedPower as ShiftedPower
from .needs import Table as Table
from .needs import TaskIndex as TaskIndex
from .needs import Uniform as Uniform
from .penalties import EWC as EWC
from .penalties import SI as SI
from .penalties import LwF as LwF
from .plans import Draws as Draws
from .quotas import quota as quota
from .results import RunResult as RunResult
from .schedules import Schedule as Schedule
from .schedules import plan_phases as plan_phases
from .schedules import plan_stream as plan_stream
from .stacked import train_stack as train_stack
from .study import RehearsalStudy as RehearsalStudy
from .training import train as train

__all__ = [
    "EWC",
    "SI",
    "ActR",
    "Cumulative",
    "Draws",
    "Exponential",
    "Linear",
    "Loop",
    "LwF",
    "MLPLearner",
    "Need",
    "NoRehearsal",
    "PowerLaw",
    "RehearsalBatches",
    "RehearsalConfig",
    "RehearsalStudy",
    "RunResult",
    "Schedule",
    "ShiftedPower",
    "Table",
    "TaskIndex",
    "Tasks",
    "Uniform",
    "average_accuracy",
    "average_accuracy_continuum",
    "average_incremental",
    "backward_transfer",
    "backward_transfer_continuum",
    "backward_transfer_gem",
    "forgetting",
    "forgetting_avalanche",
    "forgetting_continuum",
    "forgetting_mammoth",
    "forward_transfer",
    "forward_transfer_continuum",
    "forward_transfer_gem",
    "need_weighted",
    "plan_phases",
    "plan_stream",
    "quota",
    "train",
    "train_stack",
]
