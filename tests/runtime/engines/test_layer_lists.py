"""Streams over random lists of layers, whatever their kinds and strides: the C core, and what it says of itself."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export import find_form
from edgelstm.export.elstm import encode
from edgelstm.export.metadata import metadata
from edgelstm.model import Model as SourceModel
from edgelstm.quantization import quantize
from edgelstm.quantization.reference import IntegerStream
from edgelstm.runtime import Model
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.layers import frame_macs, parts_of_streams, read_layers
from kernels_here import kernels_here
from random_layers import random_layers
from random_models import random_signal

FRAMES = 30
SEEDS = st.integers(0, 1 << 16)


def opened(source: SourceModel, precision: str, folder: pathlib.Path, kernel: str | None = None) -> Model:
    path = folder / f"{precision}.elstm"
    path.write_bytes(encode(quantize(source) if precision == "int8" else source))
    with pytest.MonkeyPatch.context() as patch:
        if kernel is not None:
            patch.setenv("EDGELSTM_KERNEL", kernel)
        return Model(path, chunks=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("lists")


@pytest.mark.parametrize("precision", ["int8", "float32"])
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_the_core_and_the_metadata_have_the_same_layers_and_parts(
    folder: pathlib.Path, precision: str, seed: int
) -> None:
    source = random_layers(seed)
    model = opened(source, precision, folder)
    said = read_layers(metadata(source), source.features, source.outputs)
    assert [layer.to_json() for layer in model.layers] == [layer.to_json() for layer in said]
    assert [(layer.macs, layer.inputs) for layer in model.layers] == [(layer.macs, layer.inputs) for layer in said]
    assert model.frame_macs == frame_macs(said)
    assert model.stride == source.stride
    of_layers = {part.name: (part.layer, part.shape) for part in model.parts if part.layer}
    assert of_layers == parts_of_streams(said)
    states = model.stream().states()
    assert {name: state.shape for name, state in states.items()} == {name: s for name, (_, s) in of_layers.items()}
    assert len(model.stream().save()) == model.snapshot_bytes == 64 + sum(part.bytes for part in model.parts)


@pytest.mark.parametrize("kernel", kernels_here())
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_every_state_is_the_references_after_every_frame(folder: pathlib.Path, kernel: str, seed: int) -> None:
    source = random_layers(seed)
    stream = opened(source, "int8", folder, kernel).stream()
    frames = 2 * random_signal(FRAMES, source.features, seed + 1)
    trace = IntegerStream(quantize(source)).push(frames)
    for count, frame in enumerate(frames, 1):
        stream.step(frame)
        states = stream.states()
        for at in source.road:
            runs = count // at.stride
            for name, part in at.parts if runs else ():
                if part.letter != "pending":
                    np.testing.assert_array_equal(states[name].ravel(), trace.states[name][runs - 1], name)


@pytest.mark.parametrize("precision", ["int8", "float32"])
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, cuts=st.lists(st.integers(0, FRAMES), max_size=5).map(sorted))
def test_any_split_with_any_saves_is_single_steps(
    folder: pathlib.Path, precision: str, seed: int, cuts: list[int]
) -> None:
    model = opened(random_layers(seed), precision, folder)
    frames = random_signal(FRAMES, model.features, seed + 1)
    single, answers = model.stream(), []
    for frame in frames:
        if single.step(frame):
            answers.append(single.output.copy())  # noqa: PERF401 - a step and its answer
    parts, saved = [], model.stream().save()
    for part in np.split(frames, cuts):
        stream = model.stream()  # a new one each time: all that is known comes from the saved state
        stream.restore(saved)
        parts.append(stream.push(part))
        saved = stream.save()
    np.testing.assert_array_equal(np.concatenate(parts), np.reshape(answers, (-1, model.outputs)))
    assert saved == single.save()
    if single.frames >= model.stride:
        np.testing.assert_array_equal(stream.answer(), single.answer())


@pytest.mark.parametrize("precision", ["int8", "float32"])
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, streams=st.integers(1, 6))
def test_each_row_of_a_pool_is_that_stream_alone_whatever_its_phase(
    folder: pathlib.Path, precision: str, seed: int, streams: int
) -> None:
    model = opened(random_layers(seed), precision, folder)
    rng = np.random.default_rng(seed)
    pool, alone = model.pool(streams), [model.stream() for _ in range(streams)]
    for count in range(FRAMES):
        frames, mask = random_signal(streams, model.features, seed + count), rng.random(streams) < 0.7
        answers, answered = pool.push(frames, mask)
        for n, stream in enumerate(alone):
            expected = stream.push(frames[n]) if mask[n] else np.empty((0, model.outputs))
            np.testing.assert_array_equal(answers[n : n + 1][answered[n : n + 1]], expected)
        if count == 9:
            pool[0].reset()
            alone[0].reset()
    assert [pool[n].save() for n in range(streams)] == [stream.save() for stream in alone]


def test_before_the_first_run_there_is_no_answer(folder: pathlib.Path) -> None:
    source = next(model for model in map(random_layers, range(99)) if model.stride > 2)
    for precision in ("int8", "float32"):
        stream = opened(source, precision, folder).stream()
        stream.push(random_signal(source.stride - 1, source.features))
        with pytest.raises(ValueError, match=f"since reset, expected at least {source.stride} before an answer"):
            stream.answer()
        stream.push(random_signal(1, source.features))
        assert stream.answer().shape == (source.outputs,)


FORMS = [("onnx", "float32"), ("onnx", "int8-exact"), ("tflite", "float32-explicit"), ("tflite", "int8-explicit")]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("seed", [1, 5, 9, 13])
def test_other_engines_keep_the_law_of_streams(tmp_path: pathlib.Path, form: tuple[str, str], seed: int) -> None:
    for module in {"onnx": ("onnx", "onnxruntime"), "tflite": ("flatbuffers", "ai_edge_litert")}[form[0]]:
        pytest.importorskip(module)
    made = find_form(*form)
    source = next(model for model in map(random_layers, range(100 * seed, 100 * seed + 100)) if model.stride > 1)
    assert made.why_not(source) is None
    path = tmp_path / f"model.{form[0]}"
    path.write_bytes(made.encode(quantize(source) if made.scales else source))
    model = open_model(path)
    frames = random_signal(FRAMES, model.features, seed)
    single = model.stream()
    answers = [single.output.copy() for frame in frames if single.step(frame)]
    parts, saved = [], model.stream().save()
    for part in np.split(frames, [1, 1, 8, 21]):
        stream = model.stream()
        stream.restore(saved)
        parts.append(stream.push(part))
        saved = stream.save()
    np.testing.assert_array_equal(np.concatenate(parts), np.reshape(answers, (-1, model.outputs)))
    assert saved == single.save()
    assert len(saved) == model.snapshot_bytes
    # As the C core has it, up to what another precision makes of it.
    other = opened(source, "int8" if made.scales else "float32", tmp_path).stream()
    near = {"int8-exact": 1e-5, "float32": 1e-3, "float32-explicit": 1e-3}.get(form[1])
    if near is not None:
        expected = other.push(frames)
        np.testing.assert_allclose(
            np.concatenate(parts), expected, rtol=0, atol=near * max(1.0, np.abs(expected).max(initial=0))
        )
        np.testing.assert_allclose(
            single.answer(), other.answer(), rtol=0, atol=near * max(1.0, np.abs(other.answer()).max())
        )
