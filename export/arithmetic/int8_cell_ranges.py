"""The quantization of every value inside a recurrent layer whose gates and cell are int8 too."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edgelstm import forward
from edgelstm.export.arithmetic.dequantize import Floats, Ranges
from edgelstm.export.arithmetic.kinds import KINDS
from edgelstm.export.errors import NoRecordingsError
from edgelstm.quantization import QuantizedModel
from edgelstm.quantization.affine import affine_from_range


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
        inside = KINDS[at.layer.kind].inside
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
