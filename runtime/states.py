"""The states of a graph as its file's metadata list them: what a stream carries from call to call.

`edgelstm.export` writes them; here they are read from files that nobody vouches for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.layers import Layer, Shape, parts_of_calls

Io = Literal["float32", "int8"]
"""What a caller feeds and gets: raw frames and float scores, or the model's own integers."""

STATES_FIELD, IO_FIELD = "states", "io"
FILE_FIELDS = (STATES_FIELD, IO_FIELD)
"""Fields of the JSON object that belong to one file; all others say what the model is."""

_TYPES = ("float32", "int8", "uint8", "int16")


@dataclass(frozen=True)
class State:
    """A part of one layer's state: an input of the graph and the output that takes its place in the next call, or one
    tensor that keeps its value (`output` is None). A real value is `scale * (q - zero_point)`."""

    name: str
    output: str | None
    type: str  # numpy's name
    shape: tuple[int, ...]
    initial: float
    scale: float = 1.0
    zero_point: int = 0

    def fresh(self) -> NDArray[Any]:
        return np.full(self.shape, self.initial, self.type)

    def real(self, value: NDArray[Any]) -> NDArray[np.float64]:
        """What the integers of a state mean; floats as they are."""
        return (value.astype(np.float64) - self.zero_point) * self.scale


@dataclass(frozen=True, eq=False)
class IntegerIo:
    """A file that takes and gives int8: what its integers mean."""

    factor: NDArray[np.float32]  # (features,)
    offset: NDArray[np.float32]  # (features,)
    x: tuple[float, int]  # scale, zero point
    scores: tuple[float, int]

    def codes(self, frame: NDArray[np.float32]) -> NDArray[np.int8]:
        """A raw frame (features,) as the file wants it: one float32 step, ties to even."""
        codes: NDArray[np.int8] = np.clip(np.rint(frame * self.factor + self.offset), -128, 127).astype(np.int8)
        return codes

    def real(self, scores: NDArray[np.int8]) -> NDArray[np.float32]:
        scale, zero_point = self.scores
        return (scores.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def read_integer_io(values: dict[str, Any], features: int) -> IntegerIo | None:
    """From the field `io`; None where floats go in and out. ValueError for what describes no integers."""
    io: Any = values.get(IO_FIELD)
    if io is None:
        return None
    try:
        factor, offset = (np.array(io["x"][name], np.float32) for name in ("factor", "offset"))
        affines = [(float(io[name]["scale"]), int(io[name]["zero_point"])) for name in ("x", "scores")]
    except (TypeError, KeyError, ValueError, OverflowError):
        factor = offset = np.zeros(0, np.float32)
        affines = []
    right = all(0 < scale <= 1e30 and -128 <= zero_point <= 127 for scale, zero_point in affines)
    if not right or not factor.shape == offset.shape == (features,) or not np.isfinite([factor, offset]).all():
        raise ValueError(f"metadata.{IO_FIELD}: expected x with factor and offset, and scores, each with its scale")
    return IntegerIo(factor, offset, affines[0], affines[1])


def read_states(values: dict[str, Any], layers: Sequence[Layer]) -> tuple[State, ...]:
    """The states of these layers, in order, from the field `states`. ValueError for anything else."""
    entries: Any = values.get(STATES_FIELD)
    parts = parts_of_calls(layers)
    if not isinstance(entries, list) or len(entries) != len(parts):
        raise ValueError(f"metadata.{STATES_FIELD}: expected a list of {', '.join(parts) or 'none'}"[:300])
    states = tuple(_read(entry, name, shape) for entry, (name, (_, shape)) in zip(entries, parts.items()))
    if len({state.output is None for state in states}) > 1:
        raise ValueError(f"metadata.{STATES_FIELD}: expected outputs for all states or for none")
    return states


def _read(entry: Any, name: str, part: Shape) -> State:
    expected = f"metadata.{STATES_FIELD}: {name}: expected its name, output, type, shape, initial, scale, zero_point"
    if not isinstance(entry, dict) or entry.get("name") != name or entry.get("output") not in (None, f"{name}_out"):
        raise ValueError(expected)
    kind, shape = entry.get("type"), entry.get("shape")
    numbers: list[Any] = [entry.get(field) for field in ("initial", "scale", "zero_point")]
    right = kind in _TYPES and _is_shape_of(shape, part)
    if not right or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        raise ValueError(expected)
    initial, scale, zero_point = numbers  # of any size: whole numbers of JSON have no limit
    low, high = (-1e30, 1e30) if kind == "float32" else (np.iinfo(kind).min, np.iinfo(kind).max)
    if not (low <= initial <= high and 0 < scale <= 1e30 and -32768 <= zero_point <= 32767):
        raise ValueError(expected)
    return State(
        name, entry["output"], str(kind), tuple(entry["shape"]), float(initial), float(scale), int(zero_point)
    )


def _is_shape_of(shape: Any, part: Shape) -> bool:
    """Engines want other numbers of dimensions than a part has: the further ones are 1, in front."""
    return any(shape == [1] * (rank - len(part)) + list(part) for rank in (2, 3) if rank >= len(part))
