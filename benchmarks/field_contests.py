"""Who competes in `field.py`: each model of the field in our core, and in the engine that its project runs it in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.elstm import encode
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.quantize import why_not_held
from field_models import DTLN, RESEMBLYZER, SILERO, dtln, packed, silero

Float32 = NDArray[np.float32]
Step = Callable[[Float32], Float32]
WINDOW = 160  # mel frames of a voice's window


@dataclass(frozen=True)
class Way:
    """open: a fresh stream, as a function of a chunk. package: who computes, as it is installed."""

    name: str
    open: Callable[[], Step]
    package: str
    file_bytes: int
    state_bytes: int = 0


@dataclass(frozen=True)
class Contest:
    """chunks: (count, …). judge: (answers of `truth`, others') → words."""

    name: str
    chunk: str
    chunks: Float32
    ways: tuple[Way, ...]
    truth: str
    judged: str
    judge: Callable[[Float32, Float32], str]
    missing: list[str] = field(default_factory=list)
    at_once: int = 100  # chunks of a round


def contests(speech: Float32, folder: Path) -> Iterator[Contest]:
    yield silero_contest(speech, folder)
    yield dtln_contest(speech, folder)
    yield voices_contest(speech, folder)


def ours(model: Model, signals: list[Float32], path: Path, missing: list[str], window: bool = False) -> list[Way]:
    """float32, and int8 where the model can be held so."""
    whole = {"EdgeLSTM float32": encode(model)}
    why_not = why_not_held(model)
    if why_not is None:
        whole["EdgeLSTM int8"] = encode(quantize(calibrate(model, signals)))
    else:
        missing.append(f"int8: {why_not}")
    return [
        _ours(name, content, path.with_name(f"{path.name}-{name[9:]}.elstm"), window)
        for name, content in whole.items()
    ]


def _ours(name: str, content: bytes, path: Path, window: bool) -> Way:
    path.write_bytes(content)

    def opened() -> Step:
        from edgelstm.runtime import Model as RuntimeModel

        stream = RuntimeModel(path).stream()
        if window:

            def answer(frames: Float32) -> Float32:
                stream.reset()
                return stream.push(frames)[-1]

            return answer

        def step(frame: Float32) -> Float32:
            stream.step(frame)
            return stream.output

        return step

    from edgelstm.runtime import Model as RuntimeModel

    return Way(name, opened, "edgelstm", len(content), len(RuntimeModel(path).stream().save()))


def session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def silero_contest(speech: Float32, folder: Path) -> Contest:
    chunks = speech[: len(speech) // 512 * 512].reshape(-1, 512)
    forms = {"openvino_16k": packed(*SILERO), "silero_vad": packed(SILERO[0], "silero_vad/data/silero_vad.onnx")}

    def opened(form: str) -> Step:
        given = np.zeros((1, 576), np.float32)
        feeds: dict[str, Any] = {"input": given, "state": np.zeros((2, 1, 128), np.float32)}
        if form == "silero_vad":
            feeds["sr"] = np.array(16000, np.int64)
        run = session(forms[form]).run

        def step(chunk: Float32) -> Float32:
            given[0, :64] = given[0, 512:]
            given[0, 64:] = chunk
            probability, feeds["state"] = run(None, feeds)
            return np.asarray(probability[0], np.float32)

        return step

    def judge(own: Float32, other: Float32) -> str:
        changed = np.mean((own > 0.5) != (other > 0.5))
        return f"{np.abs(own - other).max():.1e}; {100 * changed:.2f} %"

    missing: list[str] = []
    ways = [
        *ours(silero(forms["openvino_16k"]), [chunks], folder / "silero", missing),
        *(
            Way(f"onnxruntime {form}", lambda form=form: opened(form), "onnxruntime", len(forms[form]), 1024)
            for form in forms
        ),
    ]
    words = "largest difference of probabilities; decisions that differ"
    return Contest(
        "Silero VAD v6", "512 samples", chunks, tuple(ways), "onnxruntime openvino_16k", words, judge, missing
    )


def dtln_contest(speech: Float32, folder: Path) -> Contest:
    noisy = speech[: 20 * 16000] + 0.02 * np.random.default_rng(3).normal(size=20 * 16000).astype(np.float32)
    chunks = noisy.astype(np.float32).reshape(-1, 128)
    contents = [packed(*part) for part in DTLN]

    def judge(own: Float32, other: Float32) -> str:
        error = np.mean((own - other) ** 2)
        return "–" if not error else f"{10 * np.log10(np.mean(own**2) / error):.1f} dB"

    missing: list[str] = []
    sizes = sum(map(len, contents))
    pair = Way("onnxruntime and numpy's FFT", lambda: around(*map(onnx_part, contents)), "onnxruntime", sizes, 4096)
    ways = [*ours(dtln(*contents), [chunks], folder / "dtln", missing), pair]
    quantized = (
        [other / f"model_quant_{n}.tflite" for n in (1, 2)] if (other := repository("DTLN/pretrained_model")) else []
    )
    if quantized:
        sizes = sum(path.stat().st_size for path in quantized)
        name = "LiteRT int8 and numpy's FFT"
        ways.append(Way(name, lambda: around(*map(tflite_part, quantized)), "ai-edge-litert", sizes, 4096))
    else:
        missing.append("LiteRT: EDGELSTM_MODELS names no folder with a checkout of breizhn/DTLN")
    return Contest("DTLN", "128 samples", chunks, tuple(ways), pair.name, "signal over difference", judge, missing)


def repository(name: str) -> Path | None:
    """Below the folder that EDGELSTM_MODELS names."""
    folder = os.environ.get("EDGELSTM_MODELS")
    path = Path(folder or ".") / name
    return path if folder and path.exists() else None


def around(masks: Step, cores: Step) -> Step:
    """DTLN's two files with what its program does around them."""
    newest, sums = np.zeros(512, np.float32), np.zeros(512, np.float32)

    def step(chunk: Float32) -> Float32:
        newest[:-128] = newest[128:]
        newest[-128:] = chunk
        spectrum = np.fft.rfft(newest)
        mask = masks(np.abs(spectrum).astype(np.float32)[None, None])
        piece = cores(np.fft.irfft(spectrum * mask[0, 0]).astype(np.float32)[None, None])
        sums[:-128] = sums[128:]
        sums[-128:] = 0
        np.add(sums, piece[0, 0], out=sums)
        return sums[:128]

    return step


def onnx_part(content: bytes) -> Step:
    opened = session(content)
    frame, state = (one.name for one in opened.get_inputs())
    feeds = {state: np.zeros((1, 2, 128, 2), np.float32)}

    def step(x: Float32) -> Float32:
        feeds[frame] = x
        found, feeds[state] = opened.run(None, feeds)
        return np.asarray(found, np.float32)

    return step


def tflite_part(path: Path) -> Step:
    from ai_edge_litert.interpreter import Interpreter

    opened = Interpreter(str(path), num_threads=1)
    opened.allocate_tensors()

    def places(details: Any) -> tuple[int, int]:
        """(frame's, state's), told by their sides."""
        frame, state = sorted(details, key=lambda one: len(one["shape"]))
        return frame["index"], state["index"]

    (x_place, before), (y_place, after) = places(opened.get_input_details()), places(opened.get_output_details())
    held = [np.zeros((1, 2, 128, 2), np.float32)]

    def step(x: Float32) -> Float32:
        opened.set_tensor(x_place, x)
        opened.set_tensor(before, held[0])
        opened.invoke()
        held[0] = opened.get_tensor(after)
        return np.asarray(opened.get_tensor(y_place), np.float32)

    return step


def voices_contest(speech: Float32, folder: Path) -> Contest:
    import voices

    path = folder / "pretrained.pt"
    path.write_bytes(packed(*RESEMBLYZER))
    model = read_model(path, Choices(layers=("lstm", "linear", "relu", "l2"), window=WINDOW)).model
    mel = voices.mel_frames(speech)
    chunks = mel[: len(mel) // WINDOW * WINDOW].reshape(-1, WINDOW, 40)
    content = voice_graph(model)

    def opened() -> Step:
        run = session(content).run

        def step(frames: Float32) -> Float32:
            raw = run(None, {"x": frames[:, None]})[0][0]
            return np.asarray(raw / np.linalg.norm(raw), np.float32)

        return step

    def judge(own: Float32, other: Float32) -> str:
        return f"{1 - (own * other).sum(axis=1).min():.1e}"

    missing: list[str] = []
    ways = [
        *ours(model, list(chunks), folder / "voices", missing, window=True),
        Way("onnxruntime, built as ONNX", opened, "onnxruntime", len(content), 6144),
    ]
    if (torch := torch_way(model, path.stat().st_size)) is not None:
        ways.append(torch)
    words = "1 - the least cosine"
    return Contest(
        "Resemblyzer",
        f"a window of {WINDOW} mel frames",
        chunks,
        tuple(ways),
        ways[-1].name,
        words,
        judge,
        missing,
        10,
    )


def layers_of(model: Model) -> tuple[list[LSTM], Dense]:
    lstms = [layer for layer in model.layers if isinstance(layer, LSTM)]
    return lstms, next(layer for layer in model.layers if isinstance(layer, Dense))


def voice_graph(model: Model) -> bytes:
    """Three LSTM operators over a window, the last state, Gemm, Relu."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    lstms, dense = layers_of(model)
    nodes, weights, flow = [], [], "x"

    def held(name: str, array: NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    for n, lstm in enumerate(lstms):
        H = lstm.R.shape[1]
        order = np.concatenate([np.arange(H) + gate * H for gate in (0, 3, 1, 2)])
        b = np.concatenate([lstm.b[order], np.zeros(4 * H, np.float32)])
        inputs = [
            flow,
            held(f"W{n}", lstm.W[order][None]),
            held(f"R{n}", lstm.R[order][None]),
            held(f"B{n}", b[None]),
        ]
        nodes.append(helper.make_node("LSTM", inputs, [f"Y{n}", f"h{n}"], hidden_size=H))
        nodes.append(helper.make_node("Squeeze", [f"Y{n}", held(f"axis{n}", np.array([1]))], [f"y{n}"]))
        flow = f"y{n}"
    nodes.append(helper.make_node("Squeeze", [f"h{len(lstms) - 1}", held("axis", np.array([0]))], ["h"]))
    nodes.append(helper.make_node("Gemm", ["h", held("W", dense.W), held("b", dense.b)], ["raw"], transB=1))
    nodes.append(helper.make_node("Relu", ["raw"], ["voice"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [WINDOW, 1, 40])
    y = helper.make_tensor_value_info("voice", TensorProto.FLOAT, [1, 256])
    graph = helper.make_graph(nodes, "voice", [x], [y], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
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
