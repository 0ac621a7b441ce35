"""Columns that a forecast takes, and tells, by how they change: what stands between it and what is measured.

Of such columns a frame holds the difference to the frame before, 0 at first, and an answer says by how much they will
have changed. In float32, as training had them: `x[t] - x[t - 1]`, `x[t] + told`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from edgelstm.plain import printable
from edgelstm.records import Bounds, Distinct, Length, Line, from_json
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.frame import Float32

KIND = "forecast"
FIELD = "task"
"""In metadata: what the model is for, and its settings."""

_Names = Annotated[tuple[Annotated[str, Line(1000)], ...], Distinct()]


@dataclass(frozen=True)
class _Told:
    """Those settings of the task `forecast` that say what is told; `edgelstm.tasks.forecast` explains them."""

    columns: _Names = ()
    ahead: Annotated[tuple[Annotated[int, Bounds(1, 1 << 20)], ...], Length(1, 1000)] = (1,)
    quantiles: tuple[float, ...] = ()
    changes: _Names = ()

    def places(self, names: Sequence[str]) -> list[int]:
        """For each output the feature that it tells. ValueError for a column that is none."""
        told = [_place(name, names, "columns") for name in self.columns or names]
        return [place for _ in self.ahead for place in told for _ in self.quantiles or (0.5,)]


def read_changes(model: EngineModel) -> Changes | None:
    """None where the model takes all columns as they are. ValueError, naming the file and the field, for metadata
    that are wrong."""
    task = model.metadata.get(FIELD)
    if not isinstance(task, dict) or task.get("kind") != KIND or not task.get("changes"):
        return None
    where = f"{model.path}: metadata: {FIELD}"
    told = from_json(_Told, task, where, strict=False)
    names = model.feature_names or tuple(map(str, range(model.features)))
    try:
        changes = [_place(name, names, "changes") for name in told.changes]
        places = told.places(names)
        if len(places) != model.outputs:
            raise ValueError(f"columns: these make {len(places)} outputs, expected {model.outputs} as the model has")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return Changes(model.features, changes, places, model.stride)


class Changes:
    """Of one stream. It remembers one frame, and what was known at the newest answer; `save` gives both."""

    _HEAD = struct.Struct("<q")

    def __init__(self, features: int, changes: Sequence[int], told: Sequence[int], stride: int) -> None:
        """changes: the features that are taken so. told: the feature that each output tells. stride: of the model."""
        self._is_change = np.isin(np.arange(features), changes)
        self._told, self._stride = list(told), stride
        self._adds = self._is_change[self._told]
        self._frames = 0
        self._before = np.zeros(features, "<f4")
        self._known = np.zeros(features, "<f4")

    def enter(self, frames: Float32) -> Float32:
        """Frames (n, features) as the model takes them; nothing changes here before they are `took`."""
        before = np.concatenate([self._before[None] if self._frames else frames[:1], frames[:-1]])
        return np.where(self._is_change, frames - before, frames)

    def took(self, frames: Float32) -> None:
        """The stream took what `enter` made of these frames (n, features), or of the first of them."""
        self._before[:] = frames[-1]
        self._frames += len(frames)
        since = self._frames % self._stride  # frames since an answer could be
        if since < len(frames):
            self._known[:] = frames[len(frames) - 1 - since]

    def values(self, output: Float32) -> Float32:
        """What an answer (outputs,) tells, in the data's own values."""
        return np.where(self._adds, self._known[self._told] + output, output)

    def reset(self) -> None:
        """As before the first frame."""
        self._frames = 0
        self._before[:] = self._known[:] = 0

    @property
    def memory_bytes(self) -> int:
        """What it remembers takes so many."""
        return self._HEAD.size + self._before.nbytes + self._known.nbytes

    def save(self) -> bytes:
        """All that it remembers, little-endian."""
        return self._HEAD.pack(self._frames) + self._before.tobytes() + self._known.tobytes()

    def restore(self, saved: bytes, frames: int) -> None:
        """Go on from what `save` gave, for a stream that stands at `frames`. ValueError, with nothing changed, for
        what is damaged or of another model."""
        if len(saved) != self.memory_bytes:
            raise ValueError(f"changes: {len(saved)} bytes, expected {self.memory_bytes}")
        (count,) = self._HEAD.unpack_from(saved)
        found = np.frombuffer(saved, "<f4", offset=self._HEAD.size)
        if count != frames or not np.isfinite(found).all():
            raise ValueError(f"changes: damaged, expected those of frame {frames:,}")
        self._frames = count
        self._before[:], self._known[:] = np.split(found, 2)


def _place(name: str, names: Sequence[str], field: str) -> int:
    if name not in names:
        raise ValueError(f"{field}: {printable(name, 40)!r}, expected features of the model")
    return names.index(name)
