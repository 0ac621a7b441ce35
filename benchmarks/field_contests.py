"""Who competes in `field.py`: each model of the field in our core, and in the engine that its project runs it in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset
from edgelstm.export.elstm import encode
from edgelstm.model import Model
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.quantize import why_not_held
from edgelstm.recalibration import normalized
from field_models import DTLN, SILERO, dtln, packed, silero

Float32 = NDArray[np.float32]
Step = Callable[[Float32], Float32]


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
    import field_voices  # which takes Contest and Way from here

    yield from field_voices.contests(speech, folder)


def ours(model: Model, signals: list[Float32], path: Path, missing: list[str], window: bool = False) -> list[Way]:
    """float32, and int8 where the model can be held so."""
    whole = {"EdgeLSTM float32": encode(model)}
    why_not = why_not_held(model)
    if why_not is None:
        whole["EdgeLSTM int8"] = encode(quantize(calibrate(normalized(model, dataset(signals)), signals)))
    else:
        missing.append(f"int8: {why_not}")
    return [
        _ours(name, content, path.with_name(f"{path.name}-{name[9:]}.elstm"), window)
        for name, content in whole.items()
    ]


def dataset(signals: list[Float32]) -> Dataset:
    zeros = np.zeros(len(signals), np.int64)
    names = tuple(f"x{n}" for n in range(signals[0].shape[1]))
    return Dataset(signals, zeros, ("speech",), zeros, names)


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
