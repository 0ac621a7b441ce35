"""Streams over every engine keep the same promises."""

import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export import elstm
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.export.onnx import int8_exact as onnx_int8_exact
from edgelstm.export.onnx import int8_portable as onnx_int8_portable
from edgelstm.export.tflite import explicit as tflite_explicit
from edgelstm.export.tflite import fused as tflite_fused
from edgelstm.export.tflite import graph as tflite_writer
from edgelstm.model import Answer, Normalize
from edgelstm.quantization import calibrate, quantize
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.engines.tflite import refuse_numpy_2
from edgelstm.runtime.engines.tflite_file import seal
from random_models import random_model

MODEL = random_model(6, [16, 9], [4], answer=Answer("mean", 12, 4))
FORMS = (
    *("elstm-float32", "elstm-int8"),
    *("onnx", "onnx-portable", "onnx-integers"),
    *("tflite", "tflite-dynamic", "tflite-integers"),
)


@dataclass(frozen=True)
class Exported:
    form: str
    path: object
    signal: np.ndarray  # (frames, features)

    @property
    def tolerance(self) -> float:
        """onnxruntime sums in another order for another number of frames; all others keep every bit."""
        return 2e-6 if self.form == "onnx" else 0.0


ENGINES = {"onnx": ("onnx", "onnxruntime"), "tflite": ("flatbuffers", "ai_edge_litert")}


def need_engine(form):
    for module in ENGINES.get(form.split("-")[0], ()):
        pytest.importorskip(module)


def encode(form, model):
    need_engine(form)
    if form == "onnx":
        return onnx_float32.encode(model)
    if form == "onnx-portable":
        return onnx_int8_portable.encode(quantize(model))
    if form == "onnx-integers":  # and any number of frames per call
        return onnx_int8_exact.encode(quantize(model), "int8", scan=True)
    if form == "tflite":
        return tflite_fused.encode_int8(quantize(model, "per-gate"))
    if form == "tflite-dynamic":
        return tflite_explicit.encode_int8_dynamic(model)
    if form == "tflite-integers":
        return tflite_explicit.encode_int8(quantize(model), "int8")
    return elstm.encode(model if form == "elstm-float32" else quantize(model))


@pytest.fixture(scope="module", params=FORMS)
def exported(request, tmp_path_factory, watch):
    signal = watch.sequences[0][:200]
    normalize = Normalize(signal.mean(axis=0), signal.std(axis=0))
    model = calibrate(replace(MODEL, normalize=normalize, examples=(signal,)), [signal])
    path = tmp_path_factory.mktemp("engines") / f"model.{request.param.split('-')[0]}"
    path.write_bytes(encode(request.param, model))
    return Exported(request.param, path, signal)


@pytest.fixture(scope="module")
def model(exported):
    return open_model(exported.path)


@pytest.fixture
def stream(model):
    return model.stream()


def stepped(stream, signal):
    """(answers, whether each frame emitted)"""
    answers, emitted = [], []
    for frame in signal:
        stream.input[:] = frame
        emitted.append(stream.step())
        if emitted[-1]:
            answers.append(stream.output.copy())
    return np.array(answers), emitted


