"""How good answers are: a file for each way to count, all of the type `Evaluation`."""

from edgelstm.judging.decisions import Decisions
from edgelstm.judging.errors import Errors, OfOutputs, Quantiles
from edgelstm.judging.evaluation import Compared, Evaluation, Figure, Said
from edgelstm.judging.events import Events
from edgelstm.judging.tagging import Tagging

__all__ = [
    "Compared",
    "Decisions",
    "Errors",
    "Evaluation",
    "Events",
    "Figure",
    "OfOutputs",
    "Quantiles",
    "Said",
    "Tagging",
]
