"""Each kind of layer as the trainer has it: what a recipe says of it, its first weights, forward beside backward.

A new kind is one more file, and one more line in `KINDS`.
"""

from edgelstm.training.layers.context import TrainableContext
from edgelstm.training.layers.conv import TrainableConv
from edgelstm.training.layers.dense import TrainableDense
from edgelstm.training.layers.gru import TrainableGRU
from edgelstm.training.layers.layer_norm import TrainableLayerNorm
from edgelstm.training.layers.lstm import TrainableLSTM
from edgelstm.training.layers.trainable import Arrays, Carried, Floats, Memory, State, Tape, Trainable, Width

KINDS: dict[str, type[Trainable]] = {
    kind.kind: kind
    for kind in (TrainableLSTM, TrainableGRU, TrainableContext, TrainableConv, TrainableDense, TrainableLayerNorm)
}

__all__ = [
    "KINDS",
    "Arrays",
    "Carried",
    "Floats",
    "Memory",
    "State",
    "Tape",
    "Trainable",
    "TrainableContext",
    "TrainableConv",
    "TrainableDense",
    "TrainableGRU",
    "TrainableLSTM",
    "TrainableLayerNorm",
    "Width",
]
