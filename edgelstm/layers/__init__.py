"""The kinds of layers: a file for each, with its weights, its state and its equations in floats.

A new kind is one more file, and one more line in `KINDS`.
"""

from edgelstm.layers.activation import Activation
from edgelstm.layers.add import Add
from edgelstm.layers.affine import Affine
from edgelstm.layers.concat import Concat
from edgelstm.layers.context import Context
from edgelstm.layers.conv import Conv
from edgelstm.layers.dense import Dense
from edgelstm.layers.gru import GRU
from edgelstm.layers.inverse_spectrum import InverseSpectrum
from edgelstm.layers.l2 import L2
from edgelstm.layers.last import Last
from edgelstm.layers.layer import Joining, Layer, Part, Shape
from edgelstm.layers.layer_norm import LayerNorm
from edgelstm.layers.log import Log
from edgelstm.layers.logmel import LogMel
from edgelstm.layers.lstm import LSTM
from edgelstm.layers.magnitude import Magnitude
from edgelstm.layers.mean import Mean
from edgelstm.layers.multiply import Multiply
from edgelstm.layers.overlap_add import OverlapAdd
from edgelstm.layers.spectrum import Spectrum

_ALL: tuple[type[Layer], ...] = (
    LSTM,
    GRU,
    Context,
    Conv,
    Dense,
    Activation,
    Affine,
    LayerNorm,
    L2,
    Mean,
    Last,
    Add,
    Multiply,
    Concat,
    Spectrum,
    InverseSpectrum,
    Magnitude,
    Log,
    OverlapAdd,
    LogMel,
)
KINDS: dict[str, type[Layer]] = {layer.kind: layer for layer in _ALL}

__all__ = [
    "GRU",
    "KINDS",
    "L2",
    "LSTM",
    "Activation",
    "Add",
    "Affine",
    "Concat",
    "Context",
    "Conv",
    "Dense",
    "InverseSpectrum",
    "Joining",
    "Last",
    "Layer",
    "LayerNorm",
    "Log",
    "LogMel",
    "Magnitude",
    "Mean",
    "Multiply",
    "OverlapAdd",
    "Part",
    "Shape",
    "Spectrum",
]
