"""A `.tflite` file in LiteRT, as the imported model is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.origin import Origin
from edgelstm.runtime.engines.graph import one_line
from edgelstm.runtime.frame import Float32


def open_tflite(path: Path, settings: Mapping[str, Any]) -> TfliteOrigin:
    """For the child: settings as `tflite_file.read` gives them."""
    return TfliteOrigin(path, settings)


class TfliteOrigin(Origin):
    """settings: numbers of tensors and frames of a call (`Ports`); window: frames after which the program begins
    anew, 0: never; resources: whether states lie in what only a new interpreter forgets."""

    def __init__(self, path: Path, settings: Mapping[str, Any]):
        self._settings, self._path = settings, path
        self.engine = f"ai-edge-litert {version('ai-edge-litert')}"
        self._interpreter = self._opened()
        details = {one["index"]: one for one in self._interpreter.get_tensor_details()}
        self._in, self._out = details[settings["frames"]], details[settings["scores"]]
        self._states = [(details[before], after) for before, after in settings["states"]]
        self._idle = [details[number] for number in settings["idle"]]
        self._carried: list[NDArray[Any]] = []
        self._rows = settings["window"] if settings["free"] and settings["window"] else settings["rows"]
        self.reset()

    def _opened(self) -> Any:
        litert = import_module("ai_edge_litert.interpreter")
        made = litert.Interpreter(model_path=str(self._path), num_threads=1)
        settings = self._settings
        if settings["free"] and settings["window"]:
            (one,) = (one for one in made.get_input_details() if one["index"] == settings["frames"])
            shape = [int(side) for side in one["shape"]]
            made.resize_tensor_input(one["index"], [*shape[:-2], settings["window"], shape[-1]])
        made.allocate_tensors()
        return made

    @property
    def frames(self) -> int:
        return int(self._settings["window"] or self._rows)

    def reset(self) -> None:
        if self._settings["resources"]:
            self._interpreter = self._opened()
        else:
            self._interpreter.reset_all_variables()
        self._carried = [np.full(one["shape"], one["quantization"][1], one["dtype"]) for one, _ in self._states]

    def run(self, frames: Float32) -> Float32:
        try:
            return np.concatenate([self._call(part) for part in np.split(frames, len(frames) // self._rows)])
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self.engine} failed: {one_line(error)}") from None

    def _call(self, frames: Float32) -> Float32:
        made = self._interpreter
        (place,) = (one for one in made.get_input_details() if one["index"] == self._in["index"])
        made.set_tensor(place["index"], _stored(frames.reshape(place["shape"]), place))
        for (one, _), array in zip(self._states, self._carried):
            made.set_tensor(one["index"], array)
        for one in self._idle:
            made.set_tensor(one["index"], np.zeros(one["shape"], one["dtype"]))
        made.invoke()
        answers: Float32 = _real(made.get_tensor(self._out["index"]), self._out)
        self._carried = [made.get_tensor(after).reshape(one["shape"]) for one, after in self._states]
        return answers.reshape(-1, answers.shape[-1] if answers.ndim else 1)


def _stored(values: Float32, about: Mapping[str, Any]) -> NDArray[Any]:
    """As the file takes them: integers with their scale, or floats."""
    scale, zero = about["quantization"]
    dtype = np.dtype(about["dtype"])
    if dtype.kind == "f" or not scale:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    found: NDArray[Any] = np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(dtype)
    return found


def _real(values: NDArray[Any], about: Mapping[str, Any]) -> Float32:
    scale, zero = about["quantization"]
    if np.dtype(about["dtype"]).kind == "f" or not scale:
        scale, zero = 1.0, 0
    return ((values.astype(np.float64) - int(zero)) * float(scale)).astype(np.float32)
