"""What recurrent layers have in common in a file."""

from __future__ import annotations

import numpy as np

from edgelstm.export.elstm.blocks import floats
from edgelstm.layers.recurrence import Recurrence
from edgelstm.road import Placed

_GATES = {"sigmoid": 0, "hard_sigmoid": 4, "hard_sigmoid6": 5}
_CANDIDATES = {"tanh": 0, "relu": 1, "linear": 15}
_CANDIDATE_SHIFT, _ANEW = 4, 256

EXTRAS = ("gate", "candidate", "carry", "rows")
"""What all of them may have beyond plain ones."""


def recurrence(layer: Recurrence, at: Placed) -> tuple[int, int]:
    """The second and the third own field of a layer: whether it takes rows one after another, and its functions."""
    functions = _GATES[layer.gate] | _CANDIDATES[layer.candidate] << _CANDIDATE_SHIFT
    return int(at.result.rows > 1), functions | (0 if layer.carry else _ANEW)


def first_states(layer: Recurrence) -> bytes:
    """The parts of the state after a reset; none for zeros."""
    given = [getattr(layer, name) for name in layer.own_arrays]
    if all(values is None for values in given):
        return b""
    return b"".join(floats(np.zeros(layer.units) if values is None else values) for values in given)
