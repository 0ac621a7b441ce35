"""What every way to judge answers has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.store import chunked

Floats = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Said:
    """What a model said along one sequence."""

    at: NDArray[np.int64]  # (answers,) frames of the sequence that had come
    answers: Floats  # (answers, outputs), after the output activation
    thresholds: tuple[float, ...] = ()  # (outputs,) from which on a sigmoid's label is said; none: 0.5


@dataclass(frozen=True)
class Figure:
    """One number of an evaluation."""

    name: str
    value: float | None  # counts are whole numbers
    is_share: bool = False  # of 0 to 1, shown in percent
    unit: str = ""
    why: str = ""  # there is no value


@dataclass(frozen=True, eq=False)
class Compared:
    """One figure of every output, beside that of simple guesses."""

    name: str
    values: NDArray[np.float64]  # (outputs,) NaN = none
    guesses: Mapping[str, NDArray[np.float64]] = field(
        default_factory=dict
    )  # a guess's name → its figures (outputs,)
    is_share: bool = False  # of 0 to 1, shown in percent


@dataclass(frozen=True, eq=False)
class Evaluation(ABC):
    """Figures of one precision over one data set."""

    precision: str  # what computed: "float32", "int8 per-row", an engine's name …

    streamed: bool  # answers of one stream over all recordings, not of each sequence from a fresh state

    @property
    @abstractmethod
    def count(self) -> int:
        """Answers that were judged."""

    @property
    @abstractmethod
    def headline(self) -> Figure:
        """The figure to be told where there is room for one."""

    @abstractmethod
    def figures(self) -> Sequence[Figure]:
        """Those of all answers together, the headline included, in the order in which they are shown; the same names
        for every precision."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; a figure that cannot be had is null."""

    def remarks(self) -> Sequence[str]:
        """What is bad about it and easily overlooked: one line each."""
        return ()


def check_finite(precision: str, said: Iterable[Said]) -> None:
    """ValueError for an answer that is not finite."""
    count = 0
    for one in said:
        for part in chunked(one.answers):
            wrong = np.flatnonzero(~np.isfinite(part).all(axis=1))
            if wrong.size:
                raise ValueError(
                    f"{precision}: answer {count + wrong[0]} is not finite, the model overflows on these data"
                )
            count += len(part)


def known_or_none(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return float(value) if np.isfinite(value) else None
