"""The oldest onnx and onnxruntime that pyproject.toml allows write the same bytes, and prove them."""

import pytest

from edgelstm.export import FORMS, export_model
from edgelstm.model_file import load_model, save_model
from other_environment import other_environment
from random_models import random_model

pytest.importorskip("onnx")

OLDEST = ("onnx==1.16.0", "onnxruntime==1.17.0", "numpy==1.26.4", "protobuf==4.25.3")
PROGRAM = """
import sys
import onnx, onnxruntime
from edgelstm.export import FORMS, export_model
from edgelstm.model_file import load_model

print(onnx.__version__, onnxruntime.__version__)
for form in FORMS:
    for io in form.io if form.format == "onnx" else ():
        path = f"{sys.argv[1]}/{form.name}-{io}.onnx"
        model = load_model(sys.argv[2])
        proof = export_model(
            model, path, precision=form.name, io=io, sequences=[model.examples[0][:20]], accept_loss=True
        ).proof
        assert proof.passed, path
"""


def test_the_same_bytes_from_the_oldest_toolchain(tmp_path):
    old = other_environment("toolchain-oldest", *OLDEST)
    save_model(random_model(5, [12, 7], [6, 4]), tmp_path / "model.npz")
    said = old.run("-c", PROGRAM, tmp_path, tmp_path / "model.npz").stdout
    assert said.split() == ["1.16.0", "1.17.0"]
    model = load_model(tmp_path / "model.npz")
    (tmp_path / "new").mkdir()
    for form in FORMS:
        for io in form.io if form.format == "onnx" else ():
            name = f"{form.name}-{io}.onnx"
            new = export_model(model, tmp_path / "new" / name, precision=form.name, io=io, verify=False).path
            assert new.read_bytes() == (tmp_path / name).read_bytes(), name
