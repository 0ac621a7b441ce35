"""The quantization of every value inside a recurrent layer whose gates and cell are int8 too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from edgelstm import forward
from edgelstm.export.arithmetic.dequantize import Floats
from edgelstm.export.errors import NoRecordingsError
from edgelstm.layers import GRU, LSTM
from edgelstm.layers.layer import before, sigmoid
from edgelstm.quantization import Affine, QuantizedModel
from edgelstm.quantization.affine import affine_from_range

SIGMOID, TANH = Affine(np.float32(1 / 256), -128), Affine(np.float32(1 / 128), 0)
"""What engines want of the results of LOGISTIC and TANH."""

Ranges = Mapping[str, Affine]
"""Of one layer, by the name of the quantity, as the layer's function here names them."""


@lru_cache(maxsize=4)  # a proof asks for each sequence
def cell_ranges(quantized: QuantizedModel) -> dict[str, Ranges]:
    """Of each recurrent layer by name, from the sequences that the model carries. NoRecordingsError: it has none.

    An LSTM's c and f·c are widened as far as the model's own calibration, over more sequences, saw the cell go.
    """
    model = quantized.model
    sequences = [sequence for sequence in model.examples if len(sequence) >= model.stride]
    if not sequences or model.ranges is None:
        raise NoRecordingsError(model, "to take the ranges of its gates from")
    traces = [forward.forward(model, sequence) for sequence in sequences]
    found: dict[str, Ranges] = {}
    sources = ["", *(at.name for at in model.road)]
    for source, at in zip(sources, model.road):
        inside = INSIDE.get(at.layer.kind)
        if inside is None:
            continue
        parts = {part.letter: name for name, part in at.parts}
        seen = []
        for trace in traces:
            x = trace.results[source] if source else trace.x
            seen.append(inside(at.layer, x, {letter: trace.states[name] for letter, name in parts.items()}))
        wider = {name: model.ranges.largest(name) for name in parts.values() if name in model.measured}
        found[at.name] = _affines(seen, wider.get(parts.get("c", ""), 0.0))
    return found


def _affines(seen: list[dict[str, Floats]], largest_cell: float) -> Ranges:
    """From what each sequence showed of the quantities."""
    reached = max((float(np.abs(values["c"]).max()) for values in seen if "c" in values), default=0.0)
    wider = max(largest_cell / max(reached, 1e-9), 1.0)
    affines = {}
    for name in seen[0]:
        low, high = min(float(v[name].min()) for v in seen), max(float(v[name].max()) for v in seen)
        factor = wider if name in ("c", "fc") else 1.0
        affines[name] = affine_from_range(low * factor, high * factor)
    return affines


def _inside_lstm(layer: LSTM, x: Floats, states: Mapping[str, Floats]) -> dict[str, Floats]:
    """W·x + b, R·h, their sum, the cell, f·c and i·g."""
    zx, zh = x @ layer.W.T + layer.b, before(states["h"]) @ layer.R.T
    i, f, g, _ = np.split(zx + zh, 4, axis=1)
    fc, ig = sigmoid(f) * before(states["c"]), sigmoid(i) * np.tanh(g)
    return {"zx": zx, "zh": zh, "z": zx + zh, "c": states["c"], "fc": fc, "ig": ig}


def _inside_gru(layer: GRU, x: Floats, states: Mapping[str, Floats]) -> dict[str, Floats]:
    """W·x + b, the products of R with their bias, the gates' sums, what the reset lets through, the candidate's sum,
    h - n and z·(h - n)."""
    H, h = layer.units, before(states["h"])
    zx = x @ layer.W.T + layer.b
    zh = h @ layer.R[: 2 * H].T
    z, r = sigmoid(zx[:, :H] + zh[:, :H]), sigmoid(zx[:, H : 2 * H] + zh[:, H:])
    R_n = layer.R[2 * H :].T
    found = {"zx": zx, "z": zx[:, : 2 * H] + zh}
    if layer.reset == "after":
        q = h @ R_n + layer.rb
        found |= {"zh": np.concatenate([zh, q], axis=1), "rq": r * q}
    else:
        found |= {"zh": zh, "rh": r * h, "rq": (r * h) @ R_n}
    found["n"] = zx[:, 2 * H :] + found["rq"]
    off = h - np.tanh(found["n"])
    return found | {"off": off, "kept": z * off}


INSIDE: dict[str, Callable[..., dict[str, Floats]]] = {"lstm": _inside_lstm, "gru": _inside_gru}
"""What values a layer has inside, over the runs of one sequence: (layer, its input, its states by letter)."""
