"""The one table of formats that are read, and who takes a file: by what it begins with, not by its name."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgelstm.files import kind_at, read_bounded
from edgelstm.forward import forward
from edgelstm.importers import safetensors_file
from edgelstm.importers.choices import Choices
from edgelstm.importers.imported import Imported
from edgelstm.model import Model
from edgelstm.plain import file_name

MAX_BYTES = 1 << 30
_HEAD = 64
_FEW_FRAMES, _MOST_FRAMES = 64, 4096
_OURS = {".npz": "it is a model of EdgeLSTM or recordings", ".elstm": "it is a model that EdgeLSTM exported"}


@dataclass(frozen=True)
class Format:
    """takes: whether a file of this name and beginning is one."""

    name: str
    summary: str
    takes: Callable[[Path, bytes], bool]
    read: Callable[[Path, Choices], Imported]


def _zip_with(member: str) -> Callable[[Path, bytes], bool]:
    def takes(path: Path, head: bytes) -> bool:
        if not head.startswith(b"PK"):
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(member) for name in archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
            return False

    return takes


def _torch_zip(path: Path, choices: Choices) -> Imported:
    from edgelstm.importers.weights_files import read_torch

    return read_torch(path, choices)


def _safetensors(path: Path, choices: Choices) -> Imported:
    from edgelstm.importers.weights_files import read_safetensors

    return read_safetensors(path, choices)


def _json(path: Path, choices: Choices) -> Imported:
    from edgelstm.importers.json_files import read

    return read(path, choices)


def _onnx(path: Path, choices: Choices) -> Imported:
    from edgelstm.importers.onnx_file import read

    return read(path, choices)


def _tflite(path: Path, choices: Choices) -> Imported:
    from edgelstm.importers.tflite_file import read

    return read(path, choices)


def _keras(path: Path, choices: Choices) -> Imported:
    from edgelstm.importers.keras_file import read

    return read(path, choices)


FORMATS = (
    Format("pytorch", "PyTorch's state_dict or TorchScript (.pt, .pth)", _zip_with("data.pkl"), _torch_zip),
    Format(
        "pytorch-stream",
        "PyTorch's older form",
        lambda _, head: head[:1] == b"\x80" and b"\x8a\x0a" in head,
        _torch_zip,
    ),
    Format("safetensors", "safetensors", lambda _, head: safetensors_file.looks_like(head), _safetensors),
    Format("json", "JSON of RTNeural or of a capture (.nam)", lambda _, head: head.lstrip()[:1] == b"{", _json),
    Format("keras", "Keras's .keras", _zip_with("model.weights.h5"), _keras),
    Format("keras-h5", "Keras's .h5", lambda _, head: head.startswith(b"\x89HDF\r\n"), _keras),
    Format(
        "tflite", "TFLite (.tflite)", lambda path, head: head[4:8] == b"TFL3" or path.suffix == ".tflite", _tflite
    ),
    Format("onnx", "ONNX (.onnx)", lambda path, _: path.suffix.lower() == ".onnx", _onnx),
)
"""Asked in this order; the first that takes a file reads it."""


def read_model(path: Path | str, choices: Choices) -> Imported:
    """The model in `path`, whatever wrote it; it knows where it comes from.

    FileNotFoundError without the file; UndecidedError, which begins with an option, for what the file does not say;
    ValueError, one line that names file and field, for what is no model or holds what none of ours can.
    """
    path = Path(path)
    found = find_format(path)
    try:
        with np.errstate(all="ignore"):  # infinite weights are refused, in words
            imported = found.read(path, choices)
    except ValueError as error:
        line = str(error)
        raise type(error)(line if line.startswith("--") or str(path) in line else f"{path}: {line}") from None
    source = {"format": imported.format, "file": file_name(path), "sha256": _sha256(path)}
    provenance = {**imported.model.provenance, "imported": source}
    model = replace(imported.model, provenance=provenance)
    if not _is_finite(model):
        raise ValueError(
            f"{path}: its weights are so large that float32 overflows, expected those of a trained model"
        )
    return replace(imported, model=model, notes=imported.notes + _of_windows(model))


def _of_windows(model: Model) -> tuple[str, ...]:
    """What is to know before a model of windows runs as a stream."""
    if not model.anew:
        return ()
    return (
        f"windows of {model.anew} frames, each from a fresh state, in a stream too: one answer at the end of each",
    )


def _is_finite(model: Model) -> bool:
    """Whether float32 holds what layers give for a few frames of noise of the size that its normalization expects."""
    frames = min(max(_FEW_FRAMES, model.stride), _MOST_FRAMES)
    noise = np.random.default_rng(0).normal(size=(frames, model.features))
    with np.errstate(all="ignore"):
        x = (noise * model.normalize.std + model.normalize.mean).astype(np.float32)
        results = forward(model, x).results.values()  # float64
        return all(bool(np.isfinite(values.astype(np.float32)).all()) for values in results)


def find_format(path: Path) -> Format:
    """How the model in `path` lies there. FileNotFoundError without it, ValueError where no format takes it."""
    if not path.is_file():
        if path.is_dir():
            raise IsADirectoryError(f"{path}: is a folder, expected a model file")
        raise (ValueError if path.exists() else FileNotFoundError)(
            f"{path}: {kind_at(path) or 'no such file'}, expected a model file"
        )
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise ValueError(f"{path}: is empty, expected a model file")
    for one in FORMATS:
        if one.takes(path, head):
            return one
    if head.startswith(b"PK") and not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: begins as a zip and has no end: cut off, expected a whole .pt or .keras")
    if path.suffix in _OURS:
        raise ValueError(f"{path}: {_OURS[path.suffix]}: there is nothing to import")
    wanted = ", ".join(one.summary for one in FORMATS)
    raise ValueError(f"{path}: none of the formats read: {wanted}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(read_bounded(path, MAX_BYTES)).hexdigest()
