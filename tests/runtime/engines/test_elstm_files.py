"""What a model file says, and what is refused of one: no model, cut, changed under the reader, shrinking."""

from __future__ import annotations

import json
import os
import pathlib
import struct
import zlib

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.runtime import Model as RuntimeModel
from random_models import random_model, random_signal


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x89ELSTM\r\n", bytes(4096)])
def test_what_is_no_model_is_refused_by_name(tmp_path: pathlib.Path, content: bytes) -> None:
    path = tmp_path / "bad.elstm"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.elstm: "):
        RuntimeModel(path)
    with pytest.raises(FileNotFoundError):
        RuntimeModel(tmp_path / "missing.elstm")


def test_hostile_metadata_is_refused(tmp_path: pathlib.Path) -> None:
    whole = bytearray(encode(random_model(2, [4], [2])))
    start, size = struct.unpack_from("<II", whole, 80)
    for text in (b"[" * size, b'"' + b"a" * (size - 2) + b'"', b"\xff" * size):
        whole[start : start + size] = text
        struct.pack_into("<I", whole, 12, zlib.crc32(whole[16:]))
        path = tmp_path / "m.elstm"
        path.write_bytes(whole)
        with pytest.raises(ValueError, match="metadata"):
            RuntimeModel(path)


def test_the_file_says_where_it_was_cut(tmp_path: pathlib.Path) -> None:
    whole = encode(random_model(2, [4], [2]))
    path = tmp_path / "m.elstm"
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"m\.elstm: "):
            RuntimeModel(path)


@pytest.mark.parametrize("change", ["overwritten", "cut", "emptied"])
def test_a_file_that_is_changed_in_place_changes_no_answer(runtime_model: RuntimeModel, change: str) -> None:
    frames = random_signal(40, 3)
    expected = runtime_model.stream().push(frames)
    metadata, layers = dict(runtime_model.metadata), runtime_model.layers
    stream = runtime_model.stream()
    first = stream.push(frames[:20])
    size = runtime_model.path.stat().st_size
    with runtime_model.path.open("r+b") as file:  # the same file, not another in its place
        if change == "overwritten":
            file.write(bytes(range(256)) * (size // 256 + 1))
        else:
            file.truncate(size // 2 if change == "cut" else 0)
    np.testing.assert_array_equal(np.concatenate([first, stream.push(frames[20:])]), expected)
    np.testing.assert_array_equal(runtime_model.stream().push(frames), expected)
    assert (runtime_model.metadata, runtime_model.layers) == (metadata, layers)
    with pytest.raises(ValueError, match=r"m\.elstm: "):
        RuntimeModel(runtime_model.path)


def test_a_mapped_file_answers_the_same_and_is_refused_the_same(runtime_model: RuntimeModel) -> None:
    frames, path = random_signal(40, 3), runtime_model.path
    mapped = RuntimeModel(path, mapped=True)
    np.testing.assert_array_equal(mapped.stream().push(frames), runtime_model.stream().push(frames))
    content = path.read_bytes()
    other = path.with_name("other")
    other.write_bytes(b"another file in its place")
    other.replace(path)
    np.testing.assert_array_equal(mapped.stream().push(frames), runtime_model.stream().push(frames))
    for wrong in (b"", content[:-1], content + b"x", bytes(4096)):
        path.write_bytes(wrong)
        for how in (True, False):
            with pytest.raises(ValueError, match=r"m\.elstm: "):
                RuntimeModel(path, mapped=how)


def test_a_file_that_shrinks_while_it_is_read_is_refused(
    runtime_model: RuntimeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, content = runtime_model.path, runtime_model.path.read_bytes()
    real = os.fstat
    for other in (content[:-5], content + b"more"):

        def change_after(descriptor: int, other: bytes = other) -> os.stat_result:
            found = real(descriptor)
            if found.st_size == len(content):
                path.write_bytes(other)
            return found

        path.write_bytes(content)
        monkeypatch.setattr(os, "fstat", change_after)
        with pytest.raises(
            ValueError, match=rf"m\.elstm: it changed while it was read, expected {len(content)} bytes"
        ):
            RuntimeModel(path)
        monkeypatch.undo()


def test_size_of_an_int8_file() -> None:
    """At most one byte per weight padded to blocks, 24 bytes per row, and 4 KiB."""
    for features, units, outputs in [(6, [48], [7]), (40, [128], [12]), (1, [1], [1]), (13, [33, 17], [20, 4])]:
        model = random_model(features, units, outputs, frames=20)
        weights = rows = 0
        width = features
        for H in units:
            groups = -(-H // 16)
            rows += groups * 64
            weights += groups * 64 * (-(-width // 8) * 8 + -(-H // 8) * 8)
            width = H
        for O in outputs:  # noqa: E741
            groups = -(-O // 16)
            rows += groups * 16
            weights += groups * 16 * -(-width // 8) * 8
            width = O
        assert len(encode(quantize(model))) <= weights + 24 * rows + 4096


def test_the_same_model_gives_the_same_bytes() -> None:
    model = random_model(5, [9], [3])
    assert encode(model) == encode(random_model(5, [9], [3]))
    assert encode(quantize(model)) == encode(quantize(random_model(5, [9], [3])))


def test_metadata_is_what_the_exporter_wrote(tmp_path: pathlib.Path) -> None:
    from edgelstm.export.metadata import metadata

    model = random_model(5, [9], [3])
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(model))
    assert RuntimeModel(path).metadata == json.loads(json.dumps(metadata(model)))