def test_a_model_tells_what_it_is(model, exported):
    assert (model.features, model.outputs, model.activation) == (6, 4, "softmax")
    assert model.labels == tuple(f"class {n}" for n in range(4))
    assert model.feature_names == tuple(f"x{n}" for n in range(6))
    integers = {
        "elstm-int8": "int8",
        "onnx-portable": "int8-portable",
        "onnx-integers": "int8-exact-sequence",
        "tflite": "int8",
        "tflite-dynamic": "int8-dynamic",
        "tflite-integers": "int8-explicit",
    }
    assert model.precision == integers.get(exported.form, "float32")
    assert model.metadata["sample_rate"] == 50.0
    assert model.path == exported.path
    assert model.engine.split()[0] in ("edgelstm", "onnxruntime", "ai-edge-litert", "tflite-runtime")


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=5))
def test_any_split_answers_as_single_steps(model, exported, cuts):
    signal = exported.signal[:60]
    single, whole = model.stream(), model.stream()
    expected, emitted = stepped(single, signal)
    assert emitted == [(n + 1) % 4 == 0 for n in range(60)]
    parts = [whole.push(part) for part in np.split(signal, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=0, atol=exported.tolerance)
    np.testing.assert_allclose(whole.answer(), single.answer(), rtol=0, atol=exported.tolerance)
    assert whole.frames == single.frames == 60


@settings(max_examples=10, deadline=None)
@given(before=st.integers(0, 30))
def test_saved_and_restored_goes_on_bit_for_bit(exported, model, before):
    signal = exported.signal[:40]
    through = model.stream()
    stepped(through, signal[:before])
    other = open_model(exported.path).stream()
    other.restore(through.save())
    assert other.frames == before
    assert other.save() == through.save()
    np.testing.assert_array_equal(stepped(other, signal[before:])[0], stepped(through, signal[before:])[0])


def test_reset_gives_a_fresh_stream(model, stream, exported):
    fresh = stream.save()
    first = stream.push(exported.signal)
    assert stream.save() != fresh
    stream.reset()
    assert stream.save() == fresh
    assert stream.frames == 0
    np.testing.assert_array_equal(stream.push(exported.signal), first)


def test_nothing_but_reset_resets(stream, exported):
    first, second = stream.push(exported.signal[:20]), stream.push(exported.signal[:20])
    assert not np.array_equal(first, second)


def test_streams_do_not_touch_each_other(model, exported):
    alone, one, other = model.stream(), model.stream(), model.stream()
    expected = alone.push(exported.signal[:40])
    mixed = []
    for start in range(0, 40, 4):
        mixed.append(one.push(exported.signal[start : start + 4]))
        other.push(exported.signal[100 + start : 104 + start])
    np.testing.assert_allclose(np.concatenate(mixed), expected, rtol=0, atol=exported.tolerance)


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_a_frame_that_is_not_finite_is_named_and_changes_nothing(stream, exported, value, said):
    stream.push(exported.signal[:7])
    before = stream.save()
    frames = exported.signal[7:15].copy()
    frames[3, 2] = value
    with pytest.raises(ValueError, match=rf"^frame 3, feature 2 \(x2\): {said}"):
        stream.push(frames)
    assert stream.save() == before
    stream.input[:] = frames[3]
    with pytest.raises(ValueError, match=rf"feature 2 \(x2\): {said}"):
        stream.step()
    assert stream.save() == before


@pytest.mark.parametrize("frames", [np.zeros((3, 5)), np.zeros((2, 3, 6)), np.zeros((1, 6), complex), [["a"] * 6]])
def test_frames_of_another_kind_are_refused(stream, frames):
    with pytest.raises(ValueError, match=r"^frames: [^\n]*expected"):
        stream.push(frames)
    assert stream.frames == 0


def test_no_frames_change_nothing(stream, exported):
    stream.push(exported.signal[:6])
    before = stream.save()
    assert stream.push(np.zeros((0, 6), np.float32)).shape == (0, 4)
    assert stream.save() == before


def test_an_answer_needs_a_frame(stream):
    with pytest.raises(ValueError, match="frame"):
        stream.answer()


def test_a_push_leaves_the_waiting_input_alone(stream, exported):
    stream.input[:] = exported.signal[50]
    stream.push(exported.signal[:5])
    np.testing.assert_array_equal(stream.input, exported.signal[50])


def test_states_are_the_parts_of_a_save(model, stream, exported):
    stream.push(exported.signal[:9])
    states, saved = stream.states(), stream.save()
    assert {name: array.shape for name, array in states.items()} == {"h0": (16,), "c0": (16,), "h1": (9,), "c1": (9,)}
    at = len(saved) - sum(part.bytes for part in model.parts)
    for part in model.parts:
        assert part.layer or part.name not in states
        if part.layer:
            assert (states[part.name].dtype, states[part.name].shape) == (part.dtype, part.shape)
            assert states[part.name].tobytes() == saved[at : at + part.bytes]
        at += part.bytes
    assert len(saved) == model.snapshot_bytes


@pytest.mark.parametrize("damage", [lambda s: b"", lambda s: s[:-1], lambda s: s + b"\0", lambda s: b"ABCD" + s[4:]])
def test_a_damaged_snapshot_is_refused_and_changes_nothing(stream, exported, damage):
    stream.push(exported.signal[:9])
    before = stream.save()
    with pytest.raises(ValueError, match=r"^snapshot: [^\n]*$"):
        stream.restore(damage(before))
    assert stream.save() == before


def test_a_snapshot_of_another_model_is_refused(exported, stream, tmp_path):
    other = random_model(6, [16, 9], [4], answer=Answer("mean", 12, 4), seed=5)
    path = tmp_path / exported.path.name
    path.write_bytes(encode(exported.form, other))
    with pytest.raises(ValueError, match=r"^snapshot: "):
        stream.restore(open_model(path).stream().save())


@pytest.mark.parametrize("suffix", ["elstm", "onnx", "tflite"])
@pytest.mark.parametrize("content", [b"", b"x", b"not a model\n" * 50, b"\0\0\0\0TFL3" + b"\xff" * 64])
def test_what_is_no_model_is_refused_in_one_line(tmp_path, suffix, content):
    need_engine(suffix)
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{path}: [^\n]+$"):
        open_model(path)


def test_a_truncated_file_is_refused_in_one_line(exported, tmp_path):
    content = exported.path.read_bytes()
    for size in range(1, len(content), len(content) // 23):
        path = tmp_path / exported.path.name
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=rf"^{path}: [^\n]+$"):
            open_model(path)


def test_every_flipped_byte_of_a_tflite_file_is_noticed(tmp_path):
    content = encode("tflite", random_model(6, [3], [2]))
    path = tmp_path / "model.tflite"
    for place in range(0, len(content), 37):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        with pytest.raises(ValueError, match=rf"^{path}: [^\n]+$"):
            open_model(path)


def test_an_onnx_file_of_others_is_refused(tmp_path):
    need_engine("onnx")
    import onnx

    proto = onnx.load_from_string(onnx_float32.encode(MODEL))
    del proto.metadata_props[:]
    path = tmp_path / "other.onnx"
    onnx.save(proto, path)
    with pytest.raises(ValueError, match="expected a file exported by edgelstm"):
        open_model(path)


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("missing.onnx", FileNotFoundError, "no such file"),
        ("missing.pt", FileNotFoundError, "no such file"),
        ("folder.tflite", IsADirectoryError, "is a folder"),
        ("model.pt", ValueError, "expected one of .elstm, .onnx, .tflite"),
        ("model", ValueError, "suffix missing"),
    ],
)
def test_a_path_that_leads_nowhere(tmp_path, name, error, said):
    (tmp_path / "folder.tflite").mkdir()
    for there in ("model.pt", "model"):
        (tmp_path / there).touch()
    with pytest.raises(error, match=said):
        open_model(tmp_path / name)


