"""A context in the arithmetics of integers: codes side by side."""

from __future__ import annotations

import numpy as np

from edgelstm.export.arithmetic.kind import Kind
from edgelstm.export.arithmetic.twin import Flow, Ran, States, Twin
from edgelstm.layers import Context
from edgelstm.quantization import Affine
from edgelstm.quantization.context import QuantizedContext
from edgelstm.road import Placed


class _Twin(Twin):
    """Codes side by side: nothing is rounded."""

    def __init__(self, layer: Context, size: int, affine: Affine):
        self.layer, self.size = layer, size
        self.units = {"past": float(affine.scale)}
        self.memory = {"past": (layer.rows - layer.hop) * size}

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:  # noqa: ARG002 - its results are its input's
        rows, hop = self.layer.rows, self.layer.hop
        calls, came, _ = x.values.shape
        joined = np.concatenate([before["past"].reshape(calls, -1, self.size), x.values], axis=1)
        starts = hop * np.arange(came // hop)[:, None]
        result = joined[:, starts + np.arange(rows)].reshape(calls, len(starts), -1)
        past = result[:, :, result.shape[2] - self.memory["past"] :]
        return Ran(Flow(result, x.sure), {"past": past}, x.sure)


def _twin(at: Placed, layer: QuantizedContext, *_: object) -> Twin:
    return _Twin(layer.layer, at.source.size, layer.input)


KIND = Kind(_twin, _twin, cell_units=8.0)
