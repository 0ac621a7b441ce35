"""A file that takes several frames a call: the stream gathers them, and keeps every law of streams.

The engine is one of numpy, whose only layer adds up what it sees: what must come out is known beforehand.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.engines.graph import GraphModel, GraphStream
from edgelstm.runtime.metadata import read_metadata

FEATURES, STRIDE = 3, 4


class Sums(GraphModel):
    def new_stream(self, answering: Answering) -> SumStream:
        return SumStream(self, answering)


class SumStream(GraphStream):
    """scores = h = the sum of all frames seen, the newest of a call tenfold."""

    def __init__(self, model: Sums, answering: Answering) -> None:
        super().__init__(model, answering)
        self._h = np.zeros((1, FEATURES), np.float32)

    def _run(self) -> None:
        assert self._gathered.shape == (STRIDE, FEATURES)
        self._h += self._gathered.sum(axis=0) + 9 * self._gathered[-1]
        self.scores[:] = self._h[0]

    def _state(self) -> list[np.ndarray]:
        return [self._h.copy()]

    def _set_state(self, state: list[np.ndarray]) -> None:
        self._h[:] = state[0]

    def _clear(self) -> None:
        self._h[:] = 0


def opened(pooling: str = "last", window: int = 0, hop: int = STRIDE) -> Sums:
    names = {"context0": (STRIDE, "context", {"hop": STRIDE}), "gru0": (1, "gru", {"reset": "after"})}
    layers = [
        {"name": name, "kind": kind, "rows": rows, "channels": FEATURES, "stride": STRIDE, **settings}
        for name, (rows, kind, settings) in names.items()
    ]
    state = {"name": "h0", "output": "h0_out", "type": "float32", "shape": [1, FEATURES]}
    values = {
        "version": 1,
        "precision": "float32",
        "features": FEATURES,
        "outputs": FEATURES,
        "labels": [],
        "feature_names": [],
        "layers": layers,
        "stride": STRIDE,
        "activation": "linear",
        "answer": {"pooling": pooling, "window": window, "hop": hop},
        "sample_rate": 0,
        "states": [{**state, "initial": 0.0, "scale": 1.0, "zero_point": 0}],
    }
    return Sums(Path("sums.onnx"), "numpy 0", b"sums", read_metadata(json.dumps(values)))


SIGNAL = np.random.default_rng(3).integers(-9, 9, (50, FEATURES)).astype(np.float32)  # sums are exact


def scores(frames: np.ndarray) -> np.ndarray:
    """(runs, outputs): what the layer above gives at every fourth frame."""
    calls = frames[: len(frames) // STRIDE * STRIDE].reshape(-1, STRIDE, FEATURES)
    return np.cumsum(calls.sum(axis=1) + 9 * calls[:, -1], axis=0)


def test_it_runs_at_every_fourth_frame_and_answers_as_of_then() -> None:
    stream = opened().stream()
    for count, frame in enumerate(SIGNAL, 1):
        assert stream.step(frame) is (count % STRIDE == 0)
        assert (stream.frames, stream.runs) == (count, count // STRIDE)
        if stream.runs:
            np.testing.assert_array_equal(stream.answer(), scores(SIGNAL[:count])[-1])
            np.testing.assert_array_equal(stream.output, stream.answer())
            np.testing.assert_array_equal(stream.states()["h0"], stream.answer())


def test_before_the_first_run_there_is_no_answer() -> None:
    stream = opened().stream()
    stream.push(SIGNAL[: STRIDE - 1])
    with pytest.raises(ValueError, match="3 frames since reset, expected at least 4 before an answer"):
        stream.answer()


def test_pooling_counts_runs() -> None:
    stream = opened("mean", 3 * 2 * STRIDE, 2 * STRIDE).stream()
    answers, expected = stream.push(SIGNAL), scores(SIGNAL)
    wanted = [expected[max(0, end - 6) : end].mean(axis=0) for end in range(2, len(expected) + 1, 2)]
    np.testing.assert_allclose(answers, wanted, rtol=1e-6)


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(0, 50), max_size=5).map(sorted),
    answer=st.sampled_from([("last", 0, 4), ("last", 0, 0), ("mean", 0, 12), ("mean", 16, 8)]),
)
def test_any_split_with_any_saves_is_single_steps(cuts: list[int], answer: tuple[str, int, int]) -> None:
    model = opened(*answer)
    single = model.stream()
    expected = [single.output.copy() for frame in SIGNAL if single.step(frame)]
    parts, saved = [], model.stream().save()
    for part in np.split(SIGNAL, cuts):
        stream = model.stream()  # all that it knows comes from the saved state
        stream.restore(saved)
        parts.append(stream.push(part))
        saved = stream.save()
    np.testing.assert_array_equal(np.concatenate(parts), np.reshape(expected, (-1, FEATURES)))
    assert saved == single.save()
    assert len(saved) == model.snapshot_bytes


def test_a_reset_forgets_the_gathered_frames() -> None:
    stream = opened().stream()
    fresh = stream.save()
    stream.push(SIGNAL[:7])
    assert stream.save() != fresh
    stream.reset()
    assert stream.save() == fresh
    np.testing.assert_array_equal(stream.push(SIGNAL), scores(SIGNAL))


def test_a_refused_frame_is_not_gathered() -> None:
    stream = opened().stream()
    stream.push(SIGNAL[:6])
    before = stream.save()
    bad = SIGNAL[6].copy()
    bad[1] = np.nan
    with pytest.raises(ValueError, match="feature 1: nan"):
        stream.step(bad)
    with pytest.raises(ValueError, match="frame 1, feature 1: nan"):
        stream.push([SIGNAL[6], bad])
    assert stream.save() == before


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (24, b"\xff" * 8, "frames, expected at most"),
        (32, b"\0\0\xc0\x7f", "h0 holds NaN"),
        (32 + 4 * FEATURES, b"\0\0\x80\x7f", "frames holds NaN or infinity"),
    ],
)
def test_a_saved_state_that_cannot_be_is_refused_and_changes_nothing(at: int, value: bytes, said: str) -> None:
    stream = opened().stream()
    stream.push(SIGNAL[:6])
    saved = stream.save()
    with pytest.raises(ValueError, match=f"^snapshot: .*{said}"):
        stream.restore(saved[:at] + value + saved[at + len(value) :])
    assert stream.save() == saved


def test_a_memory_limit_is_refused_where_memory_is_not_known() -> None:
    with pytest.raises(ValueError, match="numpy 0 does not say"):
        opened().stream(memory_limit=1 << 20)
