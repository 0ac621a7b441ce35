"""Captures of one LSTM and a dense layer in RTNeural, built for this machine, and in our core, in blocks of 64."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgelstm.export.elstm import encode
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from edgelstm.runtime import Model

HERE = Path(__file__).parent
UNITS, BACKENDS = (8, 20, 40), ("EIGEN", "STL")
BLOCK, BLOCKS = 64, 2000


def captures(rtneural: Path, folder: Path) -> list[dict[str, Any]]:
    """Nanoseconds a sample of each width, by RTNeural's ways and ours, and the largest difference of answers."""
    build = folder.resolve() / "rtneural"
    command = [
        "cmake",
        "-S",
        HERE / "rtneural",
        "-B",
        build,
        f"-DRTNEURAL={rtneural.resolve()}",
        "--log-level=WARNING",
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)
    subprocess.run(["cmake", "--build", build], check=True, stdout=sys.stderr)
    found = []
    for units in UNITS:
        source, path = folder / f"capture-{units}.json", folder / f"capture-{units}.elstm"
        source.write_text(json.dumps(made_up(units)))
        path.write_bytes(encode(read_model(source, Choices()).model))
        ns: dict[str, float] = {}
        apart = 0.0
        for backend in BACKENDS:
            program = build / f"capture_{units}_{backend}"
            ran = subprocess.run([program, source, path, "100"], check=True, capture_output=True, text=True)
            said = json.loads(ran.stdout)
            ns[f"RTNeural {backend}"] = said["theirs_ns"]
            ns["EdgeLSTM from C"] = min(said["ours_ns"], ns.get("EdgeLSTM from C", said["ours_ns"]))
            apart = max(apart, said["apart"])
        ns["EdgeLSTM from Python"] = round(from_python(path), 2)
        found.append({"units": units, "ns": ns, "apart": apart})
    return found


def made_up(units: int) -> dict[str, Any]:
    """RTNeural's JSON of weights as trained captures have them."""
    rng = np.random.default_rng(units)
    recurrent = 0.9 / np.sqrt(units) * rng.normal(size=(units, 4 * units))
    lstm = [0.4 * rng.normal(size=(1, 4 * units)), recurrent, 0.2 * rng.normal(size=4 * units)]
    head = [rng.normal(size=(units, 1)) / np.sqrt(units), np.array([0.05])]
    sizes = (("lstm", "tanh", units, lstm), ("dense", "", 1, head))
    layers = [
        {"type": kind, "activation": word, "shape": [None, None, width], "weights": [one.tolist() for one in weights]}
        for kind, word, width, weights in sizes
    ]
    return {"in_shape": [None, None, 1], "layers": layers}


def from_python(path: Path) -> float:
    stream, x = Model(path).stream(), np.sin(0.05 * np.arange(BLOCK, dtype=np.float32))[:, None]
    times = []
    for _ in range(BLOCKS):
        start = time.thread_time_ns()
        stream.push(x)
        times.append((time.thread_time_ns() - start) / BLOCK)
    return statistics.median(times)
