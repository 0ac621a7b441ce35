"""Training for this model family in numpy: layers of any kind one after the other.

No general framework: models made with one come in through files. `train` is the way in.
"""

from edgelstm.training.checkpoint import Epoch
from edgelstm.training.config import Config, RecipeError, load_config, parse_config
from edgelstm.training.trainer import Trained, evaluation_set, split, train

__all__ = [
    "Config",
    "Epoch",
    "RecipeError",
    "Trained",
    "evaluation_set",
    "load_config",
    "parse_config",
    "split",
    "train",
]
