"""Recordings cut into windows of equal length."""

from __future__ import annotations

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.pieces import Pieces, even_pieces
from edgelstm.plain import counted


def shorter(dataset: Dataset, frames: int) -> int:
    """How many recordings no window of `frames` frames fits into."""
    return int((dataset.lengths < frames).sum())


def cut(dataset: Dataset, frames: int, hop: int) -> Dataset:
    """Windows of `frames` frames, one starting every `hop`, each with its recording's label, group and test flag.

    What is left at a recording's end is dropped. ValueError when every recording is shorter than a window.
    """
    if frames < 1 or hop < 1:
        raise ValueError(f"windows: frames {frames}, hop {hop}, expected 1 or larger")
    lengths = dataset.lengths
    counts = np.maximum((lengths - frames) // hop + 1, 0)
    if not counts.any():
        longest = lengths.max()
        raise ValueError(
            f"windows: {counted(frames, 'frame')}, expected at most {longest}, the longest of {dataset.name}"
        )
    places = np.repeat(np.arange(len(dataset)), counts.astype(np.intp))
    starts = hop * (np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts.astype(np.intp)))
    return dataset.pieces(Pieces(places, starts, starts + frames))


def spread(dataset: Dataset, piece: int, least: int, most: int) -> Dataset:
    """Pieces of at most `piece` frames, but of `least` or more, evenly over recordings of more than `most` frames
    together, as many as are about so many; `dataset` itself where it has no more."""
    return dataset if dataset.frames <= most else dataset.pieces(even_pieces(dataset.lengths, piece, least, most))
