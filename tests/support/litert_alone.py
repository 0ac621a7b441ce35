"""Runs `.tflite` files as a program without EdgeLSTM would: with LiteRT alone, by the names of the signature."""

from __future__ import annotations

import numpy as np


def streamed(content, frames):
    """Results by name, a row per frame. States that are inputs start with their zero points and are carried."""
    from ai_edge_litert.interpreter import Interpreter

    engine = Interpreter(model_content=content, num_threads=1)
    engine.allocate_tensors()
    step = engine.get_signature_runner("serving_default")
    details = step.get_input_details()
    x = details.pop("x")
    states = {name: np.full(d["shape"], d["quantization"][1], d["dtype"]) for name, d in details.items()}
    rows = []
    for frame in frames:
        row = step(x=frame.reshape(x["shape"]), **states)
        states = {name: row[f"{name}_out"].copy() for name in states}
        rows.append({name: value.reshape(-1).copy() for name, value in row.items()})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
