"""Training in C: layers forward and backward, and the optimizer's steps. Without the library numpy does the same."""

from edgelstm.training.kernels.compiled import Compiled, compiled
from edgelstm.training.kernels.library import AdamSettings, MomentumSettings, description, threads
from edgelstm.training.kernels.steps import Steps, steps_of

__all__ = [
    "AdamSettings",
    "Compiled",
    "MomentumSettings",
    "Steps",
    "compiled",
    "description",
    "steps_of",
    "threads",
]
