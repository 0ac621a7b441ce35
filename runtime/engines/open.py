"""The one place that opens a model for whatever engine it was exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgelstm.files import kind_at

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineModel


def _elstm(path: Path, samples: bool) -> EngineModel:
    from edgelstm.runtime.engines.elstm import Model

    return Model(path, samples=samples)


def _onnx(path: Path, _samples: bool) -> EngineModel:
    from edgelstm.runtime.engines.onnx import OnnxModel

    return OnnxModel(path)


def _tflite(path: Path, _samples: bool) -> EngineModel:
    from edgelstm.runtime.engines.tflite import TfliteModel

    return TfliteModel(path)


ENGINES: Mapping[str, Callable[[Path, bool], EngineModel]] = {".elstm": _elstm, ".onnx": _onnx, ".tflite": _tflite}
"""Suffix of a file → what opens it, and hears of samples; the engine is imported only then."""

SUFFIXES = tuple(ENGINES)

_OTHERS = {
    ".npz": "a model of this suffix is there to be exported: edgelstm export FILE --format elstm makes one that runs",
    ".c": "C source is compiled into a program; of the same model, --format elstm makes a file that runs here",
    ".h": "it goes with the C source that edgelstm export wrote",
    ".json": "it tells of a model; expected the model's own file beside it",
    **dict.fromkeys((".csv", ".wav", ".ts"), "recordings are no model: edgelstm data inspect looks at them"),
}
"""Suffixes of files that people take for models that run, and what to do with those."""


def open_model(path: str | Path, *, bare: bool = False, samples: bool = False) -> EngineModel:
    """The model in `path`, chosen by its suffix.

    bare: graphs without our metadata too, written by others: `runtime.engines.bare` says what is made of them.
    samples: frames are samples of a sound in a row, whatever layer takes them: streams of .elstm files keep those
    that fill no frame yet, others cannot.

    FileNotFoundError when it is not there, ImportError that says what to install when the engine is missing,
    ValueError in one line when the file is not a model of ours.
    """
    path = Path(path)
    if not path.is_file():
        if path.is_dir():
            raise IsADirectoryError(f"{path}: is a folder, expected a model file")
        raise (ValueError if path.exists() else FileNotFoundError)(
            f"{path}: {kind_at(path) or 'no such file'}, expected a model file"
        )
    suffix = path.suffix.lower()
    if suffix not in ENGINES:
        remedy = f"; {_OTHERS[suffix]}" if suffix in _OTHERS else ""
        raise ValueError(f"{path}: suffix {suffix or 'missing'}, expected one of {', '.join(SUFFIXES)}{remedy}")
    try:
        return ENGINES[suffix](path, samples)
    except ValueError as error:
        if not bare:
            raise
        from edgelstm.runtime.engines.bare import NoMetadataError  # who profiles an .elstm file does not need it

        if not isinstance(error, NoMetadataError):
            raise
        return error.bare()
