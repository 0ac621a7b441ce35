"""onnxruntime on an x86 processor without VNNI, emulated where this one has it: its products of uint8 and int8
saturate, ours do not."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export import export_model
from edgelstm.model_file import save_model
from edgelstm.quantization import calibrate
from random_models import random_model, random_signal
from with_layers import lstms_of, with_layers

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CPUINFO = Path("/proc/cpuinfo")
LACKS_VNNI = CPUINFO.exists() and "vnni" not in CPUINFO.read_text() and "avx2" in CPUINFO.read_text()
QEMU = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="for x86-64"),
    pytest.mark.skipif(
        QEMU is None and not LACKS_VNNI, reason="needs qemu-x86_64 (Debian: apt install qemu-user-static)"
    ),
]


def with_ends(layer, rng):
    """Every weight at one end of int8."""
    ends = {name: np.where(rng.random(getattr(layer, name).shape) < 0.9, 0.2, -0.2) for name in ("W", "R")}
    return replace(layer, **ends)


@pytest.fixture(scope="module")
def model():
    model = random_model(64, [32], [5])
    extremes = 100 * np.sign(random_signal(6, 64, 2))
    ends = with_layers(model, lstms=(with_ends(lstms_of(model)[0], np.random.default_rng(1)),))
    return replace(calibrate(ends, ends.examples), examples=(extremes.astype(np.float32),))


def with_int8_weights(path):
    """The same numbers as int8 with zero point 0."""
    proto = onnx.load(path)
    for tensor in proto.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if tensor.name.endswith("_weights"):
            tensor.CopyFrom(onnx.numpy_helper.from_array((array.astype(np.int16) - 128).astype(np.int8), tensor.name))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0, np.int8), "no_zero_point"))
    for node in proto.graph.node:
        if node.op_type == "MatMulInteger":
            node.input[3] = "no_zero_point"
    onnx.save(proto, path)


# To start it all takes most of the time where it is emulated: both files in one program. Frames at the ends of int8
# cost accuracy; what is asked is whether the integers are right.
VERIFY = """
import sys
from edgelstm.export import verify
from edgelstm.model_file import load_model
model, *files = sys.argv[1:]
for file in files:
    proof = verify(file, load_model(model)).accepting_loss()
    print(*proof.lines(), f"passed: {proof.passed}", sep="\\n")
"""


def test_the_proof_holds_without_vnni_and_sees_saturation(model, tmp_path):
    save_model(model, tmp_path / "model.npz")
    paths = [
        export_model(model, tmp_path / f"{name}.onnx", precision="int8-exact", verify=False).path
        for name in ("right", "saturating")
    ]
    with_int8_weights(paths[1])
    on = [] if LACKS_VNNI else [QEMU, "-cpu", "Haswell"]
    command = [*on, sys.executable, "-c", VERIFY, tmp_path / "model.npz", *paths]
    written = os.environ | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=written, check=False)
    lines = [line.lstrip() for line in done.stdout.splitlines()]
    shown = [line[0] for line in lines if "integers" in line and line[0] in "✓✗"]  # others tell of them, judging none
    assert shown == ["✓", "✓", "✗", "✗"], done.stderr
    assert [line for line in lines if line.startswith("passed")] == ["passed: True", "passed: False"]
