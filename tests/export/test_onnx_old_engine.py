"""Every ONNX form in onnxruntime 1.15.1, the oldest that the files are for: its proof repeated there."""

import json
from dataclasses import replace

import pytest

from counts import some
from edgelstm.export import FORMS, export_model
from edgelstm.model_file import save_model
from layer_lists import layer_list
from other_environment import other_environment

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# The last numpy that it was built for; it has wheels up to Python 3.11.
OLD = ("onnxruntime==1.15.1", "numpy==1.26.4", "click==8.1.7")
FILES = [(form, io) for form in FORMS if form.format == "onnx" for io in form.io]
# No list of layers: a trained model of one LSTM.
TRAINED = [(form, io, "") for form, io in FILES]
LISTS = [
    (form, io, layers)
    for layers in ("causal convolution", "strides around", "dense before lstm")
    for form, io in FILES
]
CASES = [*TRAINED, *some(sorted(LISTS, key=lambda case: case[0].name != "int8-exact"), 3)]


@pytest.fixture(scope="module")
def old():
    return other_environment("onnxruntime-1.15.1", *OLD)


@pytest.fixture(scope="module")
def model(watch_model):
    return replace(watch_model, examples=tuple(sequence[:300] for sequence in watch_model.examples[:2]), unseen=())


@pytest.mark.parametrize(
    ("form", "io", "layers"), CASES, ids=[f"{case[2]}-{case[0].name}-{case[1]}" for case in CASES]
)
def test_a_proof_passes_there_too(old, form, io, layers, model, tmp_path):
    model = layer_list(layers) if layers else model
    if form.why_not(model) is not None:
        pytest.skip(f"holds {form.why_not(model)}")
    save_model(model, tmp_path / "model.npz")
    path = export_model(model, tmp_path / "model.onnx", precision=form.name, io=io, verify=False).path
    done = old.edgelstm("verify", path, "--against", tmp_path / "model.npz", "--json")
    proof = json.loads(done.stdout)["proof"]
    assert proof["same_rounding"]["passed"]
    assert proof["engine"] == "onnxruntime 1.15.1"
    assert "saved and restored against frame by frame" in {
        check["name"] for check in proof["same_rounding"]["checks"]
    }