@pytest.mark.parametrize(
    ("suffix", "modules", "package"),
    [("onnx", ["onnxruntime"], "onnxruntime"), ("tflite", ["ai_edge_litert", "tflite_runtime"], "ai-edge-litert")],
)
def test_a_missing_engine_says_what_to_install(monkeypatch, tmp_path, suffix, modules, package):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(b"x")
    with pytest.raises(ImportError, match=f"pip install {package}"):
        open_model(path)


@pytest.mark.parametrize(("runtime", "numpy", "works"), [("2.14.0", "2.0.1", False), ("2.14.0", "1.26.4", True)])
def test_tflite_runtime_with_numpy_2_is_explained(runtime, numpy, works):
    if works:
        refuse_numpy_2(runtime, numpy)
    else:
        with pytest.raises(ImportError, match="numpy<2"):
            refuse_numpy_2(runtime, numpy)


def test_opening_one_engine_imports_no_other():
    program = (
        "import sys, edgelstm.runtime.engines.open as e\n"
        "assert not {'onnx', 'onnxruntime', 'ai_edge_litert', 'flatbuffers', 'edgelstm.model'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_metadata_that_do_not_fit_the_graph_are_refused(tmp_path):
    need_engine("onnx")
    need_engine("tflite")
    import onnx

    right, wrong = random_model(6, [16], [4]), random_model(5, [16], [4])
    proto, other = (onnx.load_from_string(onnx_float32.encode(model)) for model in (right, wrong))
    del proto.metadata_props[:]
    proto.metadata_props.extend(other.metadata_props)
    path = tmp_path / "model.onnx"
    onnx.save(proto, path)
    with pytest.raises(ValueError, match="graph: input x"):
        open_model(path)
    graph, other_graph = (tflite_fused.build_int8(quantize(model, "per-gate")) for model in (right, wrong))
    path = tmp_path / "model.tflite"
    path.write_bytes(seal(tflite_writer.encode(replace(graph, metadata=other_graph.metadata))))
    with pytest.raises(ValueError, match="graph: x"):
        open_model(path)
