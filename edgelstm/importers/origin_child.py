"""The child that runs a file in its own engine for a proof.

python -m edgelstm.importers.origin_child GIVEN TARGET
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgelstm.importers.child import limit, refuse, taken, tell
from edgelstm.importers.origin import SECONDS, Origin
from edgelstm.runtime.frame import Float32


def _onnx(path: Path, settings: Mapping[str, Any]) -> Origin:
    from edgelstm.importers.onnx_origin import open_onnx

    return open_onnx(path, settings)


def _tflite(path: Path, settings: Mapping[str, Any]) -> Origin:
    from edgelstm.importers.tflite_origin import open_tflite

    return open_tflite(path, settings)


OPENERS: Mapping[str, Callable[[Path, Mapping[str, Any]], Origin]] = {"onnx": _onnx, "tflite": _tflite}
"""By `Opening.engine`."""


def _calls(origin: Origin, x: Float32, is_anew: bool) -> Float32:
    """A call takes `origin.frames`; what is left over is not taken."""
    found = []
    for start in range(0, len(x) - origin.frames + 1, origin.frames):
        if is_anew:
            origin.reset()
        found.append(origin.run(np.ascontiguousarray(x[start : start + origin.frames])))
    return np.concatenate(found) if found else np.empty((0, 1), np.float32)


def _main(source: str, target: str) -> None:
    asked, given = taken(source)
    origin = OPENERS[asked["engine"]](Path(asked["path"]), asked["settings"])
    origin.reset()
    recordings = [given[f"x{place}"] for place in range(len(given))]
    found = {f"y{place}": _calls(origin, x, asked["is_anew"]) for place, x in enumerate(recordings)}
    origin.reset()
    found["again"] = _calls(origin, recordings[0][: asked["calls_again"] * origin.frames], asked["is_anew"])
    tell(target, {"engine": origin.engine, "frames": origin.frames}, found)


if __name__ == "__main__":
    limit(SECONDS)
    try:
        _main(sys.argv[1], sys.argv[2])
    except Exception as error:  # whatever the engines raise
        refuse(error)
