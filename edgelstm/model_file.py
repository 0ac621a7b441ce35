"""`model.npz`: the float master that training writes and exporting reads. Arrays and one JSON header, no pickle.

| array            | what                                                                    |
|------------------|-------------------------------------------------------------------------|
| `header`         | UTF-8 JSON as uint8: everything of the model that is no array           |
| `normalize.mean`, `normalize.std` | (features,)                                            |
| `lstmN.W`, `lstmN.R`, `lstmN.b`   | layer N: (4H, I), (4H, H), (4H,), gates i, f, g, o     |
| `denseN.W`, `denseN.b`            | layer N of the head: (outputs, inputs), (outputs,)     |
| `exampleN`       | (frames, features): a few real sequences, raw                           |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.npz import read_npz, write_npz
from edgelstm.model import LSTM, Answer, Dense, Model, Normalize, Ranges

FORMAT = "edgelstm-model"
VERSION = 1
MAX_EXAMPLES = 64

_T = TypeVar("_T")


def save_model(model: Model, path: Path | str) -> None:
    """Write `model`, beside first and then in place. The same model gives the same bytes."""
    ranges = model.ranges
    header = {
        "format": FORMAT,
        "version": VERSION,
        "name": model.name,
        "licence": model.licence,
        "lstms": len(model.lstms),
        "head": [layer.activation for layer in model.head],
        "activation": model.activation,
        "answer": {"pooling": model.answer.pooling, "window": model.answer.window, "hop": model.answer.hop},
        "labels": list(model.labels),
        "feature_names": list(model.feature_names),
        "feature_units": list(model.feature_units),
        "sample_rate": model.sample_rate,
        "provenance": dict(model.provenance),
        "ranges": None if ranges is None else {"x": ranges.x, "h": ranges.h, "c": ranges.c, "dense": ranges.dense},
        "examples": len(model.examples),
    }
    arrays: dict[str, NDArray[Any]] = {
        "header": np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8),
        "normalize.mean": model.normalize.mean,
        "normalize.std": model.normalize.std,
    }
    for n, lstm in enumerate(model.lstms):
        arrays |= {f"lstm{n}.W": lstm.W, f"lstm{n}.R": lstm.R, f"lstm{n}.b": lstm.b}
    for n, dense in enumerate(model.head):
        arrays |= {f"dense{n}.W": dense.W, f"dense{n}.b": dense.b}
    for n, sequence in enumerate(model.examples):
        arrays[f"example{n}"] = sequence
    write_npz(path, arrays)


def load_model(path: Path | str) -> Model:
    """Read and check a model. FileNotFoundError or OSError without the file; ValueError, one line that names
    file and field, for anything that is no valid model."""
    arrays = read_npz(path)
    try:
        return _model(arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


class _Header:
    """The JSON header, read field by field."""

    def __init__(self, array: NDArray[Any]) -> None:
        if array.dtype != np.uint8 or array.ndim != 1:
            raise ValueError(f"header: {array.dtype} {array.shape}, expected JSON as a list of uint8")
        try:
            found = json.loads(array.tobytes())
        except (ValueError, RecursionError):
            raise ValueError("header: not valid JSON") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"header: format is not {FORMAT!r}")
        if found.get("version") != VERSION:
            raise ValueError(f"header: version {found.get('version')!r}, expected {VERSION}")
        self._fields = found

    def get(self, name: str, convert: Callable[[Any], _T], expected: str, missing: _T | None = None) -> _T:
        """The field, converted; `missing`, where given, stands for one that older files lack."""
        if missing is not None and name not in self._fields:
            return missing
        try:
            return convert(self._fields[name])
        except KeyError:
            raise ValueError(f"header: {name} is missing") from None
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"header: {name}: {self._fields[name]!r:.60}, expected {expected}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_text, value))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _count(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError
        return value

    return convert


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _pair(value: Any) -> tuple[float, float]:
    low, high = value
    return _number(low), _number(high)


def _ranges(value: Any) -> Ranges | None:
    if value is None:
        return None
    return Ranges(
        x=_pair(value["x"]),
        h=tuple(map(_pair, value["h"])),
        c=tuple(map(_number, value["c"])),
        dense=tuple(map(_pair, value["dense"])),
    )


def _answer(value: Any) -> Answer:
    return Answer(**_object(value))


def _model(arrays: dict[str, NDArray[Any]]) -> Model:
    def array(name: str) -> NDArray[Any]:
        if name not in arrays:
            raise ValueError(f"array {name} is missing")
        return arrays[name]

    header = _Header(array("header"))
    n_lstms = header.get("lstms", _count(1, 16), "a whole number from 1 to 16")
    activations = header.get("head", _texts, "a list of activations")
    n_examples = header.get("examples", _count(0, MAX_EXAMPLES), f"a whole number up to {MAX_EXAMPLES}")
    return Model(
        normalize=Normalize(array("normalize.mean"), array("normalize.std")),
        lstms=tuple(LSTM(array(f"lstm{n}.W"), array(f"lstm{n}.R"), array(f"lstm{n}.b")) for n in range(n_lstms)),
        head=tuple(
            Dense(array(f"dense{n}.W"), array(f"dense{n}.b"), activation)  # type: ignore[arg-type]
            for n, activation in enumerate(activations)
        ),
        activation=header.get("activation", _text, "text"),  # type: ignore[arg-type]
        answer=header.get("answer", _answer, "pooling, window and hop of an answer"),
        labels=header.get("labels", _texts, "a list of text"),
        feature_names=header.get("feature_names", _texts, "a list of text"),
        feature_units=header.get("feature_units", _texts, "a list of text"),
        sample_rate=header.get("sample_rate", _number, "a number"),
        name=header.get("name", _text, "text"),
        licence=header.get("licence", _text, "text", missing=""),
        provenance=header.get("provenance", _object, "a JSON object"),
        ranges=header.get("ranges", _ranges, "calibration ranges, or null"),
        examples=tuple(array(f"example{n}") for n in range(n_examples)),
    )
