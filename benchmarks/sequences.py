"""Frames that come together: `stream.push` of T frames beside one frame at a time, and beside onnxruntime's and
LiteRT's LSTM operators over T frames a call, the state carried. From Python, one thread, in turns.

    python benchmarks/sequences.py [--frames 4,16,64] [--sizes 40/64,40/3×256] [--seconds 3]

Prints µs of a frame: the lower quartile over calls, and × EdgeLSTM's push of the same kind. Before anything is timed,
scores are compared: a push's with those of single frames, to the bit, and the peers' float32 with ours.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_forms
import tflite_forms
from engines import memory_of
from models import Size, make_model, make_signal
from numpy.typing import NDArray
from run import table

from edgelstm.export.elstm import encode
from edgelstm.model import Model
from edgelstm.quantization import quantize
from edgelstm.runtime import Model as RuntimeModel

SIZES = (
    Size(40, 64),
    Size(40, 128),
    Size(64, 256),
    Size(64, 512),
    Size(40, 128, 3),
    Size(40, 256, 3),
    Size(40, 512, 3),
)
CLOSE = 1e-4
KINDS = ("int8", "float32")
LITERT = {"fused int8": "int8", "fused hybrid": "hybrid", "fused float32": "float32"}

Float32 = NDArray[np.float32]
Call = Callable[[Float32], Float32]
"""Frames (T, features) → scores (T, outputs)."""


def ours(content: bytes, path: Path) -> tuple[Call, Call]:
    """A push of all frames, and one frame after another, each in a stream of its own."""
    path.write_bytes(content)
    model = RuntimeModel(path)
    together, alone = model.stream(), model.stream()
    step, output = alone.step, alone.output

    def one_by_one(frames: Float32) -> Float32:
        scores = []
        for frame in frames:
            step(frame)
            scores.append(output.copy())
        return np.stack(scores)

    return together.push, one_by_one


class OnnxRuntime:
    """By I/O binding: what is bound once is read and written where it lies; two sets of states take turns."""

    def __init__(self, content: bytes):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._x, *states = (np.zeros(value.shape, np.float32) for value in session.get_inputs())
        self._scores = np.zeros(session.get_outputs()[0].shape, np.float32)
        self._sets = (states, [np.zeros_like(state) for state in states])  # a binding knows addresses alone
        self._bindings = []
        for before, after in (self._sets, self._sets[::-1]):
            binding = session.io_binding()
            for value, array in zip(session.get_inputs(), (self._x, *before)):
                binding.bind_input(value.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
            for value, array in zip(session.get_outputs(), (self._scores, *after)):
                binding.bind_output(value.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
            self._bindings.append(binding)

    def __call__(self, frames: Float32) -> Float32:
        self._x[:, 0] = frames
        self._session.run_with_iobinding(self._bindings[0])
        self._bindings.reverse()
        return self._scores


class LiteRT:
    """Fused operators, whose states the interpreter keeps; frames and scores go through its own memory."""

    def __init__(self, content: bytes):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        (x,), (scores,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._x, self._scores = memory_of(self._interpreter, x), memory_of(self._interpreter, scores)

    def __call__(self, frames: Float32) -> Float32:
        self._x[:] = frames.reshape(-1)
        self._interpreter.invoke()
        return self._scores.reshape(len(frames), -1)


def calls(model: Model, frames: int, folder: Path) -> dict[str, Call]:
    found: dict[str, Call] = {}
    for kind, content in zip(KINDS, (encode(quantize(model)), encode(model))):
        found[f"EdgeLSTM {kind}"], found[f"EdgeLSTM {kind}, one by one"] = ours(content, folder / f"{kind}.elstm")
    found["onnxruntime DynamicQuantizeLSTM"] = OnnxRuntime(onnx_forms.dynamic_quantize_lstm(model, frames))
    found["onnxruntime float32"] = OnnxRuntime(onnx_forms.lstm(model, frames))
    for name, form in LITERT.items():
        found[f"LiteRT {name}"] = LiteRT(tflite_forms.tflite_sequence(model, form, frames))
    return found


def compare(found: dict[str, Call], frames: Float32) -> None:
    scores = {name: call(frames).copy() for name, call in found.items()}
    for kind in KINDS:
        np.testing.assert_array_equal(scores[f"EdgeLSTM {kind}"], scores[f"EdgeLSTM {kind}, one by one"])
    for name in ("onnxruntime float32", "LiteRT fused float32"):
        np.testing.assert_allclose(scores[name], scores["EdgeLSTM float32"], rtol=0, atol=CLOSE)


def measure(found: dict[str, Call], frames: Float32, seconds: float) -> dict[str, float]:
    """µs of a frame: each call twice, the second one timed, in turns."""
    times: dict[str, list[int]] = {name: [] for name in found}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(times["EdgeLSTM int8"]) < 8:
        for name, call in found.items():
            call(frames)
            start = time.perf_counter_ns()
            call(frames)
            times[name].append(time.perf_counter_ns() - start)
    return {name: float(np.quantile(each, 0.25)) / len(frames) / 1e3 for name, each in times.items()}


def shown(name: str, found: dict[str, float]) -> str:
    own = "EdgeLSTM float32" if "float32" in name else "EdgeLSTM int8"
    return f"{found[name]:.2f}" + ("" if name == own else f" ×{found[name] / found[own]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", default="4,16,64")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--seconds", type=float, default=3.0, help="for each size and number of frames")
    given = parser.parse_args()
    sizes = [size for size in SIZES if str(size) in given.sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, given.frames.split(",")):
            columns = []
            for size in sizes:
                model, frames = make_model(size, 0), make_signal(count, size.features, 1)
                found = calls(model, count, Path(folder))
                compare(found, frames)
                columns.append(measure(found, frames, given.seconds))
            rows = [[name, *(shown(name, column) for column in columns)] for name in columns[0]]
            print(f"T = {count}\n\n" + table(["", *map(str, sizes)], rows) + "\n", flush=True)


if __name__ == "__main__":
    main()
