"""`edgelstm inspect`: the same of every format, to the byte, and nothing that a file makes up."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgelstm.export.elstm import encode
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.export.tflite import explicit
from edgelstm.model import Answer, Model
from edgelstm.model_file import save_model
from edgelstm.quantization import quantize
from edgelstm.runtime.engines.open import open_model
from random_layers import random_layers
from random_models import random_model

Command = Callable[..., Any]
MODEL = random_model(6, [16, 9], [12, 4], answer=Answer("mean", 12, 4))
STRIDED = next(model for model in map(random_layers, range(99)) if model.stride > 2 and len(model.layers) > 4)


@pytest.fixture(scope="module", params=[MODEL, STRIDED], ids=["every frame", "strided"])
def model(request: pytest.FixtureRequest) -> Model:
    found: Model = request.param
    return found


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
        for name in ("layers", "frame_macs", "latency_frames", "labels", "answer"):
            assert each[name] == told[0][name], name


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


def test_what_elstm_metadata_make_up_is_not_believed(command: Command, tmp_path: Path) -> None:
    """The C core reads no metadata: whatever they say, the file opens, and the text is plain."""
    whole = bytearray(encode(MODEL))
    start, size = struct.unpack_from("<II", whole, 80)
    lies = {"labels": 5, "feature_names": [1] * 6, "sample_rate": "x", "answer": [], "io": 3, "states": {"a": 1}}
    lies |= {"licence": "\x1b[31mred", "features": None, "provenance": [1], "scales": {}}
    whole[start : start + size] = json.dumps(lies).encode().ljust(size)
    struct.pack_into("<I", whole, 12, zlib.crc32(whole[16:]))
    path = tmp_path / "made-up.elstm"
    path.write_bytes(whole)
    told = facts(command, path)
    assert (told["features"], told["labels"], told["sample_rate"]) == (6, [], 50.0)
    shown = command("inspect", path)
    assert shown.code == 0
    assert "\x1b" not in shown.out
