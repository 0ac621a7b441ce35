"""What Keras's files must not bring: links, bombs, and layers that no model holds."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from in_process import refused_well, run
from keras_files import (
    AGES,
    GRU,
    HEAD,
    LSTM,
    OUT,
    WEIGHTS,
    H,
    config,
    h5,
    keras,
)

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


def linked(path: Path, link: Any) -> Path:
    keras(path, config())
    held = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5"))
    with h5py.File(held, "a") as file:
        del file["layers/dense/vars/0"]
        link(file["layers/dense/vars"])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config()))
        archive.writestr("model.weights.h5", held.getvalue())
    return path


def _virtual(group: Any) -> None:
    layout = h5py.VirtualLayout(shape=(H, OUT), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(H, OUT))
    group.create_virtual_dataset("0", layout)


def _external(group: Any) -> None:
    group.create_dataset("0", (H, OUT), "f4", external=[("/etc/hostname", 0, H * OUT * 4)])


def _link(group: Any) -> None:
    group["0"] = h5py.ExternalLink("/etc/hostname", "x")


def _bomb(group: Any) -> None:
    group.create_dataset("0", (1 << 20, 1 << 16), "f4", chunks=(1024, 1024), compression="gzip")


def packed(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(config()))
        archive.writestr("model.weights.h5", bytes(1 << 24))
    return path


def changed(path: Path, place: int, kind: str, **settings: Any) -> Path:
    made = config()
    made["config"]["layers"][place] = {"class_name": kind, "config": {"name": "odd", **settings}}
    return keras(path, made)


BAD: dict[str, tuple[Any, str]] = {
    "external link": (lambda p: linked(p, _link), "a link to elsewhere"),
    "external data": (lambda p: linked(p, _external), "its values are in another file"),
    "virtual data": (lambda p: linked(p, _virtual), "its values are in another file"),
    "bomb": (lambda p: linked(p, _bomb), "more than 268,435,456 values"),
    "zip bomb": (packed, "unpacks to far more than its size"),
    "bidirectional": (lambda p: changed(p, 1, "Bidirectional"), "'odd' (Bidirectional): a stream has no end"),
    "unknown": (lambda p: changed(p, 2, "Attention"), "'odd' (Attention): not held by a model"),
    "activation": (lambda p: changed(p, 2, "Activation", activation="swish"), "activation 'swish', expected one of"),
    "backwards": (lambda p: keras(p, config(go_backwards=True)), "'lstm' (LSTM): go_backwards"),
    "number": (
        lambda p: keras(p, config(), WEIGHTS | {"gru": GRU | {"bias": np.float32(1)}}),  # type: ignore[dict-item]
        "'gru' (GRU): weights that are a single number, expected rows for each gate",
    ),
    "units": (lambda p: keras(p, config(units=10**9)), "'lstm' (LSTM): units 1000000000, expected 4"),
    "clip": (lambda p: keras(p, config(cell_clip=3.0)), "'lstm' (LSTM): cell_clip 3.0: not held by a model"),
    "zoneout": (lambda p: keras(p, config(zoneout=0.1)), "'lstm' (LSTM): zoneout 0.1: not held by a model"),
    "time": (lambda p: keras(p, config(time_major=True)), "'lstm' (LSTM): time_major True: not held by a model"),
    "bias": (
        lambda p: keras(p, config(), WEIGHTS | {"dense": {"kernel": HEAD["kernel"]}}),
        "'dense' (Dense): bias: missing",
    ),
    "nested": (
        lambda p: changed(p, 2, "Functional"),
        "a model within the model, expected its layers in the outer one",
    ),
    "missing": (lambda p: keras(p, config(), {"lstm": LSTM, "dense": HEAD}), "'gru' (GRU): kernel: missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(tmp_path: Path, name: str) -> None:
    write, words = BAD[name]
    ended = run("import", write(tmp_path / "m.keras"), "--stream")
    assert refused_well(ended)
    assert ended.code == 1
    assert words in ended.err, ended.err


def test_a_file_cut_short_is_one_line(tmp_path: Path) -> None:
    path = h5(tmp_path / "m.h5", AGES[0], config())
    path.write_bytes(path.read_bytes()[:3000])
    ended = run("import", path, "--stream")
    assert refused_well(ended)
    assert ended.code == 1


def test_integers_are_no_weights(tmp_path: Path) -> None:
    whole = {
        name: {key: np.rint(10 * array).astype(np.int8) for key, array in one.items()}
        for name, one in WEIGHTS.items()
    }
    ended = run("import", keras(tmp_path / "m.keras", config(), whole))
    assert refused_well(ended)
    assert "kernel: int8, expected floats" in ended.err
