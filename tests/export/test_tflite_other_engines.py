"""TFLite files in engines that cannot live beside the tests' own: tflite-runtime 2.14 and TensorFlow Lite Micro."""

import json
from dataclasses import replace
from pathlib import Path

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
from other_environment import old_engines, other_environment
from random_models import random_model, random_signal
from with_layers import head_of

pytest.importorskip("ai_edge_litert")

FILES = [f"{form.name}-{io}" for form in FORMS if form.format == "tflite" for io in form.io]


@pytest.fixture(scope="module")
def runtime():
    return old_engines()


@pytest.fixture(scope="module")
def micro():
    # Its package imports the last two, though running a file needs neither.
    needs = ("numpy==1.26.4", "flatbuffers==25.12.19", "PyYAML==6.0.2")
    return other_environment("tflite-micro", "tflite-micro==0.dev20261023182759", *needs)


@pytest.fixture(scope="module")
def model():
    return random_model(6, [24, 9], [8, 4], frames=60)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """Folder with the model and its file in every form, float and integer."""
    folder = tmp_path_factory.mktemp("other engines")
    save_model(model, folder / "model.npz")
    for form in FORMS:
        for io in form.io if form.format == "tflite" else ():
            export_model(model, folder / f"{form.name}-{io}.tflite", precision=form.name, io=io, verify=False)
    return folder


# All in one program: to start it takes longer than a proof.
VERIFY = """
import json, sys
from edgelstm.export import verify
from edgelstm.model_file import load_model
for path, model in zip(sys.argv[1::2], sys.argv[2::2]):
    print(json.dumps(verify(path, load_model(model)).to_json()))
"""


def proofs_in(runtime, paths):
    """The proofs of files there, each against the model.npz that lies beside it."""
    arguments = [argument for path in paths for argument in (path, path.parent / "model.npz")]
    proofs = [json.loads(line) for line in runtime.run("-c", VERIFY, *arguments).stdout.splitlines()]
    assert {proof["engine"] for proof in proofs} == {"tflite-runtime 2.14.0"}
    return dict(zip(paths, proofs, strict=True))


def test_tflite_runtime_proves_every_form(runtime, exported):
    """The same proof as at home: int8 fused in every bit, frame by frame, at once, saved and restored."""
    paths = [exported / f"{name}.tflite" for name in FILES if not name.startswith("int8-dynamic")]
    for path, proof in proofs_in(runtime, paths).items():
        assert proof["same_rounding"]["passed"] is True, path.name
        checks = proof["same_rounding"]["checks"]
        exact = [check["differing"] for check in checks if check["name"].endswith("integers")]
        assert exact == ([0] * 4 if path.stem.startswith(("int8-float32", "int8-int8")) else []), path.name


def test_tflite_runtime_proves_lists_of_layers(runtime, tmp_path):
    paths = []
    for layers in some(["strides around", "causal convolution", "gru, reset first, then lstm"]):
        model = layer_list(layers)
        (tmp_path / layers).mkdir()
        save_model(model, tmp_path / layers / "model.npz")
        for name in some(["int8-explicit", "float32-explicit"]):
            path = tmp_path / layers / f"{name}.tflite"
            paths.append(export_model(model, path, precision=name, verify=False).path)
    for path, proof in proofs_in(runtime, paths).items():
        assert proof["same_rounding"]["passed"] is True, path


def test_tflite_runtime_refuses_scales_per_row_beside_floats(runtime, exported):
    """It would read the first row's scale alone; the operator's version keeps it from that."""
    path = exported / "int8-dynamic-float32.tflite"
    done = runtime.edgelstm("verify", path, "--against", exported / "model.npz", check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "refuses" in line]
    assert "tflite-runtime 2.14.0 refuses it" in line
    assert "FULLY_CONNECTED" in line
    assert "Traceback" not in done.stderr


