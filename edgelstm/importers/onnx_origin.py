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
from edgelstm.records import to_json
from edgelstm.runtime.engines.graph import one_line
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


def opening(path: Path, ports: Ports, shown: str, window: int) -> Opening:
    """shown: the output that is compared. window: frames of a call, 0: as few as the file takes."""
    return Opening("onnx", path, {**to_json(ports), "shown": shown, "window": window})


def open_onnx(path: Path, settings: Mapping[str, Any]) -> OnnxOrigin:
    """For the child: as `opening` says."""
    ports = Ports(settings["frames"], settings["scores"], settings["states"])
    return OnnxOrigin(path, ports, settings["shown"], settings["window"])


class OnnxOrigin(Origin):
    """window: frames of a call, 0: as few as the file takes."""

    def __init__(self, path: Path, ports: Ports, shown: str, window: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.engine = f"onnxruntime {version('onnxruntime')}"
        self._ports, self._shown = ports, shown
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        sides = {one.name: one.shape for one in self._session.get_inputs()}
        shape = [side if isinstance(side, int) else 0 for side in sides[ports.frames]]
        free = [place for place, side in enumerate(shape[:-1]) if not side]
        self._shape = [side or 1 for side in shape]
        fixed = int(np.prod(self._shape[:-1]))
        if window and fixed != window:
            if not free or fixed != 1:
                raise ValueError(f"--window: {window}, expected {fixed}: so many frames the file takes in a call")
            self._shape[free[0] if self._is_time_first() else free[-1]] = window
        self._count = int(np.prod(self._shape[:-1]))
        self._fresh = {
            name: np.zeros([side if isinstance(side, int) and side else 1 for side in sides[name]], np.float32)
            for name in ports.states
        }
        self._held = dict(self._fresh)

    def _is_time_first(self) -> bool:
        """Whether the first free side is called after time: recurrences of the standard want (time, batch, features),
        frameworks export (batch, time, features)."""
        first = next(one for one in self._session.get_inputs() if one.name == self._ports.frames).shape[0]
        return isinstance(first, str) and any(word in first.lower() for word in ("time", "seq", "frame", "step"))

    @property
    def frames(self) -> int:
        return self._count

    def reset(self) -> None:
        self._held = dict(self._fresh)

    def run(self, frames: Float32) -> Float32:
        feeds = {self._ports.frames: frames.reshape(self._shape), **self._held}
        names = [self._shown, *self._ports.states.values()]
        try:
            shown, *after = self._session.run(names, feeds)
        except Exception as error:
            raise ValueError(f"{self.engine} failed: {one_line(error)}") from None
        self._held = dict(zip(self._ports.states, after))
        answers: Float32 = np.asarray(shown, np.float32)
        return answers.reshape(-1, answers.shape[-1] if answers.ndim else 1)
