"""An imported model is calibrated, and leaves as int8 with its proof."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data import Dataset, save_dataset
from edgelstm.forward import forward
from edgelstm.layers import GRU, LSTM, Add, Concat, Dense, Layer
from edgelstm.model import Answer
from edgelstm.model_file import load_model, save_model
from edgelstm.road import INPUT
from in_process import Ended, refused_well, run
from random_models import random_signal
from torch_files import write_zip

FEATURES, UNITS, FRAMES = 3, 6, 120


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """net.npz, imported; data of eight recordings and of one, whose features are far from 0 and of other sizes."""
    rng = np.random.default_rng(3)
    sizes = np.array([1, 20, 400])
    sides = {"weight_ih": (4 * UNITS, FEATURES), "weight_hh": (4 * UNITS, UNITS)}
    tensors = {f"rnn.{name}_l0": rng.normal(0, 0.6, shape) for name, shape in sides.items()}
    tensors["rnn.weight_ih_l0"] /= sizes
    tensors |= {"rnn.bias_ih_l0": rng.normal(0, 0.3, 4 * UNITS), "rnn.bias_hh_l0": np.zeros(4 * UNITS)}
    tensors |= {"fc.weight": rng.normal(size=(4, UNITS)), "fc.bias": np.zeros(4)}
    write_zip(tmp_path / "net.pt", {name: value.astype(np.float32) for name, value in tensors.items()})
    monkeypatch.chdir(tmp_path)
    assert run("import", "net.pt", "--layers", "rnn,fc,softmax", "--stream").code == 0
    for count, name in ((8, "data"), (1, "one")):
        signals = tuple((random_signal(FRAMES, FEATURES, n) + 0.5) * sizes.astype(np.float32) for n in range(count))
        save_dataset(Dataset(signals, np.zeros(count, np.int64), ("a",), np.arange(count), ()), Path(f"{name}.npz"))
    return tmp_path


def calibrated(name: str) -> Ended:
    return run("calibrate", "net.npz", f"{name}.npz", "-o", "new.npz", "--json")


@pytest.mark.parametrize("name", ["data", "one"])
def test_it_answers_as_before_and_knows_recordings_for_its_proof(folder: Path, name: str) -> None:
    ended = calibrated(name)
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    before, after = load_model("net.npz"), load_model("new.npz")
    assert report["normalized"]
    assert len(after.unseen) == report["unseen"] > 0
    assert after.ranges is not None
    assert after.normalize.std[2] > 50 * after.normalize.std[0]
    x = after.unseen[0]
    np.testing.assert_allclose(forward(after, x).scores, forward(before, x).scores, atol=2e-6)


def branches(which: str) -> tuple[Layer, ...]:
    """Layers of which several read the frames."""
    rng = np.random.default_rng(5)
    first = load_model("net.npz").layers[0]
    assert isinstance(first, LSTM)
    sizes = np.array([1, 20, 400], np.float32)
    gru = GRU(rng.normal(size=(15, FEATURES)) / sizes, rng.normal(0, 0.3, (15, 5)), np.ones(15), np.ones(5), of=INPUT)
    direct = Dense(rng.normal(size=(UNITS, FEATURES)) / sizes, np.ones(UNITS), "relu", of=INPUT)
    width = {"gru": UNITS + 5, "dense": UNITS, "frames": UNITS + FEATURES}[which]
    between = {
        "gru": (gru, Concat("lstm0")),
        "dense": (direct, Add("lstm0")),
        "frames": (Concat(INPUT),),  # no weights that could take the normalization back
    }[which]
    behind = LSTM(rng.normal(0, 0.3, (16, width)), rng.normal(0, 0.3, (16, 4)), np.zeros(16))
    return (first, *between, behind, Dense(rng.normal(size=(4, 4)), np.zeros(4), "linear"))


@pytest.mark.parametrize("which", ["gru", "dense", "frames"])
def test_it_answers_as_before_where_several_layers_read_the_frames(folder: Path, which: str) -> None:
    before = replace(load_model("net.npz"), layers=branches(which), activation="linear")
    save_model(before, Path("branches.npz"))
    ended = run("calibrate", "branches.npz", "data.npz", "-o", "new.npz", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["normalized"] == (which != "frames")
    after = load_model("new.npz")
    for x in after.unseen:
        expected = forward(before, x).scores
        np.testing.assert_allclose(forward(after, x).scores, expected, atol=1e-5 * np.abs(expected).max())


def test_it_leaves_as_int8_with_a_proof(folder: Path) -> None:
    assert calibrated("data").code == 0
    ended = run("export", "new.npz", "-o", "new.elstm", "--json")
    assert ended.code == 0, ended
    proof = json.loads(ended.out)[0]["proof"]
    assert proof["passed"]
    assert proof["agrees"]["data"] == "unseen"
    assert run("verify", "new.elstm", "--against", "new.npz").code == 0
    before = run("verify", "new.elstm", "--against", "net.npz")
    assert refused_well(before)
    assert "net.npz: not calibrated, and new.elstm is of integers; give the calibrated model" in before.err
    before = run("verify", "new.elstm", "--against", "net.pt")
    assert refused_well(before)
    assert "net.pt: PyTorch's state_dict or TorchScript" in before.err


def test_a_model_that_is_not_calibrated_proves_its_float32_file(folder: Path) -> None:
    ended = run("export", "net.npz", "--precision", "float32", "--data", "data.npz", "-o", "net.elstm")
    assert ended.code == 0, ended
    ended = run("verify", "net.elstm", "data.npz", "--against", "net.npz")
    assert ended.code == 3  # the file knows the range of the data, the model does not
    assert "Note: if the file was exported with --data, give --calibrate" in ended.err
    assert run("verify", "net.elstm", "data.npz", "--calibrate", "--against", "net.npz").code == 0


def test_without_a_name_it_lies_beside(folder: Path) -> None:
    assert run("calibrate", "net.npz", "data.npz").code == 0
    assert (folder / "net-calibrated.npz").exists()
    ended = run("calibrate", "net.npz", "data.npz", "-o", "net.npz")
    assert ended.code == 2
    assert "--output net.npz: the same file as net.npz, which is read" in ended.err


def test_layers_that_stay_in_float32_leave_between_those_of_integers(folder: Path) -> None:
    ended = run("import", "net.pt", "--layers", "rnn,tanh,fc,softmax", "--stream", "-o", "tanh.npz")
    assert ended.code == 0, ended
    assert ended.out.splitlines()[-1] == "Next: edgelstm calibrate tanh.npz recordings"
    ended = run("calibrate", "tanh.npz", "data.npz", "-o", "mixed.npz")
    assert ended.code == 0, ended
    for name in ("mixed.elstm", "mixed.c"):
        ended = run("export", "mixed.npz", "--format", name.split(".")[1], "-o", name, "--json")
        assert ended.code == 0, ended
        assert json.loads(ended.out)[0]["proof"]["passed"]
    assert run("verify", "mixed.elstm", "--against", "mixed.npz").code == 0
    ended = run("export", "mixed.npz", "--format", "onnx")  # the one form that holds them
    assert ended.code == 0, ended
    assert "mixed-float32.onnx" in ended.out
    refused = run("export", "mixed.npz", "--format", "tflite")
    assert refused.code == 1
    assert "edgelstm: mixed.npz: tflite int8 holds no activation layer (activation0)" in " ".join(refused.err.split())


def test_what_integers_do_not_compute_stays_in_float32_with_a_proof(folder: Path) -> None:
    plain = load_model("net.npz")
    save_model(replace(plain, layers=(replace(plain.layers[0], gate="hard_sigmoid"), *plain.layers[1:])), "hard.npz")
    direct = run("export", "hard.npz", "--precision", "float32", "--data", "data.npz", "-o", "a.elstm", "--json")
    assert direct.code == 0, direct
    ended = run("calibrate", "hard.npz", "data.npz", "-o", "kept.npz")
    assert ended.code == 0, ended
    assert ended.out.splitlines()[-1] == "Next: edgelstm export kept.npz"
    kept = run("export", "kept.npz", "-o", "b.elstm", "--json")
    assert kept.code == 0, kept
    for proof in (json.loads(one.out)[0]["proof"] for one in (direct, kept)):
        assert proof["passed"]
        assert proof["agrees"]["data"] == "unseen"


def test_layers_named_are_kept_in_float32_and_told_of(folder: Path) -> None:
    ended = run("calibrate", "net.npz", "data.npz", "-o", "kept.npz", "--keep-float", "lstm0", "--json")
    assert json.loads(ended.out)["kept_float32"] == ["lstm0"]
    assert load_model("kept.npz").ranges.kept == ("lstm0",)
    ended = run("export", "kept.npz", "-o", "kept.elstm")
    assert ended.code == 0, ended
    assert "Note: lstm0: in float32 also in int8 files, 90 % of the weights" in ended.err
    for name in ("kept.npz", "kept.elstm"):
        assert json.loads(run("inspect", name, "--json").out)["kept_float32"] == ["lstm0"]
        assert "also in int8 files: lstm0" in run("inspect", name).out
    refused = run("export", "kept.npz", "--format", "tflite", "--precision", "int8")
    assert refused.code == 1
    assert "no float32 layers among its integers (lstm0)" in " ".join(refused.err.split())
    wrong = run("calibrate", "net.npz", "data.npz", "--keep-float", "lstm7")
    assert wrong.code == 2
    assert "--keep-float: 'lstm7', expected one of lstm0, dense0, or none alone" in " ".join(wrong.err.split())
    both = run("calibrate", "net.npz", "data.npz", "--keep-float", "none", "--keep-float", "lstm0")
    assert both.code == 2
    assert "--keep-float: none and 'lstm0', expected none alone, or layers" in " ".join(both.err.split())


def test_layers_named_get_weights_of_16_bits_and_stay_so(folder: Path) -> None:
    ended = run("calibrate", "net.npz", "data.npz", "-o", "wide.npz", "--int16", "lstm0", "--json")
    assert json.loads(ended.out)["int16"] == ["lstm0"]
    ended = run("export", "wide.npz", "-o", "wide.elstm", "--data", "data.npz")
    assert ended.code == 0, ended
    assert "Note: lstm0: weights of 16 bits in int8 files, 90 % of the weights" in ended.err
    for name in ("wide.npz", "wide.elstm"):
        assert json.loads(run("inspect", name, "--json").out)["int16"] == ["lstm0"]
        assert "weights of 16 bits in int8 files: lstm0" in run("inspect", name).out
    ended = run("calibrate", "net.npz", "data.npz", "-o", "wider.npz", "--int16", "all", "--json")
    assert json.loads(ended.out)["int16"] == ["lstm0", "dense0"]
    refused = run("export", "wide.npz", "--format", "tflite", "--precision", "int8")
    assert refused.code == 1
    assert "no layers with weights of 16 bits (lstm0)" in " ".join(refused.err.split())
    for names, what in (
        ("lstm7", "'lstm7', expected one of lstm0, dense0"),
        ("lstm0", "which --keep-float names too"),
    ):
        wrong = run("calibrate", "net.npz", "data.npz", "--int16", names, "--keep-float", "lstm0")
        assert wrong.code == 2
        assert what in " ".join(wrong.err.split())


def test_an_error_is_no_choice_where_layers_are_named_or_all_are_int8(folder: Path) -> None:
    for more, what in (
        (("--keep-float", "lstm0"), "given beside --keep-float or --int16, expected one or the other"),
        ((), "all layers of this model are int8, none is chosen: expected none of it"),
    ):
        wrong = run("calibrate", "net.npz", "data.npz", "--error", "1", *more)
        assert wrong.code == 2
        assert f"--error: {what}" in " ".join(wrong.err.split())


def test_weights_that_overflow_are_not_blamed_on_the_recordings(folder: Path) -> None:
    model = load_model("net.npz")
    first, last = model.layers
    huge = replace(last, W=last.W * np.float32(1e38))  # type: ignore[type-var]
    save_model(replace(model, layers=(first, replace(huge, b=huge.b + np.float32(3e38)))), Path("huge.npz"))
    ended = run("calibrate", "huge.npz", "data.npz")
    assert ended.code == 1
    assert ended.err.startswith("edgelstm: huge.npz: model"), ended.err
    assert "data.npz" not in ended.err


def test_recordings_shorter_than_a_window_are_refused(folder: Path) -> None:
    save_model(replace(load_model("net.npz"), anew=FRAMES + 1, answer=Answer(hop=FRAMES + 1)), Path("window.npz"))
    ended = run("calibrate", "window.npz", "data.npz")
    assert ended.code == 1
    assert f"edgelstm: data.npz: {FRAMES} frames at most, expected a window of {FRAMES + 1}" in ended.err
    save_model(replace(load_model("net.npz"), anew=FRAMES, answer=Answer(hop=FRAMES)), Path("window.npz"))
    assert run("calibrate", "window.npz", "data.npz").code == 0
