"""int8 weights and float activations as TFLite: the fused LSTM operator with one scale for each gate's matrix.

The graph is that of `edgelstm.export.tflite.float32`. The operator rounds x and h to 8 bits as they come; states,
biases and the head stay in float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.int8_dynamic import rows_to_int8
from edgelstm.export.tflite.float32 import build as build_floats
from edgelstm.export.tflite.graph import Graph, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.model import Model
from edgelstm.runtime.engines.tflite_file import seal


def encode(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build(model)))


def build(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    return build_floats(model, "hybrid", _weights, version=2)


def _weights(name: str, rows: NDArray[np.float32]) -> Tensor:
    integers, scale = rows_to_int8(rows, groups=1)
    return Tensor.constant(name, integers, scale[0])
