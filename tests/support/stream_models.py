"""What tests of `edgelstm stream` run on: small models of three sensors' channels, a recording, and the command."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

from edgelstm.export.elstm import encode
from edgelstm.layers import GRU, LSTM, Context, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate, quantize

NAMES = ("accel_x", "accel_y", "gyro_x")
COMMAND = [sys.executable, "-c", "from edgelstm.cli import main; main()", "stream"]
RECORDING = np.random.default_rng(6).normal(1, 2, (40, 3)).astype(np.float32)
CSV_TEXT = ",".join(NAMES) + "\n" + "".join(",".join(map(repr, row)) + "\n" for row in RECORDING.tolist())


def built(activation="softmax", answer=None, labels=("rest", "läuft"), scale=1.0):
    rng = np.random.default_rng(5)
    lstm = LSTM(rng.normal(size=(32, 3)), rng.normal(0, 0.3, (32, 8)), rng.normal(size=32))
    head = Dense(scale * rng.normal(size=(2, 8)), np.zeros(2))
    normalize = Normalize(np.ones(3), np.full(3, 2.0))
    return Model(
        normalize, (lstm, head), activation, answer or Answer(), labels=labels, feature_names=NAMES, sample_rate=50.0
    )


def strided():
    """It answers by the mean of eight frames, which it looks at by four."""
    rng = np.random.default_rng(5)
    gru = GRU(rng.normal(size=(24, 12)), rng.normal(0, 0.3, (24, 8)), rng.normal(size=24), np.zeros(8))
    layers = (Context(4, 4), gru, Dense(rng.normal(size=(2, 8)), np.zeros(2)))
    normalize = Normalize(np.ones(3), np.full(3, 2.0))
    return Model(
        normalize,
        layers,
        "softmax",
        Answer("mean", 8, 8),
        labels=("rest", "läuft"),
        feature_names=NAMES,
        sample_rate=50.0,
    )


@cache
def _files() -> dict[str, bytes]:
    return {
        "frames.csv": CSV_TEXT.encode(),
        "model.elstm": encode(built()),
        "int8.elstm": encode(quantize(calibrate(built(), [RECORDING]))),
        "hop7.elstm": encode(built(answer=Answer("mean", 14, 7))),
        "end.elstm": encode(built(answer=Answer("mean", 0, 0))),
        "strided.elstm": encode(strided()),
    }


def write_models(folder: Path) -> Path:
    """A model of each kind and one recording."""
    for name, content in _files().items():
        (folder / name).write_bytes(content)
    return folder


def start(files, *arguments, **options):
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=files, **options)
