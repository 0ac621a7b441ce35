"""Damaged and hostile `.tflite` files: one line each, in bounded time and memory, and no word of Python's."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import numpy as np
import pytest

import tflite_files as files
from counts import times
from edgelstm.export.tflite.explicit import encode_float32
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from edgelstm.model import Answer
from in_process import refused_well, run
from random_models import random_model
from tflite_writer import Part, TfliteFile

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
pytest.importorskip("flatbuffers", reason="flatbuffers is not installed")

NUMBERS = (0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 32) - 4)


def ours(path: Path) -> Path:
    path.write_bytes(encode_float32(random_model(2, [3], [2], answer=Answer())))
    return path


WRITERS = {
    "ours": ours,
    "written out": files.written_out,
    "loop": lambda path: files.loop(path, sequences=True),
    "unrolled": files.unrolled,
    "variables": files.variables,
    "fused": files.fused,
}


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """With numbers in places that hold offsets, lengths and indices, with bytes changed, or cut off."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        kind, at = int(rng.integers(5)), int(rng.integers(len(changed) // 4)) * 4
        if kind < 3:
            struct.pack_into("<I", changed, at, int(rng.choice(NUMBERS)))
        elif kind == 3:
            changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
        else:
            of = int(rng.integers(len(changed) // 4)) * 4
            changed[at : at + 4] = changed[of : of + 4]
    return bytes(changed[: int(rng.integers(len(changed)))]) if rng.integers(20) == 0 else bytes(changed)


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_files_are_one_line_or_a_model(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / "m.tflite")
    content, rng = path.read_bytes(), np.random.default_rng(len(name))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = []
    for _ in range(times(60, 1000)):
        path.write_bytes(mutated(content, rng))
        try:
            read_model(path, Choices(window=files.T if name == "fused" else 0))
        except ValueError as error:
            lines.append(str(error))
    assert lines
    assert not [line for line in lines if "\n" in line or not line.startswith((f"{path}: ", "--"))]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB


def test_buffers_have_the_size_of_their_tensors(tmp_path: Path) -> None:
    file = TfliteFile()
    part = Part(file, "main")
    part.tensor("frame", (1, files.F))
    part.constant("W", files.some(4, files.F))
    part.graph.tensors[part.names["W"]].shape = [4, files.F + 1]
    part.op("FULLY_CONNECTED", "frame W _", [("y", (1, 4))], table="FullyConnectedOptions")
    part.ends("frame", "y")
    ended = run("import", file.write(tmp_path / "m.tflite"))
    assert refused_well(ended)
    assert "tensor 'W': 48 bytes, expected 64 for float32 of shape (4, 4)" in " ".join(ended.err.split())


def test_doubling_sums_and_constants_that_grow_end_soon(tmp_path: Path) -> None:
    """Sums of sums, and shapes that are filled: small files that ask for much."""
    file = TfliteFile()
    part = Part(file, "main")
    part.tensor("frame", (1, 1))
    name = "frame"
    for n in range(90):
        part.op("ADD", f"{name} {name}", [(f"s{n}", (1, 1))], table="AddOptions")
        name = f"s{n}"
    part.ends("frame", name)
    assert refused_well(run("import", file.write(tmp_path / "m.tflite"), "--stream"))
    file = TfliteFile()
    part = Part(file, "main")
    part.tensor("frame", (1, 1))
    part.constant("sides", [1 << 15, 1 << 15], "int32")
    part.constant("zero", 0.0)
    part.op("FILL", "sides zero", [("zeros", (1, 1))], table="FillOptions")
    part.op("ADD", "frame zeros", [("y", (1, 1))], table="AddOptions")
    part.ends("frame", "y")
    ended = run("import", file.write(tmp_path / "m.tflite"), "--stream")
    assert refused_well(ended)
    assert "FILL 'zeros': a result of shape (32768, 32768)" in " ".join(ended.err.split())
