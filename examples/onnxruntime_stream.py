"""Stream frames through an exported `.onnx` file with onnxruntime alone, the state carried from frame to frame.

python examples/onnxruntime_stream.py model-float32.onnx < frames.csv

A line of the input is one frame, its features separated by commas. A line of the output has the probabilities, or
the scores of a linear model: one after every frame, or after every so many as the model's last layer has stride.
Takes every ONNX form with floats in and out.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import onnxruntime


def main(path: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a step is too small to share
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # Each state is an input; the output of the same call is its next value. To start anew, take the initial values.
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["edgelstm"])
    about = metadata["states"]
    states = {state["name"]: np.full(state["shape"], state["initial"], state["type"]) for state in about}
    names = [output.name for output in session.get_outputs()]
    answer = "probabilities" if "probabilities" in names else "scores"
    outputs = [answer, *(state["output"] for state in about)]
    frames: list[list[str]] = []
    for line in sys.stdin:
        frames.append(line.split(","))
        if len(frames) < metadata["stride"]:  # a call takes as many frames as the last layer has stride
            continue
        (values,), *after = session.run(outputs, {"x": np.array(frames, np.float32), **states})
        frames.clear()
        states = dict(zip(states, after))
        print(",".join(f"{value:.6f}" for value in values))


if __name__ == "__main__":
    main(sys.argv[1])
