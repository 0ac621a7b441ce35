"""The NPZ file that holds a data set.

| array                            | what                                                               |
|----------------------------------|--------------------------------------------------------------------|
| `X`                              | (sequences, frames, features), or (all frames, features) with `lengths` |
| `lengths`                        | (sequences,) frames of each, adding up to the rows of `X`          |
| `y`                              | (sequences,) index into `labels`; without `labels`, numbers or names |
| `labels`                         | (classes,) text, optional                                          |
| `group` or `subject`             | (sequences,) whole numbers or text, optional: splits keep a group together |
| `feature_names`, `feature_units` | (features,) text, optional                                         |
| `sample_rate`                    | frames per second, optional                                        |
| `test`                           | (sequences,) true where the data's own split tests, optional       |
| `name`, `source`                 | text, optional                                                     |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.npz import MAX_BYTES, read_npz, write_npz
from edgelstm.plain import is_unicode, printable

_REQUIRED = ("X", "y")
_TEXTS = ("labels", "feature_names", "feature_units", "name", "source")
_KNOWN = frozenset((*_REQUIRED, *_TEXTS, "lengths", "group", "subject", "sample_rate", "test"))
Arrays = dict[str, NDArray[Any]]


def _sequences(arrays: Arrays) -> tuple[NDArray[np.float32], ...]:
    X = arrays["X"]
    if X.dtype.kind not in "fiu":
        raise ValueError(f"X: dtype {X.dtype}, expected real numbers")
    with np.errstate(over="ignore"):  # becomes infinity, which Dataset refuses
        X = X.astype(np.float32)
    if "lengths" not in arrays:
        if X.ndim != 3:
            raise ValueError(f"X: shape {X.shape}, expected (sequences, frames, features), or lengths beside it")
        return tuple(X)
    lengths = arrays["lengths"]
    if X.ndim != 2:
        raise ValueError(f"X: shape {X.shape}, expected (all frames, features) because lengths is there")
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not lengths.size or lengths.min() < 1:
        raise ValueError(f"lengths: {lengths.dtype} {lengths.shape}, expected whole numbers, 1 or larger")
    if lengths.max() > len(X) or sum(lengths.tolist()) != len(X):
        raise ValueError(f"lengths: they add up to {sum(lengths.tolist())}, expected the {len(X)} rows of X")
    return tuple(np.split(X, np.cumsum(lengths.astype(np.int64))[:-1]))


def _texts(arrays: Arrays, name: str) -> tuple[str, ...]:
    if name not in arrays:
        return ()
    array = arrays[name]
    if array.ndim != 1 or array.dtype.kind != "U":
        raise ValueError(f"{name}: {array.dtype} {array.shape}, expected a list of text")
    return tuple(_unicode(text, f"{name}[{place}]") for place, text in enumerate(_listed(array, name)))


def _listed(array: NDArray[Any], name: str) -> list[Any]:
    try:
        found: list[Any] = array.tolist()
    except ValueError:  # numbers that are no letters of Unicode
        raise ValueError(f"{name}: holds what is no Unicode, expected text") from None
    return found


def _unicode(text: str, where: str) -> str:
    if not is_unicode(text):
        raise ValueError(f"{where}: {text[:40]!r}, expected text without halves of surrogate pairs")
    return text


def _text(arrays: Arrays, name: str, default: str) -> str:
    array = arrays.get(name, np.array(default))
    if array.ndim or array.dtype.kind != "U":
        raise ValueError(f"{name}: {array.dtype} {array.shape}, expected one text")
    (text,) = _listed(array.reshape(1), name)
    return _unicode(text, name)


def _classes(arrays: Arrays) -> tuple[NDArray[Any], tuple[str, ...]]:
    y, labels = arrays["y"], _texts(arrays, "labels")
    if labels:
        return y, labels
    if y.ndim != 1 or y.dtype.kind not in "iuU":
        raise ValueError(f"y: {y.dtype} {y.shape}, expected a list of whole numbers or text")
    found, places = np.unique(y, return_inverse=True)
    return places, tuple(_unicode(str(label), "y") for label in _listed(found, "y"))


def _groups(arrays: Arrays, count: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """(group of each sequence, names of the groups where they are text)."""
    if "group" in arrays and "subject" in arrays:
        raise ValueError("group: subject is there too, expected one of them")
    groups = arrays.get("group", arrays.get("subject", np.arange(count)))
    if groups.dtype.kind != "U":
        return groups, ()
    names, places = np.unique(groups, return_inverse=True)
    return places, tuple(_unicode(name, "group") for name in _listed(names, "group"))


def _dataset(arrays: Arrays, default_name: str) -> Dataset:
    if "header" in arrays and "X" not in arrays:
        raise ValueError("a model, not a data set: expected arrays X and y")
    for name in _REQUIRED:
        if name not in arrays:
            found = printable(", ".join(sorted(arrays)), 80) or "nothing"
            raise ValueError(f"{name}: missing, found {found}")
    unknown = sorted(set(arrays) - _KNOWN)
    if unknown:
        raise ValueError(f"{printable(unknown[0], 40)}: unknown, expected only {', '.join(sorted(_KNOWN))}")
    sequences = _sequences(arrays)
    y, labels = _classes(arrays)
    groups, group_names = _groups(arrays, len(sequences))
    rate = arrays.get("sample_rate", np.array(0.0))
    if rate.ndim or rate.dtype.kind not in "fiu":
        raise ValueError(f"sample_rate: {rate.dtype} {rate.shape}, expected one number")
    return Dataset(
        sequences=sequences,
        y=y,
        labels=labels,
        groups=groups,
        group_names=group_names,
        feature_names=_texts(arrays, "feature_names"),
        feature_units=_texts(arrays, "feature_units"),
        sample_rate=float(rate),
        name=_text(arrays, "name", default_name),
        source=_text(arrays, "source", ""),
        test=arrays.get("test"),
    )


def load_dataset(path: Path | str, max_bytes: int = MAX_BYTES) -> Dataset:
    """Read and check a data set. `max_bytes` bounds what the file may unpack to.

    Raises FileNotFoundError or OSError without the file, ValueError (one line: file, field, what was found,
    what would be right) for anything that is no data set.
    """
    path = Path(path)
    arrays = read_npz(path, max_bytes)
    try:
        return _dataset(arrays, path.stem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_dataset(dataset: Dataset, path: Path | str) -> None:
    """Write `dataset` so that `load_dataset` gives it back. The same data set gives the same bytes."""
    arrays: Arrays = {
        "X": np.concatenate(dataset.sequences),
        "lengths": np.array([len(x) for x in dataset.sequences], dtype=np.int64),
        "y": dataset.y,
        "labels": np.array(dataset.labels, dtype=np.str_),
        "group": np.array(dataset.group_names)[dataset.groups] if dataset.group_names else dataset.groups,
        "sample_rate": np.array(dataset.sample_rate, dtype=np.float64),
        "name": np.array(dataset.name, dtype=np.str_),
        "source": np.array(dataset.source, dtype=np.str_),
    }
    for name in ("feature_names", "feature_units"):
        if getattr(dataset, name):
            arrays[name] = np.array(getattr(dataset, name), dtype=np.str_)
    if dataset.test is not None:
        arrays["test"] = dataset.test
    write_npz(path, arrays)
