"""TFLite files in engines that cannot live beside the tests' own: tflite-runtime 2.14 and TensorFlow Lite Micro."""

import json

import numpy as np
import pytest

from counts import some
from edgelstm.export import FORMS, export_model
from edgelstm.forward import forward
from edgelstm.model_file import save_model
from edgelstm.quantization import quantize
from edgelstm.quantization.reference import quantize_frames
from edgelstm.runtime.engines.open import open_model
from layer_lists import layer_list
from litert_alone import streamed
from other_environment import other_environment
from random_models import random_model, random_signal
from with_layers import head_of

pytest.importorskip("ai_edge_litert")

FILES = [f"{form.name}-{io}" for form in FORMS if form.format == "tflite" for io in form.io]


@pytest.fixture(scope="module")
def runtime():
    return other_environment("tflite-runtime-2.14", "tflite-runtime==2.14.0", "numpy==1.26.4", "click==8.1.7")


@pytest.fixture(scope="module")
def micro():
    # Its package imports the last two, though running a file needs neither.
    needs = ("numpy==1.26.4", "flatbuffers==25.12.19", "PyYAML==6.0.2")
    return other_environment("tflite-micro", "tflite-micro==0.dev20261023182759", *needs)


@pytest.fixture(scope="module")
def model():
    return random_model(6, [24, 9], [8, 4])


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """Folder with the model and its file in every form, float and integer."""
    folder = tmp_path_factory.mktemp("other engines")
    save_model(model, folder / "model.npz")
    for form in FORMS:
        for io in form.io if form.format == "tflite" else ():
            export_model(model, folder / f"{form.name}-{io}.tflite", precision=form.name, io=io, verify=False)
    return folder


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("int8-dynamic")])
def test_tflite_runtime_proves_every_form(runtime, exported, name):
    """The same proof as at home: int8 fused in every bit, frame by frame, at once, saved and restored."""
    path = exported / f"{name}.tflite"
    done = runtime.edgelstm("verify", path, "--against", exported / "model.npz", "--json")
    proof = json.loads(done.stdout)["proof"]
    assert proof["same_rounding"]["passed"] is True
    assert proof["engine"] == "tflite-runtime 2.14.0"
    exact = [check["differing"] for check in proof["same_rounding"]["checks"] if check["name"].endswith("integers")]
    assert exact == ([0] * 4 if name.startswith(("int8-float32", "int8-int8")) else [])


@pytest.mark.parametrize("layers", some(["strides around", "causal convolution", "gru, reset first, then lstm"]))
@pytest.mark.parametrize("name", some(["int8-explicit", "float32-explicit"]))
def test_tflite_runtime_proves_lists_of_layers(runtime, name, layers, tmp_path):
    model = layer_list(layers)
    save_model(model, tmp_path / "model.npz")
    path = export_model(model, tmp_path / "model.tflite", precision=name, verify=False).path
    done = runtime.edgelstm("verify", path, "--against", tmp_path / "model.npz", "--json")
    proof = json.loads(done.stdout)["proof"]
    assert proof["same_rounding"]["passed"] is True
    assert proof["engine"] == "tflite-runtime 2.14.0"


def test_tflite_runtime_refuses_scales_per_row_beside_floats(runtime, exported):
    """It would read the first row's scale alone; the operator's version keeps it from that."""
    path = exported / "int8-dynamic-float32.tflite"
    done = runtime.edgelstm("verify", path, "--against", exported / "model.npz", check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "refuses" in line]
    assert "tflite-runtime 2.14.0 refuses it" in line
    assert "FULLY_CONNECTED" in line
    assert "Traceback" not in done.stderr


