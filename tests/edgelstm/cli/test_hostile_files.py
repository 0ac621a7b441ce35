"""Files that nobody vouches for, changed at random: a command takes one, or refuses it in one line."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgelstm.data import Dataset
from edgelstm.data.dataset_file import save_dataset
from edgelstm.data.npz import read_npz, write_npz
from edgelstm.export.elstm import encode
from edgelstm.export.metadata import metadata_json
from edgelstm.model import Answer
from edgelstm.model_file import save_model
from in_process import refused_well, run
from random_models import random_model

MODEL = random_model(3, [4], [2], answer=Answer("mean", 4, 2))
CASES = Path(__file__).parents[4] / "shared" / "cases"

# JSON values as text: what Python would not write is among them.
ODD = [
    *("null", "true", "0", "-1", "1.5", "1e308", "1e999", "NaN", str(2**70), "1" + "0" * 5000, '""', '"\\ud800"'),
    *('"a\\u0000b"', '"\\u001b[31m"', '"float32"', "[]", "{}", "[null]", '{"a":1}', '["\\udfff"]', '{"\\ud800":1}'),
    *("[" * 50 + "]" * 50, "[" * 5000 + "]" * 5000, '{"a":' * 200 + "1" + "}" * 200, '"' + "x" * 400 + '"'),
]
MARK = "\u2603"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """JSON text with something else at one or two of its places."""
    values = json.loads(text)
    for odd in draw(st.lists(st.sampled_from(ODD), min_size=1, max_size=2)):
        known = places(values)[1:]
        if not known:
            break
        *way, last = draw(st.sampled_from(known))
        inner = values
        for key in way:
            inner = inner[key]
        if draw(st.booleans()) or isinstance(inner, list):
            inner[last] = MARK + odd
        elif draw(st.booleans()):
            del inner[last]
        else:
            inner[last + "?"] = MARK + odd
    whole = json.dumps(values, ensure_ascii=False)
    for odd in ODD:
        whole = whole.replace(json.dumps(MARK + odd, ensure_ascii=False), odd)
    return whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def looked_at(path: Path) -> None:
    assert refused_well(run("inspect", path))
    as_json = run("inspect", path, "--json")
    assert refused_well(as_json)
    if as_json.code == 0:
        json.loads(as_json.out)


def elstm_with(metadata: str) -> bytes:
    """MODEL's file with this at its end for metadata."""
    whole, new = bytearray(encode(MODEL)), metadata.encode()
    whole += bytes(-len(whole) % 64)
    struct.pack_into("<II", whole, 80, len(whole), len(new))
    whole += new + bytes(-len(new) % 64)
    struct.pack_into("<Q", whole, 16, len(whole))
    struct.pack_into("<I", whole, 12, zlib.crc32(whole[16:]))
    return bytes(whole)


@given(text=changed(metadata_json(MODEL)))
def test_metadata_in_elstm(folder: Path, text: str) -> None:
    path, frames = folder / "m.elstm", folder / "frames.csv"
    path.write_bytes(elstm_with(text))
    frames.write_text("1,2,3\n" * 4)
    looked_at(path)
    assert refused_well(run("stream", path, frames))


def test_a_file_with_its_metadata_elsewhere_is_taken(folder: Path) -> None:
    path = folder / "m.elstm"
    path.write_bytes(elstm_with(metadata_json(MODEL)))
    assert run("inspect", path).code == 0


@given(data=st.data())
def test_metadata_in_onnx(folder: Path, data: st.DataObject) -> None:
    onnx = pytest.importorskip("onnx")
    from edgelstm.export.onnx import float32

    file = onnx.load_from_string(float32.encode(MODEL))
    (entry,) = file.metadata_props
    entry.value = data.draw(changed(entry.value))
    path = folder / "m.onnx"
    path.write_bytes(file.SerializeToString())
    looked_at(path)


@given(data=st.data())
def test_metadata_in_tflite(folder: Path, data: st.DataObject) -> None:
    pytest.importorskip("ai_edge_litert")
    from edgelstm.export.tflite import explicit
    from edgelstm.runtime.engines.tflite_file import metadata_entry, seal

    room = 3000
    content = explicit.encode_float32(replace(MODEL, provenance={"room": "x" * room}))
    text = metadata_entry(content, "edgelstm")
    assert text is not None
    without = text.decode().replace("x" * room, "")
    made_up = data.draw(changed(without)).encode().ljust(len(text))
    assume(len(made_up) == len(text))
    path = folder / "m.tflite"
    path.write_bytes(seal(content.replace(text, made_up)))
    looked_at(path)


@cache
def _saved() -> dict[str, np.ndarray[Any, Any]]:
    with TemporaryDirectory() as folder:
        save_model(MODEL, f"{folder}/model.npz")
        return read_npz(f"{folder}/model.npz")


def arrays_of_model() -> dict[str, np.ndarray[Any, Any]]:
    """All that its file holds but the header."""
    return {name: array for name, array in _saved().items() if name != "header"}


@pytest.fixture(scope="module")
def header(folder: Path) -> str:
    """That of MODEL, which lies in the folder as model.npz."""
    save_model(MODEL, folder / "model.npz")
    text: str = _saved()["header"].tobytes().decode()
    return text


