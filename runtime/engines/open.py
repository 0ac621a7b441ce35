"""The one place that opens a model for whatever engine it was exported, as streams with the same methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgelstm.runtime.engines.elstm import Model
    from edgelstm.runtime.engines.engine import EngineModel

SUFFIXES = (".elstm", ".onnx", ".tflite")


def open_model(path: str | Path) -> Model | EngineModel:
    """The model in `path`, chosen by its suffix; the engine is imported only now.

    FileNotFoundError when it is not there, ImportError that says what to install when the engine is missing,
    ValueError in one line when the file is not a model of ours.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: suffix {suffix or 'missing'}, expected one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        problem = IsADirectoryError if path.is_dir() else FileNotFoundError
        raise problem(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}, expected a model file")
    if suffix == ".onnx":
        from edgelstm.runtime.engines.onnx import OnnxModel

        return OnnxModel(path)
    if suffix == ".tflite":
        from edgelstm.runtime.engines.tflite import TfliteModel

        return TfliteModel(path)
    from edgelstm.runtime.engines.elstm import Model

    return Model(path)
