"""`model.npz`: the float master that training writes and exporting reads. Arrays and one JSON header, no pickle.

| array            | what                                                                    |
|------------------|-------------------------------------------------------------------------|
| `header`         | UTF-8 JSON as uint8: everything of the model that is no array           |
| `normalize.mean`, `normalize.std` | (features,)                                            |
| `layerN.NAME`    | layer N's arrays, as `edgelstm.layers` names them: `layer0.W`, `layer0.R` … |
| `exampleN`       | (frames, features): a few real sequences, raw                           |
| `unseenN`        | (frames, features): such as calibration never saw                       |
| `unseen_truth`   | (recordings, outputs): 1 for what is true of each, 0, NaN; may be absent |
| `mean.LAYER`     | (n,): of the columns that meet the layer's weights in calibration       |
| `covariance.LAYER` | (n·(n + 1)/2,): theirs, the upper triangle row after row              |

Sequences may be absent: `train --no-examples` leaves them out. Means and covariances stay: they are statistics.

The header's `layers` lists the layers in their order: `{"kind": "context", "rows": 4, "hop": 4}`. Settings that a
kind's plain layer does not have stand there where they are set: `{"kind": "activation", "function": "relu",
"of": "lstm0"}`. So do arrays: `layer0.h0`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.covariance import Covariance
from edgelstm.data.npz import npz_content, read_npz, write_npz
from edgelstm.layers import KINDS, Layer
from edgelstm.model import MAX_LAYERS, Answer, Model, Normalize, OutputActivation, Pooling, Ranges
from edgelstm.records import Bounds, Length
from edgelstm.runtime.events.rule import Rule
from edgelstm.tasks import read_task

FORMAT = "edgelstm-model"
VERSION = 2
MAX_EXAMPLES, MAX_UNSEEN = 64, 256


@dataclass(frozen=True)
class _Answer:
    pooling: Pooling
    window: int
    hop: int


@dataclass(frozen=True)
class _Header:
    """What the JSON header holds; the model's own checks follow."""

    format: Literal["edgelstm-model"]
    version: int
    name: str
    licence: str
    layers: Annotated[tuple[dict[str, object], ...], Length(1, MAX_LAYERS)]
    activation: OutputActivation
    answer: _Answer
    labels: tuple[str, ...]
    feature_names: tuple[str, ...]
    feature_units: tuple[str, ...]
    sample_rate: float
    provenance: dict[str, object]
    ranges: dict[str, tuple[float, float]] | None
    examples: Annotated[int, Bounds(0, MAX_EXAMPLES)]
    unseen: Annotated[int, Bounds(0, MAX_UNSEEN)] = 0  # files of before have none
    feature_range: tuple[tuple[float, float], ...] = ()  # nor this
    factors: tuple[float, ...] = ()  # of the ranges; files of before have none
    covariances: dict[str, int] = field(default_factory=dict)  # layer's name → frames; files of before have none
    task: dict[str, object] = field(default_factory=dict)  # files of before classify
    thresholds: tuple[float, ...] = ()  # files of before have none
    label_units: tuple[str, ...] = ()  # files of before have none
    events: dict[str, Rule] = field(default_factory=dict)  # files of before have none
    kept: tuple[str, ...] = ()  # of the ranges; files of before have none
    anew: int = 0  # nor this
    int16: tuple[str, ...] = ()  # of the ranges; files of before have none


def save_model(model: Model, path: Path | str) -> None:
    """Write `model`, beside first and then in place. The same model gives the same bytes."""
    write_npz(path, _arrays(model))


def model_content(model: Model) -> bytes:
    """What `save_model` would write."""
    return npz_content(_arrays(model))


def _arrays(model: Model) -> dict[str, NDArray[Any]]:
    layers = tuple(map(_settings, model.layers))
    header = _Header(
        format="edgelstm-model",
        version=VERSION,
        name=model.name,
        licence=model.licence,
        layers=layers,
        activation=model.activation,
        answer=_Answer(model.answer.pooling, model.answer.window, model.answer.hop),
        labels=model.labels,
        feature_names=model.feature_names,
        feature_units=model.feature_units,
        sample_rate=model.sample_rate,
        feature_range=model.feature_range,
        provenance=dict(model.provenance),
        ranges=None if model.ranges is None else dict(model.ranges.spans),
        examples=len(model.examples),
        unseen=len(model.unseen),
        factors=() if model.ranges is None else model.ranges.factors,
        kept=() if model.ranges is None else model.ranges.kept,
        int16=() if model.ranges is None else model.ranges.int16,
        covariances={name: found.frames for name, found in model.covariances.items()},
        task=model.task.to_json(),
        thresholds=model.thresholds,
        label_units=model.label_units,
        events=dict(model.events),
        anew=model.anew,
    )
    text = json.dumps(records.to_json(header), allow_nan=False)
    arrays: dict[str, NDArray[Any]] = {
        "header": np.frombuffer(text.encode(), np.uint8),
        "normalize.mean": model.normalize.mean,
        "normalize.std": model.normalize.std,
    }
    for n, layer in enumerate(model.layers):
        arrays |= {f"layer{n}.{name}": getattr(layer, name) for name in layer.held_arrays}
    for name, sequences in (("example", model.examples), ("unseen", model.unseen)):
        arrays |= {f"{name}{n}": sequence for n, sequence in enumerate(sequences)}
    if model.unseen_truth is not None:
        arrays["unseen_truth"] = model.unseen_truth
    for name, found in model.covariances.items():
        arrays |= {f"mean.{name}": found.mean, f"covariance.{name}": found.packed}
    return arrays


