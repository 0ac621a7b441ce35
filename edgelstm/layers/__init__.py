"""The kinds of layers: a file for each, with its weights, its state and its equations in floats.

A new kind is one more file, and one more line in `KINDS`.
"""

from edgelstm.layers.context import Context
from edgelstm.layers.conv import Conv
from edgelstm.layers.dense import Dense
from edgelstm.layers.gru import GRU
from edgelstm.layers.layer import Layer, Part, Shape
from edgelstm.layers.lstm import LSTM

KINDS: dict[str, type[Layer]] = {layer.kind: layer for layer in (LSTM, GRU, Context, Conv, Dense)}

__all__ = ["GRU", "KINDS", "LSTM", "Context", "Conv", "Dense", "Layer", "Part", "Shape"]
