"""Resemblyzer in `field.py`: windows of a voice, each from a fresh state, as its program asks for them; and frames
one at a time, with the state carried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from field_contests import Contest, Float32, Step, Way, ours, session
from numpy.typing import NDArray

from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model
from field_models import RESEMBLYZER, packed

WINDOW, BANDS, UNITS, LAYERS = 160, 40, 256, 3
LAYER_NAMES = ("lstm", "linear", "relu", "l2")


def contests(speech: Float32, folder: Path) -> Iterator[Contest]:
    import voices

    path = folder / "pretrained.pt"
    path.write_bytes(packed(*RESEMBLYZER))
    mel = voices.mel_frames(speech)
    yield of_windows(path, mel[: len(mel) // WINDOW * WINDOW].reshape(-1, WINDOW, BANDS), folder)
    yield of_frames(path, mel[: 10 * WINDOW], folder)


def of_windows(path: Path, chunks: Float32, folder: Path) -> Contest:
    model, missing = read_model(path, Choices(layers=LAYER_NAMES, window=WINDOW)).model, list[str]()
    content = graph(model, WINDOW)
    ways = [
        *ours(model, list(chunks), folder / "voices", missing, window=True),
        Way("onnxruntime, built as ONNX", lambda: onnx_step(content, WINDOW), "onnxruntime", len(content)),
    ]
    if (torch := torch_way(model, path.stat().st_size)) is not None:
        ways.append(torch)
    words = f"a window of {WINDOW} mel frames"
    return Contest(
        "Resemblyzer", words, chunks, tuple(ways), ways[-1].name, "1 - the least cosine", judge, missing, 10
    )


def of_frames(path: Path, chunks: Float32, folder: Path) -> Contest:
    model, missing = read_model(path, Choices(layers=LAYER_NAMES, stream=True)).model, list[str]()
    content = graph(model, 1)
    size = 4 * 2 * LAYERS * UNITS
    theirs = Way("onnxruntime, built as ONNX", lambda: onnx_step(content, 1), "onnxruntime", len(content), size)
    ways = (*ours(model, [chunks], folder / "voice-frames", missing), theirs)
    return Contest("Resemblyzer", "one mel frame", chunks, ways, theirs.name, "1 - the least cosine", judge, missing)


def judge(own: Float32, other: Float32) -> str:
    """Before its first sound a voice has no length."""
    cosines = (own * other).sum(axis=1)
    return f"{1 - cosines[cosines > 0].min():.1e}"


def onnx_step(content: bytes, frames: int) -> Step:
    run, zeros = session(content).run, np.zeros((1, 1, UNITS), np.float32)
    fresh = {f"{letter}{n}": zeros for n in range(LAYERS) for letter in "hc"}
    held = dict(fresh)

    def step(x: Float32) -> Float32:
        raw, *after = run(None, {"x": x.reshape(frames, 1, BANDS), **held})
        if frames == 1:
            held.update(zip(fresh, after))
        return np.asarray(raw[0] / max(1e-12, np.linalg.norm(raw)), np.float32)

    return step


def layers_of(model: Model) -> tuple[list[LSTM], Dense]:
    lstms = [layer for layer in model.layers if isinstance(layer, LSTM)]
    return lstms, next(layer for layer in model.layers if isinstance(layer, Dense))


def graph(model: Model, frames: int) -> bytes:
    """Three LSTM operators over `frames` with their states in and out, the last h, Gemm, Relu."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    lstms, dense = layers_of(model)
    nodes, weights, flow = [], [], "x"

    def held(name: str, array: NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    for n, lstm in enumerate(lstms):
        order = np.concatenate([np.arange(UNITS) + gate * UNITS for gate in (0, 3, 1, 2)])
        b = np.concatenate([lstm.b[order], np.zeros(4 * UNITS, np.float32)])
        parts = (("W", lstm.W[order]), ("R", lstm.R[order]), ("B", b))
        inputs = [flow, *(held(f"{name}{n}", array[None]) for name, array in parts), "", f"h{n}", f"c{n}"]
        nodes.append(helper.make_node("LSTM", inputs, [f"Y{n}", f"h{n}_out", f"c{n}_out"], hidden_size=UNITS))
        nodes.append(helper.make_node("Squeeze", [f"Y{n}", held(f"axis{n}", np.array([1]))], [f"y{n}"]))
        flow = f"y{n}"
    nodes.append(helper.make_node("Squeeze", [f"h{LAYERS - 1}_out", held("axis", np.array([0]))], ["h"]))
    nodes.append(helper.make_node("Gemm", ["h", held("W", dense.W), held("b", dense.b)], ["raw"], transB=1))
    nodes.append(helper.make_node("Relu", ["raw"], ["voice"]))

    def port(name: str, *sides: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sides)

    states = [f"{letter}{n}" for n in range(LAYERS) for letter in "hc"]
    inputs = [port("x", frames, 1, BANDS), *(port(name, 1, 1, UNITS) for name in states)]
    outputs = [port("voice", 1, UNITS), *(port(f"{name}_out", 1, 1, UNITS) for name in states)]
    made = helper.make_model(
        helper.make_graph(nodes, "voice", inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def torch_way(model: Model, size: int) -> Way | None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return None
    lstms, dense = layers_of(model)

    def opened() -> Step:
        import torch

        torch.set_num_threads(1)
        network, head = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
        with torch.no_grad():
            for n, lstm in enumerate(lstms):
                for name, value in (("weight_ih", lstm.W), ("weight_hh", lstm.R), ("bias_ih", lstm.b)):
                    getattr(network, f"{name}_l{n}").copy_(torch.from_numpy(value))
                getattr(network, f"bias_hh_l{n}").zero_()
            head.weight.copy_(torch.from_numpy(dense.W))
            head.bias.copy_(torch.from_numpy(dense.b))

        def step(frames: Float32) -> Float32:
            with torch.inference_mode():
                raw = torch.relu(head(network(torch.from_numpy(frames)[None])[1][0][-1]))[0]
                return np.asarray((raw / raw.norm()).numpy(), np.float32)

        return step

    return Way("torch", opened, "torch", size, 6144)
