"""`text`: texts, symbol by symbol: which follows, or what kind of text it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import from_recordings
from edgelstm.data.next_symbol import NextSymbol
from edgelstm.data.options import ReadOptions
from edgelstm.data.read import with_rate
from edgelstm.data.recordings import Recordings
from edgelstm.data.store import chunked
from edgelstm.data.texts import read_texts
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.evaluation import Floats, check_finite
from edgelstm.judging.gathering import joined, true_parts
from edgelstm.judging.symbols import symbols
from edgelstm.records import Bounds, Line
from edgelstm.tasks.classify import CLASSIFY
from edgelstm.tasks.task import Task


@dataclass(frozen=True)
class Text(Task):
    """The next symbol of a text, or the label of a text."""

    kind = "text"
    summary = "texts, symbol by symbol: the next one, or the label of all"
    says = "symbols"
    normalizes = False

    tell: Literal["next", "label"] = "next"  # the next symbol after each, or the label of each text
    column: Annotated[str, Line(1000, least=0)] = ""  # of texts, in a CSV file; .txt files need none
    symbols: Literal["characters", "cells"] = "characters"  # of a text; or each cell of the column is one
    most: Annotated[int, Bounds(2, 4096)] = 96  # symbols that are known by name; the rarest others count as one

    @property
    def each_frame(self) -> bool:
        return self.tell == "next"

    @property
    def decides(self) -> bool:
        return self.tell == "label"

    @property
    def counts_classes(self) -> bool:
        return self.tell == "label"

    def recordings(self, path: Path | str, options: ReadOptions) -> Recordings:
        path = Path(path)
        if path.suffix == ".npz":  # symbols as columns already
            return super().recordings(path, options)
        texts = read_texts(path, options, self.column, self.symbols == "cells", self.most)
        return with_rate(texts, options.rate, str(path))

    def dataset(self, recordings: Recordings) -> Dataset:
        if self.tell == "label":
            return CLASSIFY.dataset(recordings)
        names = recordings.column_names
        for recording in recordings.recordings:
            if not all(((part != 0).sum(axis=1) == 1).all() for part in chunked(recording.frames)):
                raise ValueError(
                    f"{recording.name}: expected frames with one 1 among zeros, a column for each symbol"
                )
        sequences = tuple(recording.frames for recording in recordings.recordings)
        y = np.zeros(len(sequences), np.int64)
        return from_recordings(recordings, y, names, NextSymbol(sequences))

    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        if self.tell == "label":
            return CLASSIFY.judge(precision, streamed, dataset, said)
        check_finite(precision, said)
        assert dataset.targets is not None  # `dataset` gave them
        return symbols(precision, streamed, dataset.labels, true_parts(said, dataset.targets))

    def both(self, dataset: Dataset, said: Sequence[Said]) -> tuple[Floats, NDArray[np.int64]]:
        """Probabilities (answers, labels) of what follows, and what did (answers,), places in the labels; -1 = the
        text was at its end."""
        assert dataset.targets is not None  # `dataset` gave them
        return joined(true_parts(said, dataset.targets))
