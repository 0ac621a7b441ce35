"""One frame per call: compiled binding, ctypes and the other engines take the same frames and refuse the same."""

from __future__ import annotations

import array
import gc
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgelstm.export import find_form
from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.runtime import Model, Stream
from edgelstm.runtime.engines import stepping
from edgelstm.runtime.engines.open import open_model
from random_models import random_model, random_signal

FEATURES = 5
FRAMES = random_signal(12, FEATURES, 3)


def with_ctypes(model: Model) -> Stream:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stepping, "CompiledStep", None)
        stream = model.stream()
    assert isinstance(stream.step, stepping.CtypesStep)
    return stream


def compiled(model: Model) -> Stream:
    if stepping.CompiledStep is None:
        pytest.skip("the binding was not compiled: no headers of Python where this wheel was built")
    return model.stream()


@pytest.fixture(params=[compiled, with_ctypes])
def stream(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Stream:
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(quantize(random_model(FEATURES, [7], [3], seed=1, frames=20))))
    return request.param(Model(path))


def misaligned(frame: Any) -> Any:
    raw = np.zeros(frame.nbytes + 1, np.uint8)
    raw[1:] = frame.view(np.uint8)
    return raw[1:].view(np.float32)


def read_only(frame: Any) -> Any:
    frame = frame.copy()
    frame.flags.writeable = False
    return frame


def with_gaps(frame: Any) -> Any:
    return np.repeat(frame, 3)[::3]


WAYS: list[Callable[[Any], Any]] = [
    np.copy,
    read_only,
    misaligned,
    with_gaps,
    lambda frame: frame[None],
    lambda frame: frame.view(np.dtype("f4", metadata={"of": "a frame"})),
    lambda frame: frame.view(np.recarray),
    lambda frame: frame.tolist(),
    lambda frame: frame.astype(np.float64),
    lambda frame: frame.astype(">f4"),
    lambda frame: array.array("f", frame.tolist()),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_frame_may_come_as_anything_that_holds_its_numbers(stream: Stream, way: Callable[[Any], Any]) -> None:
    expected = stream.model.stream().push(FRAMES)
    for frame, answer in zip(FRAMES, expected):
        assert stream.step(way(frame)) is True
        np.testing.assert_array_equal(stream.output, answer)


def test_without_a_frame_the_input_is_taken(stream: Stream) -> None:
    expected = stream.model.stream().push(FRAMES)
    for frame, answer in zip(FRAMES, expected):
        stream.input[:] = frame
        assert stream.step() is True
        np.testing.assert_array_equal(stream.output, answer)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (np.zeros(FEATURES + 1, np.float32), "shape (6,), expected (frames, 5)"),
        (np.zeros((FEATURES, 1), np.float32), "shape (5, 1), expected (frames, 5)"),
        (np.zeros((2, FEATURES), np.float32), "step: 2 frames, expected one"),
        (np.zeros((0, FEATURES), np.float32), "step: 0 frames, expected one"),
        (np.zeros(FEATURES, np.complex64), "dtype complex64, expected real numbers"),
        (np.zeros(FEATURES, np.float32).view(np.uint8), "shape (20,), expected (frames, 5)"),
        (["a"] * FEATURES, "expected real numbers"),
        (
            np.array([0, 0, np.nan, 0, 0], np.float32),
            "frame 0, feature 2 (x2): nan, expected a finite float32 number",
        ),
        ([0, 0, 0, 1e300, 0], "feature 3 (x3): 1e+300, expected a finite float32 number"),
    ],
)
def test_a_refused_frame_says_why_and_changes_nothing(stream: Stream, bad: Any, problem: str) -> None:
    stream.step(FRAMES[0])
    before, last = stream.save(), stream.input.copy()
    with pytest.raises(ValueError, match=re.escape(problem)):
        stream.step(bad)
    assert stream.save() == before
    np.testing.assert_array_equal(stream.input, last)


def test_nan_in_the_input_is_refused(stream: Stream) -> None:
    before = stream.save()
    stream.input[1] = np.inf
    with pytest.raises(ValueError, match=r"feature 1 \(x1\): inf"):
        stream.step()
    assert stream.save() == before


def test_the_bound_step_keeps_what_it_runs_on(stream: Stream) -> None:
    expected = stream.model.stream().push(FRAMES)
    step, output = stream.step, stream.output
    references = sys.getrefcount(FRAMES)
    del stream
    gc.collect()
    for frame, answer in zip(FRAMES, expected):
        step(frame)
        np.testing.assert_array_equal(output, answer)
    del frame
    assert sys.getrefcount(FRAMES) == references


def test_too_many_arguments_are_a_type_error(stream: Stream) -> None:
    with pytest.raises(TypeError):
        stream.step(FRAMES[0], FRAMES[1])  # type: ignore[call-arg]


def test_large_models_release_the_lock_and_answer_the_same(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(quantize(random_model(FEATURES, [190], [3], seed=1, frames=20))))
    model = Model(path)
    assert model.frame_macs >= 1 << 17
    one, other = compiled(model), with_ctypes(model)
    for frame in FRAMES:
        assert one.step(frame) == other.step(frame)
        np.testing.assert_array_equal(one.output, other.output)
    assert one.save() == other.save()


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_other_engines_take_the_same_frames(form: str, tmp_path: pathlib.Path) -> None:
    for needed in {"onnx": ("onnx", "onnxruntime"), "tflite": ("flatbuffers", "ai_edge_litert")}[form]:
        pytest.importorskip(needed)  # 32-bit ARM has none of them
    path = tmp_path / f"m.{form}"
    path.write_bytes(
        find_form(form, "float32").encode(random_model(FEATURES, [7], [3], seed=1, frames=20), "float32")
    )
    model = open_model(path)
    stream, expected = model.stream(), model.stream().push(FRAMES)
    for way, frame, answer in zip(WAYS, FRAMES, expected):
        assert stream.step(way(frame)) is True
        np.testing.assert_array_equal(stream.output, answer)
    with pytest.raises(ValueError, match="step: 2 frames, expected one"):
        stream.step(FRAMES[:2])


@pytest.mark.parametrize("way", [np.copy, np.asfortranarray, lambda x: x.astype(np.float64), lambda x: x.tolist()])
def test_many_frames_may_come_as_anything_that_holds_their_numbers(stream: Stream, way: Callable[[Any], Any]) -> None:
    alone = stream.model.stream()
    expected = [alone.output.copy() for frame in FRAMES if alone.step(frame)]
    np.testing.assert_array_equal(stream.push(way(FRAMES)), expected)
    bad = FRAMES.copy()
    bad[3, 2] = np.nan
    before = stream.save()
    with pytest.raises(ValueError, match=r"frame 3, feature 2 \(x2\): nan"):
        stream.push(way(bad))
    with pytest.raises(ValueError, match="expected \\(frames, 5\\)"):
        stream.push(way(FRAMES[:, :3]))
    assert stream.save() == before == alone.save()
