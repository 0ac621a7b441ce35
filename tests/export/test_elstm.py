"""`.elstm` files of any list of layers: the C core's integers are the reference's, its floats those of the equations;
results lie where nothing that is still read lies."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.export.elstm import HEADER_SIZE, encode
from edgelstm.export.elstm.entry import ENTRY_SIZE
from edgelstm.model import Model
from edgelstm.quantization import QuantizedModel, quantize
from edgelstm.quantization.reference import IntegerStream, Trace
from edgelstm.runtime import Model as RuntimeModel
from random_layers import random_layers
from random_models import random_signal

FRAMES = 61
HEAD = 64  # bytes of a saved state before its parts
SEEDS = range(40)


def _streamed(content: bytes, folder: Path, frames: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Answers, and the state behind them."""
    path = folder / "model.elstm"
    path.write_bytes(content)
    stream = RuntimeModel(path).stream()
    answers = stream.push(frames)
    return answers, stream.save()[HEAD:]


def _emitted(model: Model, scores: np.ndarray) -> np.ndarray:
    return forward.activate(forward.answers(scores, model.run_answer), model.activation)


DTYPES = {("lstm", "h"): "i1", ("lstm", "c"): "<i2", ("gru", "h"): "<i2", ("context", "past"): "i1"}


def _pending(model: Model, trace: Trace, index: int, zero_point: int) -> np.ndarray:
    """Results of the source that have come since the context's newest run; the zero point where none has yet."""
    at = model.road[index]
    results = trace.results[model.road[index - 1].name] if index else trace.x
    waiting = len(results) % at.layer.every
    expected = np.full((at.layer.every - 1, at.source.size), zero_point, np.int8)
    expected[:waiting] = results[len(results) - waiting :]
    return expected.ravel()


def _check_state(quantized: QuantizedModel, state: bytes, trace: Trace) -> None:
    """Every part as of its layer's newest run."""
    model, at = quantized.model, 0
    for index, placed in enumerate(model.road):
        for name, part in placed.parts:
            dtype = np.dtype(DTYPES.get((placed.layer.kind, part.letter), "i1"))
            values = np.frombuffer(state, dtype, int(np.prod(part.shape)), at)
            at += values.nbytes
            if part.letter == "pending":
                expected = _pending(model, trace, index, quantized.layers[index].input.zero_point)
            else:
                expected = trace.states[name][FRAMES // placed.stride - 1]
            np.testing.assert_array_equal(values, expected, name)


@pytest.mark.parametrize("seed", SEEDS)
def test_integers_are_the_references(seed: int, tmp_path: Path) -> None:
    model = random_layers(seed)
    quantized = quantize(model, ("per-row", "per-gate")[seed % 2])
    frames = 2 * random_signal(FRAMES, model.features, seed + 1)
    answers, state = _streamed(encode(quantized), tmp_path, frames)
    trace = IntegerStream(quantized).push(frames)
    np.testing.assert_allclose(answers, _emitted(model, trace.scores), rtol=1e-5, atol=1e-6)
    _check_state(quantized, state, trace)


@pytest.mark.parametrize("seed", SEEDS)
def test_floats_are_the_equations(seed: int, tmp_path: Path) -> None:
    model = random_layers(seed, calibrated=False)
    frames = random_signal(FRAMES, model.features, seed + 1)
    answers, _ = _streamed(encode(model), tmp_path, frames)
    expected = _emitted(model, forward.forward(model, frames, np.float64).scores)
    np.testing.assert_allclose(answers, expected, atol=2e-4 * max(1.0, float(np.abs(expected).max(initial=0))))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_layer_never_writes_over_what_it_reads(seed: int) -> None:
    model = random_layers(seed)
    for content, value in ((encode(model), 4), (encode(quantize(model)), 1)):
        results = [(int.from_bytes(content[92:96], "little"), model.features * value)]
        for n, at in enumerate(model.road):
            entry = content[HEADER_SIZE + n * ENTRY_SIZE :][:ENTRY_SIZE]
            in_state = at.layer.kind in ("lstm", "context") or (at.layer.kind == "gru" and value == 4)
            size = 0 if in_state or n == len(model.road) - 1 else at.result.size * value
            results.append((int.from_bytes(entry[24:28], "little"), size))
        for (start, size), (next_start, next_size) in pairwise(results):
            assert not size or not next_size or start + size <= next_start or next_start + next_size <= start
        assert max(start + size for start, size in results) <= int.from_bytes(content[88:92], "little")
