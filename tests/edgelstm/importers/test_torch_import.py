"""PyTorch's weights are read as PyTorch computes them: its equations are written down here, gate by gate."""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.forward import activate, forward
from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.read import read_model
from edgelstm.layers import Context, Conv, Dense
from edgelstm.model_file import load_model, save_model
from in_process import refused_well, run
from torch_files import Call, Raw, write_stream, write_zip

F, H, OUT, FRAMES = 3, 5, 4, 60
Tensors = dict[str, np.ndarray]


def weights(kind: str, layers: int = 2, seed: int = 0) -> Tensors:
    """A state_dict of `rnn`, `fc1`, `fc2`."""
    rng = np.random.default_rng(seed)
    blocks = {"lstm": 4, "gru": 3}[kind]
    made: Tensors = {}
    for layer in range(layers):
        for name, shape in {
            "weight_ih": (blocks * H, H if layer else F),
            "weight_hh": (blocks * H, H),
            "bias_ih": (blocks * H,),
            "bias_hh": (blocks * H,),
        }.items():
            made[f"rnn.{name}_l{layer}"] = rng.normal(0, 0.5, shape).astype(np.float32)
    for name, shape in {"fc1.weight": (6, H), "fc1.bias": (6,), "fc2.weight": (OUT, 6), "fc2.bias": (OUT,)}.items():
        made[name] = rng.normal(0, 0.5, shape).astype(np.float32)
    return made


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def computed(kind: str, tensors: Tensors, x: np.ndarray) -> np.ndarray:
    """As torch.nn.LSTM and torch.nn.GRU are documented, in float64: softmax(fc2(relu(fc1(rnn(x)))))."""
    w = {name: value.astype(np.float64) for name, value in tensors.items()}
    flow = x.astype(np.float64)
    for layer in range(sum("weight_hh" in name for name in w)):
        W, R, b, rb = (w[f"rnn.{n}_l{layer}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        h, c, seen = np.zeros(H), np.zeros(H), []
        for row in flow:
            one, other = W @ row + b, R @ h + rb
            if kind == "lstm":
                i, f, g, o = np.split(one + other, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
            else:
                (r, z, n), (hr, hz, hn) = np.split(one, 3), np.split(other, 3)
                z = sigmoid(z + hz)
                h = (1 - z) * np.tanh(n + sigmoid(r + hr) * hn) + z * h
            seen.append(h)
        flow = np.array(seen)
    scores = np.maximum(flow @ w["fc1.weight"].T + w["fc1.bias"], 0) @ w["fc2.weight"].T + w["fc2.bias"]
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


LAYERS = ("rnn", "fc1", "relu", "fc2", "softmax")
STREAM = Choices(LAYERS, stream=True)


def safetensors(path: Path, tensors: Tensors) -> Path:
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in tensors.items():
        ends = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": ends}  # type: ignore[assignment]
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def nested(tensors: Tensors) -> dict[str, Any]:
    moments = {n: {"exp_avg": value} for n, value in enumerate(tensors.values())}
    return {"epoch": 3, "model_state": tensors, "optimizer": {"state": moments, "lr": [1, 2]}}


FORMS: dict[str, Any] = {
    "zip": write_zip,
    "stream": write_stream,
    "safetensors": safetensors,
    "checkpoint": lambda path, tensors: write_zip(path, nested(tensors)),
    "prefix": lambda path, tensors: write_zip(path, {f"module.net.{name}": t for name, t in tensors.items()}),
    "float64": lambda path, tensors: write_zip(path, {name: t.astype(np.float64) for name, t in tensors.items()}),
}


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_answers_as_the_equations(kind: str, form: str, tmp_path: Path) -> None:
    tensors = weights(kind)
    path = FORMS[form](tmp_path / "model.bin", tensors)
    model = read_model(path, STREAM).model
    x = np.random.default_rng(1).normal(size=(FRAMES, F)).astype(np.float32)
    found = activate(forward(model, x).scores, model.activation)
    np.testing.assert_allclose(found, computed(kind, tensors, x), atol=1e-7)
    source = model.provenance["imported"]
    assert source["file"] == "model.bin"


def test_half_precisions_are_what_they_were_rounded_to(tmp_path: Path) -> None:
    tensors = weights("lstm")
    half = {name: value.astype(np.float16) for name, value in tensors.items()}
    brain = {name: (value.view(np.uint32) >> 16).astype(np.uint16) for name, value in tensors.items()}
    for held, expected in (
        (half, {name: value.astype(np.float32) for name, value in half.items()}),
        (brain, {name: (value.astype(np.uint32) << 16).view(np.float32) for name, value in brain.items()}),
    ):
        found = read_model(write_zip(tmp_path / "m.pt", held), STREAM).model
        same = read_model(write_zip(tmp_path / "n.pt", expected), STREAM).model
        assert all((a.W == b.W).all() for a, b in zip(found.layers, same.layers))  # type: ignore[attr-defined]


def test_what_a_file_does_not_say_is_asked_for_by_name(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.pt", weights("gru"))
    with pytest.raises(UndecidedError, match=r"^--layers: not given.*rnn \(GRU 3 to 2 layers of 5\), fc1 \(dense 5"):
        read_model(path, Choices())
    with pytest.raises(UndecidedError, match=r"^--stream or --window N: not given"):
        read_model(path, Choices(LAYERS))
    with pytest.raises(ValueError, match=r"^--layers: 'swish': no such layer"):
        read_model(path, Choices(("rnn", "swish", "fc1"), stream=True))
    both = write_zip(tmp_path / "both.pt", {"a": weights("gru"), "b": weights("lstm")})
    with pytest.raises(UndecidedError, match=r"^--part: not given, and the file holds a, b"):
        read_model(both, STREAM)
    assert read_model(both, Choices(LAYERS, "b", stream=True)).model.layers[0].kind == "lstm"


def test_a_window_is_what_answers_come_after(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.pt", weights("gru"))
    model = read_model(path, Choices(LAYERS, window=40)).model
    assert (model.answer.hop, model.trained_window) == (40, 40)


def test_convolutions_and_batch_norm_become_a_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    tensors = weights("lstm", 1)
    tensors["rnn.weight_ih_l0"] = rng.normal(size=(4 * H, 2 * 8)).astype(np.float32)
    tensors |= {"conv.weight": rng.normal(size=(8, F, 3)).astype(np.float32)}
    norm = {"weight": rng.normal(size=8), "bias": rng.normal(size=8), "running_mean": rng.normal(size=8)}
    norm["running_var"] = rng.uniform(0.5, 2, 8)
    tensors |= {f"bn.{name}": value.astype(np.float32) for name, value in norm.items()}
    layers = ("context:4", "conv", "bn:epsilon=1e-3", "relu", "rnn", "fc1", "fc2")
    model = read_model(write_zip(tmp_path / "model.pt", tensors), Choices(layers, stream=True)).model
    context, conv = model.layers[:2]
    assert isinstance(context, Context)
    assert isinstance(conv, Conv)
    x = rng.normal(size=(4, F))
    row = np.einsum("ock,kc->o", tensors["conv.weight"], x[:3])
    factor = norm["weight"] / np.sqrt(norm["running_var"] + 1e-3)
    expected = np.maximum((row - norm["running_mean"]) * factor + norm["bias"], 0)
    found = forward(model, x).results["conv0"][-1, :8]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_example_of_layers_names_none_that_is_not_read(tmp_path: Path) -> None:
    tensors = {name: value for name, value in weights("lstm").items() if "rnn" in name}
    tensors |= {"slope.weight": np.ones(H), "ln.weight": np.ones(H), "ln.bias": np.ones(H)}
    ended = run("import", write_zip(tmp_path / "model.pt", tensors))
    assert ended.code != 0
    line = " ".join(ended.err.split())
    assert f"slope (weights of shape ({H},), not read), ln (layer or group norm of {H}); expected" in line, line
    assert line.endswith("such as --layers rnn,ln"), line


def test_a_recurrent_layer_alone_gets_a_head_that_changes_nothing(tmp_path: Path) -> None:
    tensors = {name: value for name, value in weights("lstm").items() if "rnn" in name}
    model = read_model(write_zip(tmp_path / "model.pt", tensors), Choices(("rnn",), stream=True)).model
    head = model.layers[-1]
    assert isinstance(head, Dense)
    assert np.array_equal(head.W, np.eye(H))


def refused(path: Path, words: str, *options: str) -> None:
    ended = run("import", path, "--layers", ",".join(LAYERS), "--stream", *options)
    assert ended.code in (1, 2), ended
    assert refused_well(ended)
    assert words in ended.err, ended.err
    assert not path.with_suffix(".npz").exists()


def _renamed(tensors: Tensors, old: str, new: str) -> Tensors:
    return {name.replace(old, new): value for name, value in tensors.items()}


def _with(extra: Any) -> dict[str, Any]:
    return {**weights("lstm"), "extra": extra}


HOSTILE: dict[str, tuple[Any, str]] = {
    "code": (Call("os", "system", ("touch hacked",)), "os.system, which is code, not weights"),
    "builtin": (_with(Call("builtins", "eval", ("1",))), "builtins.eval"),
    "class": (_with(Call("mymodel", "Net")), "mymodel.Net, which is code, not weights: save model.state_dict()"),
    "dotted": (_with(Call("torch._utils", "_rebuild_tensor_v2.__globals__")), "which is code"),
    "memo": (_with(Raw(b"Nr\xff\xff\xff\x7f")), "puts something at place"),
    "long": (_with(Raw(b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f")), "bytes in a"),
    "setting": (_with(Raw(b"ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aNsb")), "damaged pickle"),
    "slots": (_with(Raw(b"ctorch._utils\n_rebuild_parameter\nN}X\x04\x00\x00\x00nameNs\x86b")), "it sets 'name'"),
    "list": ([1, 2], "holds list"),
    "nothing": ({}, "no recurrent weights"),
}


@pytest.mark.parametrize("form", [write_zip, write_stream])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_code_of_a_pickle_runs(name: str, form: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    value, words = HOSTILE[name]
    refused(form(tmp_path / "model.pt", value), words)
    assert not (tmp_path / "hacked").exists()


def _tensor(numel: int, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> Raw:
    writer = __import__("torch_files")._Pickler(stream=False)
    write = writer._write
    named = b"(" + write("storage") + b"ctorch\nFloatStorage\n" + write("0") + write("cpu") + write(numel) + b"tQ"
    rest = write(offset) + write(shape) + write(stride)
    return Raw(b"ctorch._utils\n_rebuild_tensor_v2\n(" + named + rest + b"\x89}tR")


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ((4, 0, (1 << 20, 1 << 20), (0, 0)), "is no part of 4 values"),
        ((4, 2, (3,), (1,)), "is no part of 4 values"),
        ((4, 0, (2, 2), (1,)), "with strides"),
        ((4, -1, (2,), (1,)), "where a size belongs"),
        ((1 << 40, 0, (2,), (1,)), "is larger than the file"),
        ((8, 0, (2,), (1,)), "has 16 bytes"),
    ],
)
def test_views_stay_inside_their_storage(view: tuple[Any, ...], words: str, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.pt", {"rnn.weight_hh_l0": _tensor(*view)}, {"data/0": bytes(16)})
    refused(path, words)


def test_members_that_unpack_to_more_than_the_file_are_refused(tmp_path: Path) -> None:
    refused(write_zip(tmp_path / "model.pt", weights("lstm"), {"data/0": bytes(1 << 20)}, packed=True), "is packed")


def test_what_a_model_cannot_hold_is_refused_by_its_name(tmp_path: Path) -> None:
    lstm, path = weights("lstm"), tmp_path / "model.pt"
    both = lstm | _renamed({n: t for n, t in lstm.items() if "rnn" in n}, "_l0", "_l0_reverse")
    refused(write_zip(path, both), "rnn: bidirectional; a stream has no end to read back from")
    refused(write_zip(path, lstm | {"rnn.weight_hr_l0": np.zeros((2, H), np.float32)}), "rnn: with a projection")
    plain = {name: t[:H] if "rnn" in name else t for name, t in lstm.items()}
    refused(write_zip(path, plain), "rnn: a plain RNN; expected an LSTM or a GRU")
    narrow = lstm | {"fc1.weight": np.zeros((6, 3), np.float32)}
    refused(write_zip(path, narrow), "Dense takes 3 inputs, the one before gives 5")
    for gone, words in (
        ("_l0", "rnn: with layers 1 alone, expected all from 0 on"),
        ("bias_hh_l1", "rnn: without bias_hh_l1"),
        ("weight_ih_l1", "rnn: without weight_ih_l1"),
    ):
        refused(write_zip(path, {name: t for name, t in lstm.items() if not name.endswith(gone)}), words)
    odd = lstm | {"fc2.weight": np.full((OUT, 6), np.nan, np.float32)}
    refused(write_zip(path, odd), "holds NaN")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("good")
    return {
        form: FORMS[form](folder / form, weights("gru", 1)).read_bytes() for form in ("zip", "stream", "safetensors")
    }


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_changed_bytes_are_a_line_at_most(good: dict[str, bytes], tmp_path_factory: Any, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(sorted(good)))
    content = bytearray(good[form])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([len(content), len(content), len(content) // 2]))]
    path = tmp_path_factory.getbasetemp() / "changed.bin"
    path.write_bytes(content)
    refused_well(run("import", path, "--layers", ",".join(LAYERS), "--stream"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--gates", "hard-sigmoid"), "--gates: goes not with PyTorch"),
        (("--layers", "rnn:stride=2,fc1"), "--layers: 'rnn:stride=2': LSTM 3 to 2 layers of 5 takes no settings"),
        (("--layers", "rnn,fc1:epsilon=3"), "--layers: 'fc1:epsilon=3': dense 5 to 6 takes no settings"),
        (("--data", "nowhere"), "--data: nowhere: no such file or folder"),
        (("--data", "."), "--data: goes not with this file, there is nothing to compare with: a file of"),
        (("--data", ".", "--no-verify"), "--data: goes not with --no-verify"),
        (("--labels", "a,b"), "--labels: 2 names, expected 4"),
        (("--features", "a"), "--features: 1 name, expected 3"),
        (("--rate", "nan"), "--rate: nan, expected a finite number"),
        (("--labels", "a,b,a,c"), "--labels: 'a' twice"),
        (("--features", "x,x,y"), "--features: 'x' twice"),
    ],
)
def test_options_that_have_no_meaning_are_refused(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.pt", weights("lstm"))
    ended = run("import", path, "--layers", ",".join(LAYERS), "--stream", *options)
    assert ended.code == 2
    assert refused_well(ended)
    assert words in ended.err, ended.err
    assert not path.with_suffix(".npz").exists()


def test_a_stride_that_would_do_nothing_is_refused_and_groups_are_asked_for(tmp_path: Path) -> None:
    cnn = {"cnn.weight": np.ones((6, 2, 3), np.float32), "cnn.bias": np.ones(6, np.float32)}
    path = write_zip(tmp_path / "model.pt", cnn | weights("lstm", 1) | {"rnn.weight_ih_l0": np.ones((4 * H, 6))})
    ended = run("import", path, "--layers", "context:3,cnn:stride=2:groups=2,rnn,fc1,fc2", "--stream")
    assert (ended.code, refused_well(ended)) == (2, True)
    assert "'cnn:stride=2:groups=2' behind context:3: these rows leave no room for a stride" in ended.err
    grouped = Choices(layers=("context:3", "cnn:groups=2", "rnn", "fc1", "fc2"), stream=True)
    assert read_model(path, grouped).model.features == 4


def test_a_window_that_no_model_can_have_and_an_empty_file_are_called_that(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.pt", weights("lstm"))
    ended = run("import", path, "--layers", ",".join(LAYERS), "--window", "99999999999")
    assert (ended.code, "--window: 99999999999, expected at most 1048576" in ended.err) == (2, True), ended
    for suffix in (".pt", ".onnx", ".tflite", ".json", ".keras"):
        (empty := tmp_path / f"empty{suffix}").touch()
        refused(empty, f"empty{suffix}: is empty, expected a model file")


def test_what_stands_beside_weights_and_is_none_does_no_harm(tmp_path: Path) -> None:
    found = {"best": np.float64(0.5), "seen": np.arange(3), "type": np.dtype("f4")}
    extra: dict[str, Any] = {name: Raw(pickle.dumps(value, 2)[2:-1]) for name, value in found.items()}
    extra |= {"size": Call("torch", "Size", ((2, 3),)), "device": Call("torch", "device", ("cpu",))}
    path = write_zip(tmp_path / "m.pt", {**nested(weights("lstm")), **extra})
    assert read_model(path, STREAM).model.features == F


def test_quantized_tensors_are_called_what_they_are(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "m.pt", {**weights("lstm"), "q": Call("torch._utils", "_rebuild_sparse_tensor")})
    refused(path, "holds a tensor of another kind (_rebuild_sparse_tensor), expected dense ones of floats")
    path = write_zip(tmp_path / "m.pt", {**weights("lstm"), "q": Call("torch._utils", "_rebuild_qtensor")})
    refused(path, "holds quantized tensors (_rebuild_qtensor), expected floats")


def test_a_zip_that_is_cut_off_is_called_that(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "m.pt", weights("lstm"))
    path.write_bytes(path.read_bytes()[:-400])
    refused(path, "begins as a zip and has no end: cut off")


def test_safetensors_hold_one_model(tmp_path: Path) -> None:
    refused(safetensors(tmp_path / "m.safetensors", weights("lstm")), "--part: goes not with", "--part", "a")


def test_integers_are_no_weights(tmp_path: Path) -> None:
    tensors = weights("lstm")
    for name in ("rnn.weight_hh_l1", "fc1.bias"):
        whole = tensors | {name: np.round(tensors[name] * 100).astype(np.int64)}
        module, _, tensor = name.partition(".")
        refused(write_zip(tmp_path / "model.pt", whole), f"{module}: {tensor}: of int64, expected weights in float")


def test_weights_that_overflow_are_refused(tmp_path: Path) -> None:
    huge = {name: (value * np.float32(1e38)).astype(np.float32) for name, value in weights("lstm").items()}
    refused(write_zip(tmp_path / "model.pt", huge), "model.pt: its weights are so large that float32 overflows")


def test_a_stream_of_windows_begins_anew_and_files_of_before_say_that_they_do_not(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "model.pt", weights("lstm"))
    frames = tmp_path / "frames.csv"
    frames.write_text("1,2,3\n" * 40)
    assert run("import", path, "--layers", ",".join(LAYERS), "--window", 20).code == 0
    made = load_model(tmp_path / "model.npz")
    for anew, alike in ((20, True), (0, False)):
        save_model(replace(made, anew=anew), tmp_path / "model.npz")
        out = tmp_path / "model.elstm"
        ended = run("export", tmp_path / "model.npz", "--precision", "float32", "--no-verify", "-o", out)
        assert ended.code == 0, ended
        ended = run("stream", out, frames)
        first, second = (json.loads(line)["probabilities"] for line in ended.out.splitlines())
        assert (first == second) is alike
        assert ("imported for windows of 20 frames, each from a fresh state" in ended.err) is not alike
