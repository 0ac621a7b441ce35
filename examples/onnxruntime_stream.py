"""Stream frames through an exported `.onnx` file with onnxruntime alone, the state carried from frame to frame.

python examples/onnxruntime_stream.py model-float32.onnx < frames.csv

A line of the input is one frame, its features separated by commas. A first line with names chooses the columns by
the model's names of features. A line of the output has the probabilities, or the scores of a linear model: one after
every frame, or after every so many as the model's last layer has stride.
Takes every ONNX form with floats in and out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import onnxruntime


def numbers(lines: Iterable[str], names: list[str]) -> Iterator[list[float]]:
    """The frames in lines of CSV. A first line that holds no number names the columns."""
    columns: list[int] | None = None
    for count, line in enumerate(lines):
        cells = [cell.strip() for cell in line.split(",")]
        if count == 0 and not is_number(cells[0]):
            columns = [cells.index(name) for name in names]
            continue
        yield [float(cells[column]) for column in columns] if columns is not None else [float(cell) for cell in cells]


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def main(path: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a step is too small to share
    # Numbers below 1.2e-38 take many times as long; this holds for all that the thread computes.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # Each state is an input; the output of the same call is its next value. To start anew, take the initial values.
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["edgelstm"])
    about = metadata["states"]
    states = {state["name"]: np.full(state["shape"], state["initial"], state["type"]) for state in about}
    names = [output.name for output in session.get_outputs()]
    answer = "probabilities" if "probabilities" in names else "scores"
    outputs = [answer, *(state["output"] for state in about)]
    frames: list[list[float]] = []
    for frame in numbers(sys.stdin, metadata["feature_names"]):
        frames.append(frame)
        if len(frames) < metadata["stride"]:  # a call takes as many frames as the last layer has stride
            continue
        (values,), *after = session.run(outputs, {"x": np.array(frames, np.float32), **states})
        frames.clear()
        states = dict(zip(states, after))
        print(",".join(f"{value:.6f}" for value in values))


if __name__ == "__main__":
    main(sys.argv[1])
