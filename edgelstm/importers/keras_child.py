"""The child that reads Keras's files: HDF5, alone or in a zip, told as plain data.

    python -m edgelstm.importers.keras_child FILE TARGET

What reaches for other files (external links, external and virtual data sets) is refused before anything is read.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.child import limit, refuse, tell

MOST_VALUES = 1 << 28
MOST_BYTES = 1 << 30
_MOST_SETS, _MOST_NESTED = 5000, 24
_LAYERS = "_layer_checkpoint_dependencies"
"""Where tf.keras 2.12 and 2.13 put the layers of what they wrote by the rules of Keras 3."""
_SHORT = re.compile(r"Unable to (synchronously )?|Can't |[()]")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _sets(group: Any, place: str, depth: int) -> dict[str, Any]:
    """Every data set by its path. ValueError for what is a link to elsewhere."""
    import h5py

    found: dict[str, Any] = {}
    if depth > _MOST_NESTED:
        raise ValueError(f"groups more than {_MOST_NESTED} deep")
    for name in group:
        path = f"{place}{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path}: a link to elsewhere, expected the weights themselves")
        one = group[name]
        if isinstance(one, h5py.Group):
            found |= _sets(one, f"{path}/", depth + 1)
        elif one.external or one.is_virtual:
            raise ValueError(f"{path}: its values are in another file, expected them inside")
        elif one.dtype.kind in "fiu":
            found[path] = one
        if len(found) > _MOST_SETS:
            raise ValueError(f"more than {_MOST_SETS} arrays, expected a model's weights")
    return found


def _read(file: Any, config: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    sets = _sets(file, "", 0)
    if sum(int(np.prod(one.shape, dtype=object)) for one in sets.values()) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values, expected at most so many")
    top = file.get("model_weights", file)
    layers = {}
    for raw in top.attrs.get("layer_names", ()):
        name = _text(raw)
        if name in top:
            layers[name] = [_text(path) for path in top[name].attrs.get("weight_names", ())]
    version = top.attrs.get("keras_version", file.attrs.get("keras_version", ""))
    paths = list(sets)
    if not version and any(_LAYERS in path for path in paths):
        version = "2"
    header = {
        "config": config or _text(file.attrs.get("model_config", "")),
        "version": _text(version),
        "paths": [path.replace(_LAYERS, "layers") for path in paths],
        "titles": _titles(file, paths),
        "prefix": "model_weights/" if "model_weights" in file else "",
        "layers": layers,
        "order": list(layers),
    }
    return header, {f"c{place}": np.array(sets[path]) for place, path in enumerate(paths)}


def _titles(file: Any, paths: Iterable[str]) -> dict[str, str]:
    """Names that layers have in their program, by their place, where a file of Keras 3 says them."""
    found = {}
    for owner in {path.rpartition("/vars/")[0].removesuffix("/cell").removesuffix("/layer") for path in paths}:
        group = file.get(f"{owner}/vars") if owner else None
        title = "" if group is None else _text(group.attrs.get("name", ""))
        if title:
            found[owner.replace(_LAYERS, "layers")] = title[:200]
    return found


def main(path: str, target: str) -> None:
    """ValueError, one line, for what is no such file; else `target` is written."""
    try:
        _told(path, target)
    except (OSError, RuntimeError, TypeError, LookupError, EOFError) as error:  # HDF5's words are many
        raise ValueError(f"damaged, or no file of Keras ({_SHORT.sub('', _text(error)).strip():.80})") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ValueError(f"a damaged zip ({_text(error):.80})") from None


def _told(path: str, target: str) -> None:
    import h5py

    if not zipfile.is_zipfile(path):
        with h5py.File(path, "r") as file:
            tell(target, *_read(file, ""))
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.getinfo(name) for name in ("config.json", "model.weights.h5")}  # KeyError names it
        if sum(info.file_size for info in members.values()) > min(MOST_BYTES, 200 * Path(path).stat().st_size):
            raise ValueError("it unpacks to far more than its size, expected what Keras writes")
        config = archive.read("config.json").decode("utf-8", "replace")
        with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
            tell(target, *_read(file, config))


if __name__ == "__main__":
    limit()
    try:
        main(sys.argv[1], sys.argv[2])
    except Exception as error:  # whatever the parsers raise
        refuse(error)
