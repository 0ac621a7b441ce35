"""An ONNX file in onnxruntime, as the imported model is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.origin import Opening, Origin
from edgelstm.records import from_json, to_json
from edgelstm.runtime.engines.graph import one_line
from edgelstm.runtime.engines.quiet import import_onnxruntime
from edgelstm.runtime.frame import Float32


@dataclass(frozen=True)
class Ports:
    """What goes in and comes out: names of the input that takes frames, of the output that gives scores, and of each
    state's input and the output that renews it; idle: inputs that no answer depends on."""

    frames: str
    scores: str
    states: dict[str, str]
    idle: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """shown: the output that is compared. window: frames of a call, 0: as few as the file takes. sets: numbers for
    inputs that choose, and lengths of those that the file leaves open. overlap: values of a frame that are the newest
    of the one before."""

    ports: Ports
    shown: str
    window: int
    sets: dict[str, int]
    overlap: int


def opening(path: Path, settings: Settings) -> Opening:
    return Opening("onnx", path, to_json(settings))


def open_onnx(path: Path, settings: Mapping[str, Any]) -> OnnxOrigin:
    """For the child: as `opening` says."""
    return OnnxOrigin(path, from_json(Settings, settings, "settings"))


class OnnxOrigin(Origin):
    def __init__(self, path: Path, settings: Settings):
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.engine = f"onnxruntime {version('onnxruntime')}"
        self._ports, self._shown, self._overlap = settings.ports, settings.shown, settings.overlap
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        self._sides = {one.name: one.shape for one in self._session.get_inputs()}
        self._shape = self._frames_of_a_call(settings)
        self._count = int(np.prod(self._shape[:-1]))
        self._chosen = {
            one.name: np.full([1] * len(one.shape), settings.sets[one.name]).astype(_dtype(one.type))
            for one in self._session.get_inputs()
            if one.name in settings.sets and one.name != self._ports.frames
        }
        types = {one.name: _dtype(one.type) for one in self._session.get_inputs()}
        self._type = types[self._ports.frames]
        self._fresh = {
            name: np.zeros([side if isinstance(side, int) and side else 1 for side in self._sides[name]], types[name])
            for name in (*self._ports.states, *self._ports.idle)
        }
        self.reset()

    def _frames_of_a_call(self, settings: Settings) -> list[int]:
        """The shape of the input that takes frames."""
        shape = [side if isinstance(side, int) else 0 for side in self._sides[self._ports.frames]]
        shape[-1] = shape[-1] or settings.sets.get(self._ports.frames, 1)
        free = [place for place, side in enumerate(shape[:-1]) if not side]
        found = [side or 1 for side in shape]
        fixed = int(np.prod(found[:-1]))
        if settings.window and fixed != settings.window:
            if not free or fixed != 1:
                expected = f"{fixed}: so many frames the file takes in a call"
                raise ValueError(f"--window: {settings.window}, expected {expected}")
            found[free[0] if self._is_time_first() else free[-1]] = settings.window
        return found

    def _is_time_first(self) -> bool:
        """Whether the first free side is called after time: recurrences of the standard want (time, batch, features),
        frameworks export (batch, time, features)."""
        first = self._sides[self._ports.frames][0]
        return isinstance(first, str) and any(word in first.lower() for word in ("time", "seq", "frame", "step"))

    @property
    def frames(self) -> int:
        return self._count

    def reset(self) -> None:
        self._held: dict[str, NDArray[Any]] = {}
        self._newest = np.zeros((1, self._overlap), np.float32)

    def run(self, frames: Float32) -> Float32:
        if self._overlap:  # of one frame a call
            frames = np.concatenate([self._newest, frames], axis=1)
            self._newest = frames[:, -self._overlap :]
        given = frames.reshape(self._shape).astype(self._type)
        feeds = {self._ports.frames: given, **self._fresh, **self._held, **self._chosen}
        names = [self._shown, *self._ports.states.values()]
        try:
            shown, *after = self._session.run(names, feeds)
        except Exception as error:
            raise ValueError(f"{self.engine} failed: {one_line(error)}") from None
        self._held = {name: one.reshape(self._fresh[name].shape) for name, one in zip(self._ports.states, after)}
        answers: Float32 = np.asarray(shown, np.float32)
        if answers.ndim > 1:
            return answers.reshape(-1, answers.shape[-1])
        return answers.reshape(1, -1) if self._count == 1 else answers.reshape(-1, 1)


def _dtype(said: str) -> np.dtype[Any]:
    """Of onnxruntime's word for an input, such as tensor(int64)."""
    word = said.removeprefix("tensor(").removesuffix(")")
    return np.dtype("float32" if word == "float" else word)
