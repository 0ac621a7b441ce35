"""TFLite files: the fused LSTM operator, cells written out, loops over frames, variables; float32, and int8 as the
numbers that its integers stand for."""

from __future__ import annotations

from pathlib import Path

from edgelstm.files import read_bounded
from edgelstm.importers.choices import Choices, Timing, leave_out, timing
from edgelstm.importers.imported import Imported, Quantized
from edgelstm.importers.origin import Opening
from edgelstm.importers.road import build
from edgelstm.importers.tflite_ports import Read, understood
from edgelstm.importers.tflite_tables import File, parse
from edgelstm.records import to_json

MAX_BYTES = 1 << 30


def read(path: Path, choices: Choices) -> Imported:
    """ValueError, one line without the path, for a file that is damaged or no model of ours."""
    leave_out(choices, "TFLite", "layers", "gates", "states")
    file = parse(read_bounded(path, MAX_BYTES))
    if file.signatures > 1:
        raise ValueError(
            f"{file.signatures} signatures, expected one model: convert the function that is wanted alone"
        )
    found = understood(file, choices.part)
    timed = timing(choices, Timing(file.anew) if file.anew and not found.tape.mean else _said(found))
    _check_window(found, timed)
    model = build(found.matched.steps, found.features, timed, choices, path.stem)
    unproven = _unproven(found, timed)
    settings = {**to_json(found.ports), "window": timed.window, "resources": bool(_resources(file))}
    opening = None if unproven else Opening("tflite", path, settings)
    weights, values = _integers(file)
    quantized: Quantized = "values" if values else "weights" if weights else ""
    return Imported(model, "TFLite", _notes(found, quantized), opening, unproven, quantized=quantized)


def _is_fresh(found: Read) -> bool:
    """Whether the file itself begins anew with every call."""
    return bool(found.tape.begun) or found.matched.fresh


def _said(found: Read) -> Timing | None:
    """What the file says of when it begins anew. Variables of the fused operator say nothing where a call takes many
    frames: whether the program resets them is not in the file."""
    ports, many = found.ports, found.ports.rows > 1
    if found.tape.mean:
        return Timing(0 if ports.free else ports.rows, mean=True)
    if _is_fresh(found):
        return Timing(ports.rows) if many and not ports.free else None
    variables = any(place for place in found.tape.kept.values()) and not ports.states
    return None if variables and (many or ports.free) else Timing()


def _check_window(found: Read, timed: Timing) -> None:
    ports = found.ports
    if (
        timed.window
        and not ports.free
        and (timed.window % ports.rows or (_is_fresh(found) and timed.window != ports.rows))
    ):
        raise ValueError(f"--window: {timed.window}, expected {ports.rows}: so many frames the file takes in a call")


def _unproven(found: Read, timed: Timing) -> str:
    if _is_fresh(found) and not timed.window:
        return "a stream was asked for, and the file's own answers are of windows"
    return ""


def _notes(found: Read, quantized: Quantized) -> tuple[str, ...]:
    notes = list(dict.fromkeys(found.tape.notes))
    if quantized:
        what = "weights" if quantized == "weights" else "weights and activations"
        notes.append(f"int8 {what}: read as the numbers that the integers stand for, so the model is float32")
    if found.tape.kept:
        notes.append(f"states in variables: {len(found.tape.kept)}")
    return tuple(notes)


def _integers(file: File) -> tuple[bool, bool]:
    """Whether there are weights of integers, and values."""
    held = [tensor for part in file.subgraphs for tensor in part.tensors if tensor.is_quantized]
    return any(len(one.data) for one in held), any(not len(one.data) and one.size > 0 for one in held)


def _resources(file: File) -> bool:
    return any(one.called == "VAR_HANDLE" for part in file.subgraphs for one in part.operators)
