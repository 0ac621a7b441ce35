"""JSON of guitar captures and of RTNeural: .nam, NeuralPi's and Proteus's, AIDA-X's. All of them are streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.files import read_bounded
from edgelstm.importers import cells, json_layers
from edgelstm.importers.choices import Choices, Timing, leave_out, timing
from edgelstm.importers.imported import Imported
from edgelstm.importers.json_layers import array, single, skipping
from edgelstm.importers.modules import Held, modules
from edgelstm.importers.road import Step, build
from edgelstm.importers.weights_files import read_named
from edgelstm.layers import Dense
from edgelstm.records import Bounds

MAX_BYTES = 64 << 20
_OF_PYTORCH = (".weight_hh_l0", ".weight_hh")
Size = Annotated[int, Bounds(1, 4096)]


def read(path: Path, choices: Choices) -> Imported:
    """Whichever of them `path` is, by its fields."""
    values = records.parse_json(read_bounded(path, MAX_BYTES), "JSON")
    if not isinstance(values, dict):
        raise ValueError("a list or a number, expected an object")
    for field, (name, read_one) in _KINDS.items():
        if field in values:
            leave_out(choices, name, "layers", "part", "gates", "set", "overlap", "states")
            steps, features, rate = read_one(values)
            said = replace(choices, sample_rate=choices.sample_rate or rate)
            model = build(steps, features, timing(choices, Timing()), said, path.stem)
            return Imported(model, name, unproven="no engine for this format is called from here")
    if any(str(name).endswith(_OF_PYTORCH) for name in values):
        leave_out(choices, "weights as JSON", "part", "gates", "states")
        views = {str(name): Held(array(one, str(name)[:60])) for name, one in values.items()}
        return read_named(path, "PyTorch's weights as JSON", views, choices)
    raise ValueError(f"JSON without {' or '.join(_KINDS)}, expected a capture, RTNeural's model or a state_dict")


def _rtneural(values: Mapping[str, object]) -> tuple[list[Step], int, float]:
    steps, features = json_layers.steps(values)
    return steps, features, _rate(values.get("samplerate"))


@dataclass(frozen=True)
class _NamConfig:
    input_size: Size
    hidden_size: Size
    num_layers: Annotated[int, Bounds(1, 16)]


@dataclass(frozen=True)
class _Nam:
    architecture: str
    config: dict[str, object]
    weights: object


def _nam(values: Mapping[str, object]) -> tuple[list[Step], int, float]:
    """Each layer [W | R] (4H, I + H), bias, the states after silence h0 and c0; then the head."""
    file = records.from_json(_Nam, dict(values), strict=False)
    if file.architecture != "LSTM":
        raise ValueError(f"architecture: {file.architecture!r:.30}, expected LSTM: the others have no recurrence")
    config = records.from_json(_NamConfig, file.config, "config", strict=False)
    flat = _Taken(array(file.weights, "weights"))
    H, width = config.hidden_size, config.input_size
    steps: list[Step] = []
    for _ in range(config.num_layers):
        both, bias = flat.take(4 * H, width + H), flat.take(4 * H)
        h0, c0 = single(flat.take(H)), single(flat.take(H))
        steps.append(cells.lstm(both[:, :width], both[:, width:], bias, h0=h0, c0=c0))
        width = H
    steps.append(Dense(single(flat.take(1, H)), single(flat.take(1))))
    flat.end()
    return steps, config.input_size, _rate(values.get("sample_rate"))


class _Taken:
    """A flat list of weights, from its beginning on."""

    def __init__(self, values: NDArray[np.float64]):
        if values.ndim != 1:
            raise ValueError(f"weights: shape {values.shape}, expected one list of numbers")
        self._values, self._at = values, 0

    def take(self, *shape: int) -> NDArray[np.float64]:
        count = int(np.prod(shape))
        if self._at + count > self._values.size:
            raise ValueError(f"weights: {self._values.size} numbers, expected more for these sizes")
        self._at += count
        return self._values[self._at - count : self._at].reshape(shape)

    def end(self) -> None:
        if self._at != self._values.size:
            raise ValueError(f"weights: {self._values.size} numbers, expected {self._at} for these sizes")


@dataclass(frozen=True)
class _ModelData:
    skip: Annotated[int, Bounds(0, 1)] = 0
    unit_type: Literal["LSTM", "GRU"] = "LSTM"


def _proteus(values: Mapping[str, object]) -> tuple[list[Step], int, float]:
    """PyTorch's state_dict as lists: `rec`, one recurrent layer, and `lin`, the head."""
    about = records.from_json(_ModelData, values.get("model_data"), "model_data", strict=False)
    tensors = values.get("state_dict")
    if not isinstance(tensors, dict):
        raise ValueError("state_dict: missing, expected an object of weights")
    found = {one.name: one for one in modules({name: Held(array(v, str(name))) for name, v in tensors.items()})}
    if set(found) != {"rec", "lin"}:
        raise ValueError(f"state_dict: of {', '.join(found)[:60] or 'nothing'}, expected rec and lin")
    steps = [*found["rec"].steps({}), *found["lin"].steps({})]
    return (skipping(steps) if about.skip else steps), found["rec"].features, 0.0


def _rate(value: object) -> float:
    """Frames per second; what is none is not known."""
    return float(value) if isinstance(value, int | float) and 0 < value <= 1e9 else 0.0


_KINDS: Mapping[str, tuple[str, Callable[[Mapping[str, object]], tuple[list[Step], int, float]]]] = {
    "architecture": ("NAM", _nam),
    "model_data": ("Proteus", _proteus),
    "layers": ("RTNeural", _rtneural),
}
"""The field that tells a kind → its name, and what reads it: (layers, features, rate)."""
