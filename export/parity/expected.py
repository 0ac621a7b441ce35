"""What the model in float64 answers over recordings: fresh window by window, and streamed.

Several files of one model are held against it: the last few are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.layers.layer import Floats
from edgelstm.model import Model

Frames = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Expected:
    """Answers as pooled scores, before the output activation."""

    windows: tuple[NDArray[np.float32], ...]  # of raw frames, each run from a fresh state
    fresh: Floats  # (answers, outputs) that each window emits, or of the one at its end where it emits none
    streamed: Floats | None  # (answers, outputs) that a stream emits through all recordings; None with a hop of 0


def expected_answers(model: Model, recordings: Frames) -> Expected:
    """Over raw `recordings` (frames, features)."""
    joined = np.ascontiguousarray(np.concatenate(recordings), np.float32)
    return _expected(model, joined.tobytes(), tuple(len(recording) for recording in recordings))


@lru_cache(4)
def _expected(model: Model, frames: bytes, lengths: tuple[int, ...]) -> Expected:
    joined = np.frombuffer(frames, np.float32).reshape(-1, model.features)
    ends = np.cumsum(lengths)
    recordings = np.split(joined, ends[:-1])
    answer = model.run_answer
    windows = windows_of(model, recordings)
    fresh = []
    for scores in forward.scores(model, windows, np.float64):
        emitted = forward.answers(scores, answer)
        fresh.append(emitted if len(emitted) else forward.final_answer(scores, answer)[None])
    streamed = forward.answers(forward.scores(model, [joined], np.float64)[0], answer) if answer.hop else None
    return Expected(tuple(windows), np.concatenate(fresh), streamed)


def windows_of(model: Model, recordings: Frames) -> list[NDArray[np.float32]]:
    """Recordings cut, side by side, into windows as long as those of training, or those of an answer; what is left at
    an end is dropped. Recordings that are shorter stay whole, and so do all where the model knows no window."""
    frames = max(model.trained_window or model.answer.window, model.stride)
    if frames == model.stride:
        return [recording for recording in recordings if len(recording) >= model.stride]
    windows: list[NDArray[np.float32]] = []
    for recording in recordings:
        starts = range(0, max(len(recording) - frames, 0) + 1, frames)
        windows += [recording[start : start + frames] for start in starts]
    return [window for window in windows if len(window) >= model.stride]
