"""`edgelstm inspect`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.show import model as show

if TYPE_CHECKING:
    from edgelstm.runtime.layer import Layer, Part


@click.command("inspect", epilog="Example: edgelstm inspect model-int8.elstm")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known as JSON.")
def command(file: Path, as_json: bool) -> None:
    """What is in FILE (.npz, .elstm, .onnx, .tflite or .c): layers, sizes, memory per stream, operations per frame.

    \b
      work     multiply-accumulates of a frame, on average over frames; and for
               pooled scores, additions at most
      latency  frames that pass, at most, until layers run that do not run at
               every one; how far back a layer looks is no latency
      state    what a stream keeps from frame to frame, part by part
      agrees   with the model it was made from, as FILE.proof.json beside it says
    """
    from edgelstm.devices.profiling.proven import agreement_of
    from edgelstm.records import to_json

    facts = _FACTS.get(file.suffix, _facts_of_export)(file)
    facts = {"file": str(file), "bytes": file.stat().st_size, **facts}
    if file.suffix != ".npz":
        facts["agrees"] = to_json(agreement_of(file))
    click.echo(json.dumps(facts, allow_nan=False) if as_json else show.model(facts))


def _facts_of_model(path: Path) -> dict[str, Any]:
    from edgelstm.export.metadata import metadata
    from edgelstm.model_file import load_model
    from edgelstm.runtime.layer import Part
    from edgelstm.runtime.layers import frame_macs, parts_of_streams, read_layers
    from edgelstm.runtime.pooling import additions

    model = load_model(path)
    answer = model.run_answer
    said = metadata(model)
    layers = read_layers(said, model.features, model.outputs)
    parts = [Part(name, layer, "float32", shape) for name, (layer, shape) in parts_of_streams(layers).items()]
    return {
        **said,
        **_counted(layers, parts, frame_macs(layers)),
        "frame_additions": additions(answer.pooling, answer.window, answer.hop, model.outputs)[0],
        "weights": model.weights,
        "calibrated": model.ranges is not None,
        **({"kept_float32": list(model.ranges.kept)} if model.ranges and model.ranges.kept else {}),
        **({"int16": list(model.ranges.int16)} if model.ranges and model.ranges.int16 else {}),
        "examples": len(model.examples),
    }


def _facts_of_export(path: Path) -> dict[str, Any]:
    from edgelstm.runtime.engines.open import open_model
    from edgelstm.runtime.states import FILE_FIELDS

    model = open_model(path)
    is_graph = bool(model.states) or model.io is not None  # else nobody has checked what it says of states
    return {
        **{name: value for name, value in model.metadata.items() if is_graph or name not in FILE_FIELDS},
        **_counted(model.layers, model.parts, model.frame_macs),
        "frame_additions": model.description.additions(model.description.answering)[0],
        "precision": model.precision,
        "features": model.features,
        "outputs": model.outputs,
        "labels": list(model.labels),
        "feature_names": list(model.feature_names),
        "sample_rate": model.sample_rate,
        "stride": model.stride,
        "activation": model.activation,
        "answer": {"pooling": model.pooling, "window": model.window, "hop": model.hop},
        "identity": model.identity,
        "engine": model.engine,
        "kernel": model.kernel,
        "stream_bytes": model.stream_bytes,
        "snapshot_bytes": model.snapshot_bytes,
    }


def _facts_of_source(path: Path) -> dict[str, Any]:
    """Of the `.elstm` file that C source holds."""
    from tempfile import TemporaryDirectory

    from edgelstm.export.c_source import decode

    with TemporaryDirectory() as folder:
        held = Path(folder) / "model.elstm"
        held.write_bytes(decode(path))
        try:
            return _facts_of_export(held)
        except ValueError as error:
            raise ValueError(str(error).replace(str(held), str(path))) from None


_FACTS = {".npz": _facts_of_model, ".c": _facts_of_source}


def _counted(layers: Iterable[Layer], parts: Iterable[Part], frame_macs: int) -> dict[str, Any]:
    """What follows from the layers, in whichever file they are."""
    listed = [{**layer.to_json(), "macs": layer.macs} for layer in layers]
    return {
        "layers": listed,
        "frame_macs": frame_macs,
        # A frame waits for the next run of the last layer: with a stride s for s - 1 frames at most.
        "latency_frames": max((layer["stride"] for layer in listed), default=1) - 1,
        "parts": [
            {"name": part.name, "layer": part.layer, "type": part.dtype, "shape": part.shape, "bytes": part.bytes}
            for part in parts
        ],
    }
