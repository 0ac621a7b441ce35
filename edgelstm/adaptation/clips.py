"""What a model's layers make of clips: the inputs of its last layer, as integers where these are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.ordered import Float64
from edgelstm.layers import Dense
from edgelstm.model import Answer, Model, Pooling, Ranges
from edgelstm.quantization import QuantizedModel, quantize
from edgelstm.tasks import CLASSIFY

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineStream

Frames = NDArray[np.float32]
_PART = 1 << 12  # frames that are pushed at once


@dataclass(frozen=True, eq=False)
class Heard:
    """What the last layer of a model takes of clips."""

    clips: tuple[Float64, ...]
    """Each (rows, inputs), of all rows that its final answer is of: whole numbers where the layer takes integers."""
    unit: float  # what 1 in the rows stands for
    pooling: Pooling  # of the rows' scores

    def some(self, places: Iterable[int]) -> Heard:
        return replace(self, clips=tuple(self.clips[place] for place in places))


def last_dense(model: Model) -> Dense:
    """The layer that is learned anew. ValueError where it is of another kind."""
    last = model.layers[-1]
    if not isinstance(last, Dense):
        raise ValueError(f"model {model.name}: the last layer is {last.kind}, expected a dense one to learn anew")
    return last


def ear_only(model: Model) -> QuantizedModel:
    """The int8 model whose scores are the inputs of its last layer, row by row: its body as it is, and a last layer
    of ones on the diagonal. ValueError where int8 does not hold it, or its last layer is no dense one."""
    n, name = last_dense(model).inputs, model.road[-1].name
    if model.ranges is None:
        raise ValueError(f"model {model.name}: has no calibration ranges, which int8 needs; calibrate it first")
    spans = {**model.ranges.spans, name: (-1.0, 1.0)}
    ear = replace(
        bare(model),
        layers=(
            *model.layers[:-1],
            replace(last_dense(model), W=np.eye(n, dtype=np.float32), b=np.zeros(n, np.float32)),
        ),
        answer=Answer("last", 0, model.stride),
        ranges=Ranges(spans, model.ranges.factors, model.ranges.kept, model.ranges.int16),
        covariances={key: value for key, value in model.covariances.items() if key != name},
    )
    return quantize(ear)


def bare(model: Model) -> Model:
    """The same layers, whose answers are scores: without all that is for people, and without recordings."""
    return replace(
        model,
        activation="linear",
        task=CLASSIFY,
        labels=(),
        label_units=(),
        thresholds=(),
        events={},
        provenance={},
        examples=(),
        unseen=(),
    )


def hear(quantized: QuantizedModel, stream: EngineStream, sequences: Sequence[Frames]) -> Heard:
    """`sequences` (frames, features), each from a fresh state, through `stream` of `ear_only` of the model that was
    quantized. ValueError for one that is too short for an answer."""
    model, takes = quantized.model, quantized.layers[-1].takes
    unit = 1.0 if takes is None else float(takes.scale)
    clips = []
    for place, x in enumerate(sequences):
        stream.reset()
        found = [stream.push(x[start : start + _PART]) for start in range(0, len(x), _PART)]
        rows = np.concatenate(found).astype(np.float64)
        if not len(rows):
            raise ValueError(f"clip {place}: {len(x)} frames, expected at least {model.stride} for an answer")
        rows = rows[-rows_of_answer(len(rows), model.run_answer) :]
        clips.append(rows if takes is None else np.rint(rows / unit))
    return Heard(tuple(clips), unit, model.answer.pooling)


def rows_of_answer(rows: int, answer: Answer) -> int:
    """How many of so many rows the final answer is of; `answer` counts in rows: see `forward.final_answer`."""
    if answer.pooling == "last":
        return 1
    if not answer.window:
        return rows
    begun = rows % answer.hop
    return min(rows, begun + answer.window - (answer.hop if begun else 0))
