"""`model.npz`: the float master that training writes and exporting reads. Arrays and one JSON header, no pickle.

| array            | what                                                                    |
|------------------|-------------------------------------------------------------------------|
| `header`         | UTF-8 JSON as uint8: everything of the model that is no array           |
| `normalize.mean`, `normalize.std` | (features,)                                            |
| `layerN.NAME`    | layer N's arrays, as `edgelstm.layers` names them: `layer0.W`, `layer0.R` … |
| `exampleN`       | (frames, features): a few real sequences, raw                           |

The header's `layers` lists the layers in their order: `{"kind": "context", "rows": 4, "hop": 4}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.npz import read_npz, write_npz
from edgelstm.layers import KINDS, Layer
from edgelstm.model import MAX_LAYERS, Answer, Model, Normalize, Ranges

FORMAT = "edgelstm-model"
VERSION = 2
MAX_EXAMPLES = 64

_T = TypeVar("_T")


def save_model(model: Model, path: Path | str) -> None:
    """Write `model`, beside first and then in place. The same model gives the same bytes."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "name": model.name,
        "licence": model.licence,
        "layers": [
            {"kind": layer.kind} | {name: getattr(layer, name) for name in layer.settings} for layer in model.layers
        ],
        "activation": model.activation,
        "answer": {"pooling": model.answer.pooling, "window": model.answer.window, "hop": model.answer.hop},
        "labels": list(model.labels),
        "feature_names": list(model.feature_names),
        "feature_units": list(model.feature_units),
        "sample_rate": model.sample_rate,
        "provenance": dict(model.provenance),
        "ranges": None if model.ranges is None else dict(model.ranges.spans),
        "examples": len(model.examples),
    }
    arrays: dict[str, NDArray[Any]] = {
        "header": np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8),
        "normalize.mean": model.normalize.mean,
        "normalize.std": model.normalize.std,
    }
    for n, layer in enumerate(model.layers):
        arrays |= {f"layer{n}.{name}": getattr(layer, name) for name in layer.arrays}
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
            raise ValueError(f"header: version {str(found.get('version'))[:20]}, expected {VERSION}: train it anew")
        self._fields = found

    def get(self, name: str, convert: Callable[[Any], _T], expected: str) -> _T:
        """The field, converted."""
        try:
            return convert(self._fields[name])
        except KeyError:
            raise ValueError(f"header: {name} is missing") from None
        except (TypeError, ValueError, OverflowError, AttributeError):
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


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LAYERS:
        raise TypeError
    return [_object(item) for item in value]


def _pair(value: Any) -> tuple[float, float]:
    low, high = value
    return _number(low), _number(high)


def _ranges(value: Any) -> Ranges | None:
    if value is None:
        return None
    return Ranges({name: _pair(pair) for name, pair in _object(value).items()})


def _answer(value: Any) -> Answer:
    return Answer(**_object(value))


def _layer(n: int, entry: dict[str, Any], array: Callable[[str], NDArray[Any]]) -> Layer:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"header: layers[{n}].kind: {kind!r:.40}, expected one of {', '.join(KINDS)}")
    made = KINDS[kind]
    settings = {name: value for name, value in entry.items() if name != "kind"}
    if set(settings) != set(made.settings):
        found, wanted = (", ".join(sorted(names)) or "nothing" for names in (settings, made.settings))
        raise ValueError(f"header: layers[{n}]: {found!r:.60}, expected {wanted} for {kind}")
    try:
        return made(**{name: array(f"layer{n}.{name}") for name in made.arrays}, **settings)
    except ValueError as error:
        raise ValueError(f"layer {n}: {error}") from None


def _model(arrays: dict[str, NDArray[Any]]) -> Model:
    def array(name: str) -> NDArray[Any]:
        if name not in arrays:
            raise ValueError(f"array {name} is missing")
        return arrays[name]

    header = _Header(array("header"))
    entries = header.get("layers", _objects, f"a list of 1 to {MAX_LAYERS} layers")
    n_examples = header.get("examples", _count(0, MAX_EXAMPLES), f"a whole number up to {MAX_EXAMPLES}")
    return Model(
        normalize=Normalize(array("normalize.mean"), array("normalize.std")),
        layers=tuple(_layer(n, entry, array) for n, entry in enumerate(entries)),
        activation=header.get("activation", _text, "text"),  # type: ignore[arg-type]
        answer=header.get("answer", _answer, "pooling, window and hop of an answer"),
        labels=header.get("labels", _texts, "a list of text"),
        feature_names=header.get("feature_names", _texts, "a list of text"),
        feature_units=header.get("feature_units", _texts, "a list of text"),
        sample_rate=header.get("sample_rate", _number, "a number"),
        name=header.get("name", _text, "text"),
        licence=header.get("licence", _text, "text"),
        provenance=header.get("provenance", _object, "a JSON object"),
        ranges=header.get("ranges", _ranges, "calibration ranges, or null"),
        examples=tuple(array(f"example{n}") for n in range(n_examples)),
    )
