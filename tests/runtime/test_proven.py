"""A file beside the proof of another one is refused, by every command that runs files."""

import json

import numpy as np
import pytest

from edgelstm.data import Dataset, save_dataset
from edgelstm.export import export_model
from edgelstm.runtime import proven
from edgelstm.runtime.proven import check_proven, proof_path
from in_process import refused_well, run
from random_models import random_model, random_signal

MODEL = random_model(3, [4], [2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proven")
    for name, precision in {"m.elstm": "int8", "m.onnx": "float32", "m.tflite": "float32"}.items():
        export_model(MODEL, folder / name, precision=precision)
    (folder / "frames.csv").write_text("1,2,3\n" * 8)
    sequences = tuple(random_signal(12, 3, seed) for seed in range(4))
    names = ("class 0", "class 1")
    save_dataset(Dataset(sequences, np.arange(4) % 2, names, np.arange(4), ()), folder / "data.npz")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch, folder):
    monkeypatch.setattr(proven, "_BETWEEN", 0)
    monkeypatch.chdir(folder)


def commands(name):
    return [
        ("stream", name, "frames.csv"),
        ("evaluate", name, "data.npz", "--all"),
        ("profile", name, "--frames", "10", "--pace", "flat"),
        ("deploy", name, "--board", "board", "--source", "/x"),
        *([("profile", name, "--predict", "pi-5")] if name.endswith(".elstm") else []),
    ]


@pytest.mark.parametrize("name", ["m.elstm", "m.onnx", "m.tflite"])
def test_a_flipped_bit_of_a_weight_runs_nowhere(folder, name):
    """An engine sees nothing of it: in ONNX files no checksum tells."""
    whole = (folder / name).read_bytes()
    weight = next(layer.W for layer in MODEL.layers)[0, 0].tobytes()
    at = whole.find(weight) if weight in whole else len(whole) // 2
    (folder / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    try:
        for command in commands(name):
            ended = run(*command)
            assert (ended.code, refused_well(ended)) == (1, True), (command, ended)
            assert f"{name}: not the file that {name}.proof.json is of" in ended.err
        if name == "m.onnx":
            shown = run("inspect", name).out
            assert "agrees       unknown: the proof beside the file is another one's" in shown
        if name == "m.onnx":
            proof_path(name).rename("away")
            ended = run("stream", name, "frames.csv")
            assert (ended.code, ended.err) == (0, "")  # nobody else notices
            (folder / "away").rename(proof_path(name))
    finally:
        (folder / name).write_bytes(whole)
    assert run("stream", name, "frames.csv").code == 0
    proof = json.loads(proof_path(name).read_text())["agrees"]
    told = json.loads(run("inspect", name, "--json").out)["agrees"]
    assert (told["answers"], told["error"]) == (proof["answers"], proof["error"])


def test_links_and_files_without_proof_may_be_run(folder):
    (folder / "link.onnx").symlink_to("m.onnx")
    (folder / "bare.onnx").write_bytes((folder / "m.onnx").read_bytes())
    for name in ("link.onnx", "bare.onnx", "m.onnx"):
        assert run("stream", name, "frames.csv").code == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "m.onnx.proof.json: "), ("{}", "m.onnx.proof.json: no field 'sha256'"), ("[]", "m.onnx.proof.json: ")],
)
def test_what_is_no_proof_is_named(folder, content, said):
    before = proof_path("m.onnx").read_text()
    proof_path("m.onnx").write_text(content)
    try:
        ended = run("stream", "m.onnx", "frames.csv")
        assert (ended.code, refused_well(ended)) == (1, True)
        assert said in ended.err
    finally:
        proof_path("m.onnx").write_text(before)


def test_an_export_that_is_under_way_is_waited_for(tmp_path, monkeypatch):
    """The proof goes first and comes last; who looks in between looks again."""
    paths = [tmp_path / name for name in ("m.elstm", "new.elstm")]
    for path, seed in zip(paths, (1, 2)):
        export_model(random_model(3, [4], [2], seed=seed), path, precision="float32")
    proof = json.loads(proof_path(paths[1]).read_text())
    paths[1].replace(paths[0])  # the new file beside the old proof
    monkeypatch.setattr(proven.time, "sleep", lambda _: proof_path(paths[0]).write_text(json.dumps(proof)))
    check_proven(paths[0])
