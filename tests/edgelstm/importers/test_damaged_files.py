"""ONNX and HDF5 files with bytes changed, cut or swapped: a model, or one line. The children that read them are
forked from one program that has loaded the parsers, as each by itself would take a second."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counts import times
from edgelstm.importers import keras_file, onnx_file
from edgelstm.importers.child import HEADER
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from onnx_graphs import node, some, write

FORKING = """
import importlib, json, os, sys
module = importlib.import_module(sys.argv[1])
for name in sys.argv[2].split():
    importlib.import_module(name)
from edgelstm.importers.child import limit, refuse
for line in sys.stdin:
    arguments = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(arguments[-1] + ".said", os.O_WRONLY | os.O_CREAT), 2)
        code = 0
        try:
            limit()
            module.main(*arguments)
        except SystemExit:
            code = 1
        except Exception as error:
            try:
                refuse(error)
            except SystemExit:
                code = 1
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def damaged(content: bytes, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    data = bytearray(content)
    kind = seed % 4
    if kind == 0:
        return bytes(data[: int(rng.integers(len(data)))])
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(data)))
        if kind == 1:
            data[place] = int(rng.integers(256))
        elif kind == 2:
            data[place] ^= 1 << int(rng.integers(8))
        else:
            length, other = int(rng.integers(1, 24)), int(rng.integers(len(data)))
            data[place : place + length] = data[other : other + length]
    return bytes(data)


def children(
    folder: Path, module: str, packages: str, suffix: str, contents: list[bytes], given: Path | None
) -> list[tuple[Path, Path, int]]:
    """(file, what its child found, how that ended)"""
    made, lines = [], []
    for place, content in enumerate(contents):
        path = folder / f"m{place}{suffix}"
        path.write_bytes(content)
        made.append((path, folder / f"found{place}.npz"))
        lines.append(json.dumps([str(path), *([str(given)] if given else []), str(made[-1][1])]))
    done = subprocess.run(
        [sys.executable, "-P", "-c", FORKING, module, packages],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=1200,
    )
    return [(path, target, int(code)) for (path, target), code in zip(made, done.stdout.split(), strict=True)]


def took(
    monkeypatch: pytest.MonkeyPatch, reader: Any, ended: list[tuple[Path, Path, int]], read: Callable[[Path], object]
) -> int:
    """How many files are models; the others are one line."""
    lines: list[str] = []
    models = 0
    for path, target, code in ended:
        if code:
            said = Path(f"{target}.said").read_text().splitlines()
            assert code < 0 or said[-1].startswith("refused: "), (path, said)
            continue

        def found(*_: object, target: Path = target, **__: object) -> tuple[Any, Any]:
            with np.load(target) as held:
                arrays = dict(held)
            return json.loads(arrays.pop(HEADER).tobytes()), arrays

        monkeypatch.setattr(reader, "in_child", found)
        try:
            read(path)
            models += 1
        except ValueError as error:
            lines.append(str(error))
    assert not any("\n" in line for line in lines)
    return models


def whole(path: Path) -> Path:
    """A window through a convolution, a recurrence, a layer normalization and a joined result."""
    nodes = [
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        node("Conv", "t K k", "c", pads=[1, 1]),
        node("Relu", "c", "a"),
        node("Transpose", "a", "rows", perm=[2, 0, 1]),
        node("LSTM", "rows W R", "y", hidden_size=4),
        node("Squeeze", "y axis", "r"),
        node("Gather", "r newest", "last", axis=0),
        node("MatMul", "last D", "p"),
        node("Sigmoid", "p", "mask"),
        node("Mul", "mask last", "masked"),
        node("LayerNormalization", "masked g", "scores", axis=-1),
    ]
    held = {"K": some(3, 2, 3), "k": some(3), "W": some(1, 16, 3), "R": some(1, 16, 4), "D": some(4, 4), "g": some(4)}
    held |= {"axis": np.array([1]), "newest": np.array(-1)}
    return write(path, nodes, {"x": [1, 6, 2]}, ["scores"], **held)


def test_damaged_onnx_is_a_model_or_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from edgelstm.importers.child import tell

    good = whole(tmp_path / "good.onnx").read_bytes()
    given = tmp_path / "given.npz"
    tell(str(given), {"sets": {}}, {})
    contents = [good, *(damaged(good, seed) for seed in range(times(32, 4000)))]
    packages = "onnx onnx.shape_inference onnxruntime"
    ended = children(tmp_path, "edgelstm.importers.onnx_child", packages, ".onnx", contents, given)
    models = took(monkeypatch, onnx_file, ended, lambda path: read_model(path, Choices()))
    assert 1 <= models < len(contents)
    read_model(ended[0][0], Choices())


def test_damaged_hdf5_is_a_model_or_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    path = tmp_path / "good.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["lstm", "dense"]
        weights = {
            "lstm": {"kernel": (3, 16), "recurrent_kernel": (4, 16), "bias": (16,)},
            "dense": {"kernel": (4, 2)},
        }
        for layer, arrays in weights.items():
            file.create_group(layer).attrs["weight_names"] = [f"{layer}/{name}:0" for name in arrays]
            for name, shape in arrays.items():
                file[f"{layer}/{layer}/{name}:0"] = some(*shape)
    good = path.read_bytes()
    contents = [good, *(damaged(good, seed) for seed in range(times(32, 4000)))]
    ended = children(tmp_path, "edgelstm.importers.keras_child", "h5py", ".h5", contents, None)
    choices = Choices(layers=("lstm", "dense"), gates="sigmoid", stream=True)
    models = took(monkeypatch, keras_file, ended, lambda path: read_model(path, choices))
    assert 1 <= models < len(contents)
