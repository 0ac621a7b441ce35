"""An ONNX file in onnxruntime, as the imported model is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from edgelstm.importers.graph import Graph
from edgelstm.importers.origin import Opening, Origin
from edgelstm.records import from_json, to_json
from edgelstm.runtime.engines.graph import one_line
from edgelstm.runtime.engines.quiet import import_onnxruntime
from edgelstm.runtime.frame import Float32


@dataclass(frozen=True)
class Ports:
    """What goes in and comes out: names of the input that takes frames, of the output that gives scores, and of each
    state's input and the output that renews it."""

    frames: str
    scores: str
    states: dict[str, str]


def roles(graph: Graph) -> Ports:
    """Told by names, or by shapes: an input is a state where an output goes by its name with `_out` or `n` behind it,
    or has its shape. ValueError where they cannot be told apart."""
    shapes, outputs = graph.shapes, list(graph.outputs)
    states: dict[str, str] = {}
    for name in graph.inputs:
        fits = [one for one in (f"{name}_out", f"{name}n", f"{name}N") if one in outputs]
        if fits:
            states[name] = fits[0]
    rest = [name for name in graph.inputs if name not in states]
    if not rest:
        raise ValueError("no input that takes frames, expected one beside the states")
    frames = next((name for name in rest if name in ("x", "input", "inputs")), rest[0])
    left = [name for name in outputs if name not in states.values()]
    for name in rest:
        if name == frames:
            continue
        match = next((one for one in left[1:] if shapes.get(one) == shapes.get(name)), None)
        if match is None:
            raise ValueError(
                f"input {name!r:.40}: no output of its shape that could renew it; expected frames and states"
            )
        states[name] = match
        left.remove(match)
    if not left:
        raise ValueError("no output beside the states, expected one of scores")
    return Ports(frames, next((name for name in left if name == "scores"), left[0]), states)


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
        self._fresh = {
            name: np.zeros([side if isinstance(side, int) and side else 1 for side in self._sides[name]], np.float32)
            for name in self._ports.states
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
        self._held = dict(self._fresh)
        self._newest = np.zeros((1, self._overlap), np.float32)

    def run(self, frames: Float32) -> Float32:
        if self._overlap:  # of one frame a call
            frames = np.concatenate([self._newest, frames], axis=1)
            self._newest = frames[:, -self._overlap :]
        feeds = {self._ports.frames: frames.reshape(self._shape), **self._held, **self._chosen}
        names = [self._shown, *self._ports.states.values()]
        try:
            shown, *after = self._session.run(names, feeds)
        except Exception as error:
            raise ValueError(f"{self.engine} failed: {one_line(error)}") from None
        self._held = dict(zip(self._ports.states, after))
        answers: Float32 = np.asarray(shown, np.float32)
        if answers.ndim > 1:
            return answers.reshape(-1, answers.shape[-1])
        return answers.reshape(1, -1) if self._count == 1 else answers.reshape(-1, 1)


def _dtype(said: str) -> np.dtype[Any]:
    """Of onnxruntime's word for an input, such as tensor(int64)."""
    word = said.removeprefix("tensor(").removesuffix(")")
    return np.dtype("float32" if word == "float" else word)
