"""`edgelstm inspect`: the same of every format, to the byte, and nothing that a file makes up."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgelstm.export import c_source
from edgelstm.export.elstm import encode
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.export.tflite import explicit
from edgelstm.model import Answer, Model
from edgelstm.model_file import save_model
from edgelstm.quantization import quantize
from edgelstm.runtime.engines.open import open_model
from random_float_layers import random_float_layers
from random_layers import random_layers
from random_models import random_model

Command = Callable[..., Any]
MODEL = random_model(6, [16, 9], [12, 4], answer=Answer("mean", 12, 4))


@pytest.fixture(scope="module", params=["every frame", "strided"])
def model(request: pytest.FixtureRequest) -> Model:
    if request.param == "every frame":
        return MODEL
    return next(model for model in map(random_layers, range(99)) if model.stride > 2 and len(model.layers) > 4)


@pytest.fixture(scope="module")
def files(model: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each format, by its suffix."""
    folder = tmp_path_factory.mktemp("inspect")
    paths = {suffix: folder / f"model.{suffix}" for suffix in ("npz", "elstm", "onnx", "tflite")}
    save_model(model, paths["npz"])
    paths["elstm"].write_bytes(encode(quantize(model)))
    for name, module in (("onnx", onnx_float32.encode), ("tflite", explicit.encode_float32)):
        try:
            paths[name].write_bytes(module(model))
        except ImportError:  # 32-bit ARM has neither
            del paths[name]
    return paths


def facts(command: Command, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("inspect", path, "--json").out)
    return found


@pytest.mark.parametrize("seed", [2, 17, 20, 28])
def test_layers_of_floats_fit_into_a_line(command: Command, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "model.npz"
    save_model(random_float_layers(seed), path)
    shown = command("inspect", path).out
    assert max(map(len, shown.splitlines()[1:])) <= 80  # the first names the file
    assert all(layer.kind in shown for layer in random_float_layers(seed).layers)


def test_every_format_tells_the_same_layers_work_and_latency(
    command: Command, model: Model, files: dict[str, Path]
) -> None:
    told = [facts(command, path) for path in files.values()]
    found = [[layer[name] for name in ("name", "rows", "channels", "stride", "macs")] for layer in told[0]["layers"]]
    assert found == [
        [at.name, at.result.rows, at.result.channels, at.stride, at.layer.macs(at.source)] for at in model.road
    ]
    work = sum(at.layer.macs(at.source) * (model.stride // at.stride) for at in model.road)  # of `stride` frames
    assert told[0]["frame_macs"] == -(-work // model.stride)
    assert told[0]["latency_frames"] == model.stride - 1
    for each in told:
        for name in ("layers", "frame_macs", "frame_additions", "latency_frames", "labels", "answer"):
            assert each[name] == told[0][name], name
    blocks = model.answer.window // model.answer.hop if model.answer.window else 1  # few: no totals above them
    assert told[0]["frame_additions"] == (model.outputs * (1 + blocks) if model.answer.pooling == "mean" else 0)


def test_parts_and_header_are_the_saved_state_to_the_byte(command: Command, files: dict[str, Path]) -> None:
    for name, path in files.items():
        if name == "npz":
            continue
        told, saved = facts(command, path), open_model(path).stream().save()
        assert told["snapshot_bytes"] == len(saved)
        parts = sum(part["bytes"] for part in told["parts"])
        assert f"{len(saved) - parts} of header" in command("inspect", path).out


def test_all_of_it_can_be_read_on_80_columns(command: Command, model: Model, files: dict[str, Path]) -> None:
    for path in files.values():
        first, *lines = command("inspect", path).out.splitlines()
        assert first.startswith(str(path))
        assert max(map(len, lines)) <= 80
        parts = [name for at in model.road for name, part in at.parts if part.letter == "h"]
        for name in (*(at.name for at in model.road), *parts):
            assert any(line.split()[:1] == [name] for line in lines)


LIES = {
    "labels": [5, "abc", ["a"], [1] * 3, {"a": 1}],
    "feature_names": [[1] * 6, "x", ["x"]],
    "feature_units": [["m"], 7],
    "sample_rate": ["x", 49, -1, [50.0]],
    "answer": [[], "mean", {"pooling": "mean", "window": 0}, {"pooling": "last", "window": 0, "hop": 77}],
    "precision": ["int8", 3],
    "activation": ["linear", "relu"],
    "features": [5, "6", True],
    "outputs": [99],
    "stride": [3],
    "normalize": [3, {"mean": "x", "std": [1.0]}, {"mean": [0.0], "std": [1.0]}],
    "provenance": [[1]],
    "scales": [{}],
    "licence": [7],
    "layers": [5, [], [{"kind": "lstm"}]],
}


def with_metadata(path: Path, values: object) -> Path:
    whole = bytearray(encode(MODEL))
    start, size = struct.unpack_from("<II", whole, 80)
    whole[start : start + size] = json.dumps(values).encode().ljust(size)
    struct.pack_into("<I", whole, 12, zlib.crc32(whole[16:]))
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, lies in LIES.items() for value in lies])
def test_elstm_metadata_that_say_something_else_are_refused(
    command: Command, tmp_path: Path, field: str, value: object
) -> None:
    """The header is what computes; the names beside it have to fit."""
    path = with_metadata(tmp_path / "made-up.elstm", {field: value})
    shown = command("inspect", path)
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith(f"edgelstm: {path}: metadata: {field}")
    assert any(word in shown.err for word in ("expected", "other", "no field"))
    assert shown.err.count("\n") == 1


def test_what_is_only_shown_is_shown_plainly(command: Command, tmp_path: Path) -> None:
    """Nothing is computed by what is left out, or by the fields of other formats."""
    made_up = {"io": 3, "states": {"a": 1}, "licence": "\x1b[31mred", "features": None}
    path = with_metadata(tmp_path / "made-up.elstm", made_up)
    told = facts(command, path)
    assert (told["features"], told["labels"], told["sample_rate"]) == (6, [], 50.0)
    shown = command("inspect", path)
    assert shown.code == 0
    assert "\x1b" not in shown.out


def test_c_source_is_looked_into(command: Command, tmp_path: Path) -> None:
    """It holds an `.elstm` file, byte by byte."""
    held, source = tmp_path / "held.elstm", tmp_path / "model.c"
    held.write_bytes(encode(MODEL))
    source.write_bytes(c_source.encode(held.read_bytes(), source, MODEL.features, MODEL.outputs)[0])
    told, expected = facts(command, source), facts(command, held)
    assert told.pop("bytes") == source.stat().st_size
    expected.pop("bytes")
    assert told | {"file": ""} == expected | {"file": ""}
    source.write_bytes(source.read_bytes().replace(b"137,69", b"137,70"))
    refused = command("inspect", source)
    assert refused.code == 1
    assert refused.err.startswith(f"edgelstm: {source}: ")
    assert command("inspect", tmp_path / "none.c").code == 2
