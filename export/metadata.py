"""What every exported file says about itself: one JSON object, the same in every format.

It is stored under the one key `edgelstm`. The runtime needs nothing of it to compute; people, `inspect` and
the wrappers in `edgelstm.runtime.engines.open` read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgelstm.model import Model
from edgelstm.quantization.affine import Affine
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.records import to_json
from edgelstm.road import Placed
from edgelstm.runtime.description import Precision

KEY = "edgelstm"
VERSION = 1


def four_bits_of(quantized: QuantizedModel) -> list[str]:
    """The layers whose weights have four bits."""
    return [at.name for at, layer in zip(quantized.model.road, quantized.layers) if layer.four_bits]


def metadata(model: Model | QuantizedModel, precision: Precision | None = None) -> dict[str, Any]:
    """The JSON object for `model`, by default in its own precision. Deterministic: no dates, no paths."""
    quantized = model if isinstance(model, QuantizedModel) else None
    source = model.model if isinstance(model, QuantizedModel) else model
    four_bits = four_bits_of(quantized) if quantized else []
    return {
        "version": VERSION,
        "name": source.name,
        "licence": source.licence,
        "precision": precision or (quantized.weights if quantized else "float32"),
        "scales": quantized.granularity if quantized else None,
        **({"input": "int16"} if quantized and quantized.input_type == "int16" else {}),
        **({"kept_float32": list(source.ranges.kept)} if quantized and source.ranges and source.ranges.kept else {}),
        **({"int16": list(source.ranges.int16)} if quantized and source.ranges and source.ranges.int16 else {}),
        **({"int4": four_bits} if four_bits else {}),
        "features": source.features,
        "outputs": source.outputs,
        "labels": list(source.labels),
        "feature_names": list(source.feature_names),
        "feature_units": list(source.feature_units),
        "sample_rate": source.sample_rate,
        "layers": layers_of(source),
        "stride": source.stride,
        "activation": source.activation,
        "task": source.task.to_json(),
        "answer": {"pooling": source.answer.pooling, "window": source.answer.window, "hop": source.answer.hop},
        "normalize": {"mean": source.normalize.mean.tolist(), "std": source.normalize.std.tolist()},
        "provenance": {name: value for name, value in source.provenance.items() if name != "seen"},  # no board asks
        **({"anew": source.anew} if source.anew else {}),
        **({"label_units": list(source.label_units)} if source.label_units else {}),
        **({"thresholds": list(source.thresholds)} if source.thresholds else {}),
        **({"events": {label: to_json(rule) for label, rule in source.events.items()}} if source.events else {}),
        **({"feature_range": [list(pair) for pair in source.feature_range]} if source.feature_range else {}),
    }


def layers_of(model: Model) -> list[dict[str, Any]]:
    """As `edgelstm.runtime.layers` reads them."""
    return [_entry(at) for at in model.road]


def _entry(at: Placed) -> dict[str, Any]:
    layer = at.layer
    return {
        "name": at.name,
        "kind": layer.kind,
        **({"of": layer.of} if layer.of else {}),
        **({"other": at.joins} if at.joins else {}),
        "rows": at.result.rows,
        "channels": at.result.channels,
        "stride": at.stride,
        **layer.description(at.source),
    }


def metadata_json(
    model: Model | QuantizedModel, precision: Precision | None = None, of_file: Mapping[str, Any] | None = None
) -> str:
    """`metadata(model, precision)` as compact text with sorted keys: the same model gives the same bytes.

    `of_file`: fields that belong to this one file, see `edgelstm.runtime.states`.
    """
    values = {**metadata(model, precision), **(of_file or {})}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def integer_io(quantized: QuantizedModel) -> dict[str, Any]:
    """For those who feed integers: `x = clip(rint((frame - mean) * factor + offset))`, and what they mean."""
    x, scores = quantized.input, quantized.last.output
    return {
        "x": {
            **_affine(x),
            "mean": quantized.input_mean.tolist(),
            "factor": quantized.input_scale.tolist(),
            "offset": quantized.input_offset.tolist(),
        },
        "scores": _affine(scores),
    }


def _affine(affine: Affine) -> dict[str, Any]:
    return {"type": "int8", "scale": float(affine.scale), "zero_point": affine.zero_point}
