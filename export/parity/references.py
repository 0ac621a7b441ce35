"""What the references answer: the model in float64, and the integers that int8 files must show.

Several files of one model are proven on the same sequences: the last few traces are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.model import Model
from edgelstm.quantization import reference
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.quantization.saturation import saturation

KEPT = 16
"""Traces of each kind: a model carries fewer sequences than that, and a trace may take megabytes."""


def float_trace(model: Model, sequence: NDArray[np.float32], dtype: Any = np.float64) -> forward.Trace:
    """`forward` of raw frames (T, features). Not to be written into."""
    return _float_trace(model, np.ascontiguousarray(sequence, np.float32).tobytes(), np.dtype(dtype))


def integer_trace(quantized: QuantizedModel, taken: reference.Taken) -> reference.Trace:
    """The integer reference from its initial state over frames (T, features) as the first layer takes them. Not to be
    written into."""
    return _integer_trace(quantized, np.ascontiguousarray(taken, _dtype(quantized)).tobytes())


def states_seen(
    model: Model, trace: forward.Trace | reference.Trace, found: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """What a trace says of the states in `found`, (runs, values) each: after every run of the last layer. A file that
    takes all of a run's frames in one call keeps only the newest rows of a past."""
    seen = {}
    for at in model.road:
        runs = model.stride // at.stride
        for name, _ in at.parts:
            if name in found:
                values = trace.states[name][runs - 1 :: runs]
                seen[name] = values[:, values.shape[1] - found[name].shape[1] :]
    return seen


def saturated(quantized: QuantizedModel, recordings: Sequence[NDArray[np.float32]]) -> Mapping[str, float]:
    """`edgelstm.quantization.saturation` of raw recordings (frames, features). Not to be written into."""
    joined = np.ascontiguousarray(np.concatenate(recordings), np.float32)
    return _saturated(quantized, joined.tobytes(), tuple(len(recording) for recording in recordings))


@lru_cache(KEPT)
def _saturated(quantized: QuantizedModel, frames: bytes, lengths: tuple[int, ...]) -> Mapping[str, float]:
    joined = np.frombuffer(frames, np.float32).reshape(-1, quantized.model.features)
    return saturation(quantized, np.split(joined, np.cumsum(lengths)[:-1]))


@lru_cache(KEPT)
def _float_trace(model: Model, frames: bytes, dtype: np.dtype[Any]) -> forward.Trace:
    return forward.forward(model, np.frombuffer(frames, np.float32).reshape(-1, model.features), dtype.type)


def _dtype(quantized: QuantizedModel) -> np.dtype[Any]:
    return np.dtype(quantized.input_type)


@lru_cache(KEPT)
def _integer_trace(quantized: QuantizedModel, codes: bytes) -> reference.Trace:
    frames = np.frombuffer(codes, _dtype(quantized)).reshape(-1, quantized.model.features)
    return reference.IntegerStream(quantized).push_quantized(frames)
