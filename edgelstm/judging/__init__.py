"""How good answers are: a file for each way to count, all of the type `Evaluation`."""

from edgelstm.judging.decisions import Decisions
from edgelstm.judging.errors import Errors
from edgelstm.judging.evaluation import Evaluation, Figure, Said

__all__ = ["Decisions", "Errors", "Evaluation", "Figure", "Said"]
