"""Stream frames through an exported `.tflite` file with LiteRT alone; the interpreter carries the state.

python examples/litert_stream.py model-int8.tflite < frames.csv

A line of the input is one frame, its features separated by commas. A line of the output has the probabilities, or
the scores of a linear model.
"""

from __future__ import annotations

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(path: str) -> None:
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    x = interpreter.get_input_details()[0]["index"]
    outputs = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    answer = outputs.get("probabilities", outputs["scores"])
    interpreter.reset_all_variables()  # to start anew
    for line in sys.stdin:
        interpreter.set_tensor(x, np.array(line.split(","), np.float32)[None, None])
        interpreter.invoke()
        print(",".join(f"{value:.6f}" for value in interpreter.get_tensor(answer)[0]))


if __name__ == "__main__":
    main(sys.argv[1])