def write_model(path: Path, header: str, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    write_npz(path, {"header": np.frombuffer(header.encode(), np.uint8), **arrays})


@given(data=st.data())
def test_the_header_of_a_model(folder: Path, header: str, data: st.DataObject) -> None:
    path = folder / "made-up.npz"
    write_model(path, data.draw(changed(header)), arrays_of_model())
    looked_at(path)


@given(
    name=st.sampled_from(sorted(arrays_of_model())),
    value=st.sampled_from([3e38, -3e38, 1e20, 1e-40, 0.0, np.nan, np.inf]),
    is_all=st.booleans(),
    form=st.sampled_from(["elstm", "onnx"]),
)
def test_weights_of_any_size(folder: Path, header: str, name: str, value: float, is_all: bool, form: str) -> None:
    arrays = {each: array.copy() for each, array in arrays_of_model().items()}
    arrays[name].reshape(-1)[slice(None) if is_all else slice(1)] = value
    path = folder / "extreme.npz"
    write_model(path, header, arrays)
    looked_at(path)
    assert refused_well(run("export", path, "--format", form, "--no-verify", "-o", folder / f"extreme.{form}"))


def test_weights_that_int8_does_not_hold_name_the_file(folder: Path, header: str) -> None:
    arrays = arrays_of_model() | {"layer0.W": np.full_like(arrays_of_model()["layer0.W"], 3e38)}
    path, data = folder / "huge.npz", folder / "some.npz"
    write_model(path, header, arrays)
    frames = np.zeros((5, 3), np.float32)
    save_dataset(Dataset((frames,) * 2, np.arange(2), MODEL.labels, np.arange(2), ()), data)
    for command in (["export", path, "-o", folder / "huge.elstm"], ["evaluate", path, data, "--all"]):
        ended = run(*command)
        assert ended.code == 1
        *_, line = ended.err.splitlines()  # before it, notes on data that stand still
        assert line.startswith(f"edgelstm: {path}: ")
        assert "lstm0, W row 0: weights or bias so large that int8 arithmetic could overflow" in ended.err


# Instead of some of the text before an array's numbers.
OF_HEADERS = [
    *"()[]{},:'\"\\\n\0#",
    "<f4",
    "O",
    "V8",
    "True",
    "None",
    "-1",
    "9" * 30,
    "lambda: 0",
    "\\d",
    "3L",
    "(" * 99,
]


def cut_into(text: str, cuts: list[tuple[int, int, str]]) -> str:
    """`text` with others from these places on, instead of so many letters."""
    for start, length, new in cuts:
        text = text[:start] + new + text[start + length :]
    return text


def cuts(size: int, texts: list[str]) -> st.SearchStrategy[list[tuple[int, int, str]]]:
    return st.lists(
        st.tuples(st.integers(0, size), st.integers(0, 20), st.sampled_from(texts)), min_size=1, max_size=3
    )


@given(cuts=cuts(60, OF_HEADERS), version=st.sampled_from([1, 1, 2, 3, 9]))
def test_headers_of_arrays(folder: Path, cuts: list[tuple[int, int, str]], version: int) -> None:
    raw = cut_into("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", cuts).encode("latin-1")
    size = struct.pack("<H" if version == 1 else "<I", len(raw))
    path = folder / "headers.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"\x93NUMPY" + bytes([version, 0]) + size + raw + bytes(24))
    assert refused_well(run("inspect", path))


@pytest.mark.parametrize("name", ["header_unbalanced.npz", "header_nested.npz"])
@pytest.mark.parametrize("command", ["inspect", "export", "evaluate model.npz", "train recipe.toml --data"])
def test_headers_that_broke_commands(folder: Path, header: str, command: str, name: str) -> None:
    path = CASES / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    (folder / "recipe.toml").write_text("[data]\nfile = 'nowhere.npz'\n")
    ended = run(*(folder / word if "." in word else word for word in command.split()), path)
    assert refused_well(ended)
    assert ended.code == 1
    assert f"{name}: normalize.mean: its npy header is damaged" in ended.err


RECIPE = """[data]
file = "nowhere.npz"
window = 20
[model]
name = "m"
units = [4]
[training]
epochs = 2
loss = "frames"
[answer]
pooling = "mean"
window = 20
hop = 10
[budget]
latency_p99 = "2ms"
"""
OF_RECIPES = [
    *("[" * 2000, "a=" + "[" * 3000, "[" + ".".join("a" * 500) + "]", "x = nan", "units = [1e400]", "1979-05-27"),
    *("\0", "window = 99999999999999999999", 'file = "\\u0000"', "\ud800", "name = {}", "hop = -1", "= 3", '"""'),
]


@given(cuts=cuts(len(RECIPE), OF_RECIPES))
def test_recipes(folder: Path, cuts: list[tuple[int, int, str]]) -> None:
    path = folder / "changed.toml"
    path.write_bytes(cut_into(RECIPE, cuts).encode("utf-8", "surrogatepass"))
    ended = run("train", path)
    assert ended.code in (1, 2)  # at the latest for want of data
    assert refused_well(ended)


def test_data_and_models_are_told_apart(folder: Path, header: str) -> None:
    data, frames = folder / "data.npz", np.zeros((5, 3), np.float32)
    save_dataset(Dataset((frames,), np.zeros(1, np.int64), ("a",), np.zeros(1, np.int64), ()), data)
    assert "data.npz: a data set, not a model: edgelstm train" in run("inspect", data).err
    assert "model.npz: a model, not a data set" in run("evaluate", folder / "model.npz", folder / "model.npz").err
