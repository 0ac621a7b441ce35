"""Runs exported `.onnx` files as a program without EdgeLSTM would: from what the file says about itself."""

from __future__ import annotations

import json

import numpy as np


def open_session(content):
    """onnxruntime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def open_reference(content):
    """onnx's own evaluator, in numpy: it shares no code with onnxruntime."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(onnx.load_from_string(content))


def says(content):
    """The file's metadata."""
    import onnx

    (entry,) = onnx.load_from_string(content).metadata_props
    assert entry.key == "edgelstm"
    return json.loads(entry.value)


def streamed(content, evaluator, frames, sizes=None):
    """Chunks of these sizes, by default frame by frame, with the states fed back.

    Returns the scores (frames, outputs), and per state its value after each chunk, (chunks, units).
    """
    about = says(content)["states"]
    states = {state["name"]: np.full(state["shape"], state["initial"], state["type"]) for state in about}
    names = ["scores", *(state["output"] for state in about)]
    scores, seen = [], {name: [] for name in states}
    for part in np.split(frames, len(frames) if sizes is None else np.cumsum(sizes)[:-1]):
        rows, *after = evaluator.run(names, {"x": part, **states})
        states = dict(zip(states, after))
        scores.append(rows)
        for name, value in states.items():
            seen[name].append(value.reshape(-1))
    return np.concatenate(scores), {name: np.array(values) for name, values in seen.items()}