def test_tflite_runtime_beside_numpy_2_says_what_to_do(exported):
    """pip allows the two together; importing the interpreter would end in a page about _ARRAY_API."""
    broken = other_environment("tflite-runtime-numpy-2", "tflite-runtime==2.14.0", "numpy==2.2.6", "click==8.1.7")
    path = exported / "int8-float32.tflite"
    done = broken.edgelstm("verify", path, "--against", exported / "model.npz", check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "tflite-runtime 2.14.0 does not work with numpy 2.2.6: pip install ai-edge-litert instead" in line


MICRO = """
import sys
import numpy as np
from tflite_micro import runtime
path, given, result = sys.argv[1:]
states = dict(np.load(given))
frames = states.pop("x")
engine = runtime.Interpreter.from_file(path)
answers = 0  # outputs before those of the states
while answers < 2 and states and engine.get_output_details(answers)["shape"][-1] == 4:
    answers += 1
rows = []
for frame in frames:
    engine.set_input(frame.reshape(engine.get_input_details(0)["shape"]), 0)
    for n, value in enumerate(states.values()):
        engine.set_input(value, 1 + n)
    engine.invoke()
    rows.append(engine.get_output(0).reshape(-1).copy())
    states = {name: engine.get_output(answers + n).copy() for n, name in enumerate(states)}
np.save(result, rows)
"""


def in_micro(micro, path, frames):
    """Scores by TensorFlow Lite Micro, states that are inputs carried; or what it said when it refused the file."""
    states = open_model(path).states
    given, result = path.with_suffix(".npz"), path.with_suffix(".npy")
    np.savez(given, x=frames, **{state.name: state.fresh() for state in states if state.output})
    done = micro.run("-c", MICRO, path, given, result, check=False)
    return np.load(result) if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("name", ["float32-float32", "float32-explicit-float32"])
def test_micro_agrees_with_float64(micro, exported, model, name):
    signal = random_signal(60, 6, 1)
    found, exact = in_micro(micro, exported / f"{name}.tflite", signal), forward(model, signal).scores
    np.testing.assert_allclose(found, exact, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "most", "mean"),
    [
        ("int8-float32", 6, 0.6),
        ("int8-int8", 6, 0.6),
        ("int8-explicit-float32", 12, 2.5),
        ("int8-explicit-int8", 12, 2.5),
    ],
)
def test_micro_comes_near_litert_in_int8(micro, exported, model, name, most, mean):
    """Its sigmoid and tanh come from other tables: integers part by a unit here and there, and stay near."""
    path, signal = exported / f"{name}.tflite", random_signal(60, 6, 1)
    quantized = quantize(model, "per-row" if "explicit" in name else "per-gate")
    integers = name.endswith("-int8")
    frames = quantize_frames(quantized, signal) if integers else signal
    unit = 1 if integers else float(head_of(quantized)[-1].output.scale)
    expected = streamed(path.read_bytes(), frames)["scores"] / unit
    units = np.abs(in_micro(micro, path, frames) / unit - expected)
    assert units.max() <= most
    assert units.mean() <= mean
    assert np.ptp(expected, axis=0).min() > 50  # the answers do move


@pytest.mark.parametrize("layers", ["causal convolution", "strides around", "gru, reset first, then lstm"])
def test_micro_runs_lists_of_layers(micro, layers, tmp_path):
    model = layer_list(layers, outputs=4)
    signal = random_signal(60, 6, 1)
    frames, exact = signal.reshape(-1, model.stride, 6), forward(model, signal).scores
    for name, near in (("float32-explicit", 2e-5), ("int8-explicit", 0.2 * np.abs(exact).max())):
        path = export_model(model, tmp_path / f"{name}.tflite", precision=name, verify=False).path
        found = in_micro(micro, path, frames)
        assert not isinstance(found, str), found
        np.testing.assert_allclose(found, exact, rtol=0, atol=near, err_msg=name)


def test_micro_answers_nan_to_hybrid(micro, exported):
    """What the list of forms warns of."""
    assert np.isnan(in_micro(micro, exported / "hybrid-float32.tflite", random_signal(3, 6))).all()


def test_micro_refuses_scales_per_row_beside_floats(micro, exported):
    said = in_micro(micro, exported / "int8-dynamic-float32.tflite", random_signal(3, 6))
    assert isinstance(said, str)
    assert "FULLY_CONNECTED" in said
