"""Recordings cut into windows of equal length."""

from __future__ import annotations

from edgelstm.data.dataset import Dataset
from edgelstm.data.targets import Piece


def shorter(dataset: Dataset, frames: int) -> int:
    """How many recordings no window of `frames` frames fits into."""
    return sum(len(x) < frames for x in dataset.sequences)


def cut(dataset: Dataset, frames: int, hop: int) -> Dataset:
    """Windows of `frames` frames, one starting every `hop`, each with its recording's label, group and test flag.

    What is left at a recording's end is dropped. ValueError when every recording is shorter than a window.
    """
    if frames < 1 or hop < 1:
        raise ValueError(f"windows: frames {frames}, hop {hop}, expected 1 or larger")
    pieces = [
        Piece(place, start, start + frames)
        for place, x in enumerate(dataset.sequences)
        for start in range(0, len(x) - frames + 1, hop)
    ]
    if not pieces:
        longest = max(len(x) for x in dataset.sequences)
        raise ValueError(f"windows: {frames} frames, expected at most {longest}, the longest of {dataset.name}")
    return dataset.pieces(pieces)
