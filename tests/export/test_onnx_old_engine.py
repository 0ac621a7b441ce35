"""Every ONNX form in onnxruntime 1.15.1, the oldest that the files are for: its proof repeated there."""

import json
from dataclasses import replace

import pytest

from counts import some, times
from edgelstm.export import FORMS, export_model
from edgelstm.model_file import save_model
from layer_lists import layer_list
from other_environment import old_engines

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FILES = [(form, io) for form in FORMS if form.format == "onnx" for io in form.io]
# No list of layers: a trained model of one LSTM.
TRAINED = [(form, io, "") for form, io in FILES]
LISTS = [
    (form, io, layers)
    for layers in ("causal convolution", "strides around", "dense before lstm")
    for form, io in FILES
]
CASES = [*TRAINED, *some(sorted(LISTS, key=lambda case: case[0].name != "int8-exact"), 1)]


# All in one program: to start it takes longer than a proof.
VERIFY = """
import json, sys
from edgelstm.export import verify
from edgelstm.model_file import load_model
for path, model in zip(sys.argv[1::2], sys.argv[2::2]):
    print(json.dumps(verify(path, load_model(model)).to_json()))
"""


def test_proofs_pass_there_too(watch_model, tmp_path):
    old = old_engines()
    trained = replace(
        watch_model, examples=tuple(sequence[: times(100, 300)] for sequence in watch_model.examples[:2]), unseen=()
    )
    models = {name: layer_list(name) if name else trained for name in {layers for _, _, layers in CASES}}
    arguments, tried = [], []
    for n, (form, io, layers) in enumerate(CASES):
        if form.why_not(models[layers]) is None:
            path = export_model(models[layers], tmp_path / f"{n}.onnx", precision=form.name, io=io, verify=False).path
            save_model(models[layers], tmp_path / f"{layers}.npz")
            arguments += [path, tmp_path / f"{layers}.npz"]
            tried.append(f"{form.name} {io} {layers}")
    assert len(tried) >= len(TRAINED) + 1
    proofs = [json.loads(line) for line in old.run("-c", VERIFY, *arguments).stdout.splitlines()]
    assert len(proofs) == len(tried)
    for case, proof in zip(tried, proofs):
        assert proof["same_rounding"]["passed"], case
        assert proof["engine"] == "onnxruntime 1.15.1"
        assert "saved and restored against frame by frame" in {
            check["name"] for check in proof["same_rounding"]["checks"]
        }, case