def test_tflite_runtime_beside_numpy_2_says_what_to_do(runtime, exported, tmp_path):
    """pip allows the two together; importing the interpreter would end in a page about _ARRAY_API."""
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        pytest.skip(f"numpy {np.__version__} is the interpreter's own")
    ours = Path(np.__file__).parents[1]
    for found in (runtime.package / "edgelstm", ours / "numpy", ours / "numpy.libs"):
        if found.exists():
            (tmp_path / found.name).symlink_to(found)
    broken = replace(runtime, package=tmp_path)
    path = exported / "int8-float32.tflite"
    done = broken.edgelstm("verify", path, "--against", exported / "model.npz", check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    expected = f"does not work with numpy {np.__version__}: pip install ai-edge-litert instead"
    assert f"tflite-runtime 2.14.0 {expected}" in line


MICRO = """
import sys
import numpy as np
from tflite_micro import runtime
for path, given, result in zip(*[iter(sys.argv[1:])] * 3):
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


def in_micro(micro, framed):
    """{path: frames} → {path: scores} by TensorFlow Lite Micro, states that are inputs carried; or what it said when
    it refused a file. Many in one program: to start it takes longest."""
    arguments, results = [], {}
    for path, frames in framed.items():
        given, results[path] = path.with_suffix(".npz"), path.with_suffix(".npy")
        np.savez(given, x=frames, **{state.name: state.fresh() for state in open_model(path).states if state.output})
        arguments += [path, given, results[path]]
    done = micro.run("-c", MICRO, *arguments, check=False)
    return {path: np.load(result) for path, result in results.items()} if done.returncode == 0 else done.stderr


def test_micro_agrees_with_float64(micro, exported, model):
    signal = random_signal(60, 6, 1)
    exact = forward(model, signal).scores
    paths = [exported / f"{name}.tflite" for name in ("float32-float32", "float32-explicit-float32")]
    for path, found in in_micro(micro, dict.fromkeys(paths, signal)).items():
        np.testing.assert_allclose(found, exact, rtol=0, atol=2e-5, err_msg=path.name)


def test_micro_comes_near_litert_in_int8(micro, exported, model):
    """Its sigmoid and tanh come from other tables: integers part by a unit here and there, and stay near."""
    signal = random_signal(60, 6, 1)
    near, framed, expected, units = {}, {}, {}, {}
    for name, most, mean in (("int8", 6, 0.6), ("int8-explicit", 12, 2.5)):
        quantized = quantize(model, "per-row" if "explicit" in name else "per-gate")
        for io in ("float32", "int8"):
            path = exported / f"{name}-{io}.tflite"
            near[path] = most, mean
            framed[path] = quantize_frames(quantized, signal) if io == "int8" else signal
            units[path] = 1 if io == "int8" else float(head_of(quantized)[-1].output.scale)
            expected[path] = streamed(path.read_bytes(), framed[path])["scores"] / units[path]
    for path, found in in_micro(micro, framed).items():
        off = np.abs(found / units[path] - expected[path])
        most, mean = near[path]
        assert off.max() <= most, path.name
        assert off.mean() <= mean, path.name
        assert np.ptp(expected[path], axis=0).min() > 50, path.name  # the answers do move


def test_micro_runs_lists_of_layers(micro, tmp_path):
    signal = random_signal(60, 6, 1)
    framed, expected = {}, {}
    for layers in ("causal convolution", "strides around", "gru, reset first, then lstm"):
        model = layer_list(layers, outputs=4)
        exact = forward(model, signal).scores
        for name, near in (("float32-explicit", 2e-5), ("int8-explicit", 0.2 * np.abs(exact).max())):
            path = tmp_path / f"{layers}-{name}.tflite"
            export_model(model, path, precision=name, verify=False)
            framed[path], expected[path] = signal.reshape(-1, model.stride, 6), (exact, near)
    found = in_micro(micro, framed)
    assert not isinstance(found, str), found
    for path, (exact, near) in expected.items():
        np.testing.assert_allclose(found[path], exact, rtol=0, atol=near, err_msg=path.name)


def test_micro_answers_nan_to_hybrid(micro, exported):
    """What the list of forms warns of."""
    path = exported / "hybrid-float32.tflite"
    assert np.isnan(in_micro(micro, {path: random_signal(3, 6)})[path]).all()


def test_micro_refuses_scales_per_row_beside_floats(micro, exported):
    said = in_micro(micro, {exported / "int8-dynamic-float32.tflite": random_signal(3, 6)})
    assert isinstance(said, str)
    assert "FULLY_CONNECTED" in said
