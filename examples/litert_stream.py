"""Stream frames through an exported `.tflite` file with LiteRT alone.

python examples/litert_stream.py model-int8.tflite < frames.csv

A line of the input is one frame, its features in the model's order, separated by commas. A first line with names is
passed over, and so is the column of a name that is `time`. A line of the output has the probabilities, or
the scores of a linear model: one after every frame, or after every so many as the model's last layer has stride.
Where the file has variable tensors, the interpreter carries the state; where it has inputs h0, c0, … and outputs
h0_out, c0_out, …, this program does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def numbers(lines: Iterable[str]) -> Iterator[list[float]]:
    """The frames in lines of CSV. A first line that holds no number names the columns."""
    columns: list[int] | None = None
    for count, line in enumerate(lines):
        cells = [cell.strip() for cell in line.split(",")]
        if count == 0 and not is_number(cells[0]):
            columns = [n for n, name in enumerate(cells) if name != "time"]
            continue
        yield [float(cells[column]) for column in columns] if columns is not None else [float(cell) for cell in cells]


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def main(path: str) -> None:
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    inputs = {detail["name"]: detail for detail in interpreter.get_input_details()}
    outputs = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    x = inputs.pop("x")
    answer = outputs.get("probabilities", outputs["scores"])
    interpreter.reset_all_variables()  # to start anew
    # A state starts with zeros: as integers, with the zero point.
    states = {name: np.full(d["shape"], d["quantization"][1], d["dtype"]) for name, d in inputs.items()}
    stride = int(np.prod(x["shape"][:-1]))  # frames that a call takes
    frames: list[list[float]] = []
    for frame in numbers(sys.stdin):
        frames.append(frame)
        if len(frames) < stride:
            continue
        interpreter.set_tensor(x["index"], np.array(frames, np.float32).reshape(x["shape"]))
        frames.clear()
        for name, value in states.items():
            interpreter.set_tensor(inputs[name]["index"], value)
        interpreter.invoke()
        states = {name: interpreter.get_tensor(outputs[f"{name}_out"]) for name in states}
        print(",".join(f"{value:.6f}" for value in interpreter.get_tensor(answer)[0]))


if __name__ == "__main__":
    main(sys.argv[1])
