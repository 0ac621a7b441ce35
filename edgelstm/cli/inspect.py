"""`edgelstm inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edgelstm.cli.show import style
from edgelstm.cli.show.text import named


@click.command("inspect", epilog="Example: edgelstm inspect model-int8.elstm")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known as JSON.")
def command(file: Path, as_json: bool) -> None:
    """What is in FILE (.npz, .elstm, .onnx or .tflite): layers, sizes, memory per stream, operations per frame."""
    from edgelstm.devices.units import show_size

    facts = _facts_of_model(file) if file.suffix == ".npz" else _facts_of_export(file)
    facts = {"file": str(file), "bytes": file.stat().st_size, **facts}
    if as_json:
        click.echo(json.dumps(facts, allow_nan=False))
        return
    click.echo(f"{style.heading(str(file))}  {show_size(facts['bytes'])}, {facts['precision']}")
    click.echo(named(_lines(facts), "  ", 12))


def _facts_of_model(path: Path) -> dict[str, Any]:
    from edgelstm.export.metadata import metadata
    from edgelstm.model_file import load_model

    model = load_model(path)
    return {
        "precision": "float32",
        "weights": model.weights,
        "frame_macs": sum(m.W.size + m.R.size for m in model.lstms) + sum(d.W.size for d in model.head),
        "calibrated": model.ranges is not None,
        "examples": len(model.examples),
        **metadata(model),
    }


def _facts_of_export(path: Path) -> dict[str, Any]:
    from edgelstm.runtime import Model
    from edgelstm.runtime.engines.open import open_model

    model = open_model(path)
    facts: dict[str, Any] = {**model.metadata, "precision": model.precision, "engine": model.engine}
    if isinstance(model, Model):
        facts |= {
            "identity": model.identity,
            "frame_macs": model.frame_macs,
            "stream_bytes": model.stream_bytes,
            "snapshot_bytes": model.snapshot_bytes,
            "kernel": model.kernel,
        }
    return facts


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, text) for people; what is not known is left out."""
    features, outputs = facts.get("features"), facts.get("outputs")
    names = facts.get("feature_names") or []
    rate = facts.get("sample_rate")
    lines = [
        ("input", f"{features} features" + (f": {', '.join(names)}" if names else "")),
        ("rate", f"{rate:g} frames per second" if rate else "not known"),
    ]
    units, head = facts.get("lstm_units") or [], facts.get("head") or []
    road = [f"LSTM {n}" for n in units]
    road += [f"dense {layer['outputs']}" + (" relu" if layer["activation"] == "relu" else "") for layer in head]
    lines.append(("layers", " → ".join([*road, str(facts.get("activation"))])))
    answer = facts.get("answer") or {}
    lines.append(("answer", answer_text(answer)))
    labels = facts.get("labels") or []
    lines.append(("output", f"{outputs} values" + (f": {', '.join(labels)}" if labels else "")))
    lines.append(("licence", str(facts.get("licence") or "not said")))
    if facts.get("scales"):
        lines.append(("scales", str(facts["scales"])))
    if "weights" in facts:
        lines.append(("weights", f"{facts['weights']:,}"))
    if "frame_macs" in facts:
        lines.append(("work", f"{facts['frame_macs']:,} multiply-accumulates per frame"))
    if "calibrated" in facts:
        lines.append(("int8", "calibrated" if facts["calibrated"] else "not calibrated: int8 export needs --data"))
    if "stream_bytes" in facts:
        state = _state_text(facts)
        lines.append(("memory", f"{facts['stream_bytes']:,} bytes per stream, allocated once; saved state {state}"))
    if facts.get("io"):
        lines.append(("io", "int8: " + ", ".join(f"{name} {_affine(value)}" for name, value in facts["io"].items())))
    for state in facts.get("states") or []:
        parts = [f"{state['type']} {'×'.join(map(str, state['shape']))}", f"starts with {state['initial']:g}"]
        parts += [] if state["type"] == "float32" else [_affine(state)]
        parts.append(f"next from {state['output']}" if state["output"] else "kept by the engine")
        lines.append((f"state {state['name']}", ", ".join(parts)))
    if "engine" in facts:
        lines.append(("engine", facts["engine"] + (f", kernel {facts['kernel']}" if "kernel" in facts else "")))
    provenance = facts.get("provenance")
    if isinstance(provenance, dict) and provenance.get("data"):
        lines.append(("trained on", f"{provenance['data']}"))
    return lines


def _affine(values: dict[str, Any]) -> str:
    return f"scale {values['scale']:.6g}, zero point {values['zero_point']}"


def _state_text(facts: dict[str, Any]) -> str:
    per_unit = 3 if facts["precision"] == "int8" else 8
    units = sum(facts.get("lstm_units") or [])
    recurrent = per_unit * units
    sums = facts["snapshot_bytes"] - 64 - recurrent
    parts = f"64 + {per_unit}·{units}" + (f" + {sums} for the mean" if sums else "")
    return f"{facts['snapshot_bytes']:,} bytes ({parts})"


def answer_text(answer: dict[str, Any]) -> str:
    """How an answer is made, in words."""
    pooling, window, hop = answer.get("pooling"), answer.get("window"), answer.get("hop")
    if pooling == "mean":
        what = f"mean of the last {window} frames' scores" if window else "mean of all frames' scores"
    else:
        what = "the newest frame's scores"
    when = "only when asked" if not hop else "every frame" if hop == 1 else f"every {hop} frames"
    return f"{what}, {when}"