def load_model(path: Path | str) -> Model:
    """Read and check a model. FileNotFoundError or OSError without the file; ValueError, one line that names
    file and field, for anything that is no valid model."""
    arrays = read_npz(path)
    if "header" not in arrays and {"X", "y"} <= set(arrays):
        raise ValueError(f"{path}: a data set, not a model: edgelstm train makes a model of it")
    try:
        return _model(arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _header(array: NDArray[Any]) -> _Header:
    if array.dtype != np.uint8 or array.ndim != 1:
        raise ValueError(f"header: {array.dtype} {array.shape}, expected JSON as a list of uint8")
    values = records.parse_json(array.tobytes(), "header")
    if isinstance(values, dict) and values.get("format") == FORMAT and values.get("version") != VERSION:
        raise ValueError(f"header: version {values.get('version')!r:.20}, expected {VERSION}: train it anew")
    return records.from_json(_Header, values, "header")


def _settings(layer: Layer) -> dict[str, object]:
    """A layer's entry in the header."""
    plain = {field.name: field.default for field in fields(layer)}
    further = (name for name in ("of", *layer.options) if getattr(layer, name) != plain[name])
    return {"kind": layer.kind} | {name: getattr(layer, name) for name in (*layer.settings, *further)}


def _layer(n: int, entry: dict[str, Any], array: Callable[[str], NDArray[Any]], has: Callable[[str], bool]) -> Layer:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"header: layers[{n}].kind: {kind!r:.40}, expected one of {', '.join(KINDS)}")
    made = KINDS[kind]
    settings = {name: value for name, value in entry.items() if name != "kind"}
    if set(settings) - {"of", *made.options} != set(made.settings):
        found, wanted = (", ".join(sorted(names)) or "nothing" for names in (settings, made.settings))
        raise ValueError(f"header: layers[{n}]: {found!r:.60}, expected {wanted} for {kind}")
    held: tuple[str, ...] = made.arrays + tuple(name for name in made.own_arrays if has(f"layer{n}.{name}"))
    try:
        given: dict[str, Any] = {name: array(f"layer{n}.{name}") for name in held}
        return made(**given, **settings)
    except ValueError as error:
        raise ValueError(f"layer {n}: {error}") from None


def _model(arrays: dict[str, NDArray[Any]]) -> Model:
    def array(name: str) -> NDArray[Any]:
        if name not in arrays:
            raise ValueError(f"array {name} is missing")
        return arrays[name]

    header = _header(array("header"))
    return Model(
        normalize=Normalize(array("normalize.mean"), array("normalize.std")),
        layers=tuple(_layer(n, entry, array, arrays.__contains__) for n, entry in enumerate(header.layers)),
        activation=header.activation,
        answer=Answer(header.answer.pooling, header.answer.window, header.answer.hop),
        task=read_task(header.task, "header: task"),
        thresholds=header.thresholds,
        events=header.events,
        anew=header.anew,
        labels=header.labels,
        label_units=header.label_units,
        feature_names=header.feature_names,
        feature_units=header.feature_units,
        sample_rate=header.sample_rate,
        feature_range=header.feature_range,
        name=header.name,
        licence=header.licence,
        provenance=header.provenance,
        ranges=None if header.ranges is None else Ranges(header.ranges, header.factors, header.kept, header.int16),
        covariances={
            name: Covariance(frames, array(f"mean.{name}"), array(f"covariance.{name}"))
            for name, frames in header.covariances.items()
        },
        examples=tuple(array(f"example{n}") for n in range(header.examples)),
        unseen=tuple(array(f"unseen{n}") for n in range(header.unseen)),
        unseen_truth=array("unseen_truth") if "unseen_truth" in arrays else None,
    )
