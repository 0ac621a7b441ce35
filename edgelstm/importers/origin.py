"""A file in its own engine, as what an imported model is held against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgelstm import records
from edgelstm.importers.child import in_child
from edgelstm.runtime.frame import Float32

SECONDS = 300
"""That an engine may take for a proof."""


class Origin(ABC):
    """One stream through the file. `engine` names what runs it, with its version."""

    engine: str

    @abstractmethod
    def reset(self) -> None:
        """As before the first frame."""

    @abstractmethod
    def run(self, frames: Float32) -> Float32:
        """Frames (T, features), as many as a call takes → what the file gives, (rows, outputs): probabilities where
        it ends with such, else scores. States go on from call to call where the model is a stream."""

    @property
    @abstractmethod
    def frames(self) -> int:
        """Frames that a call takes."""


@dataclass(frozen=True)
class Opening:
    """How a file opens in its engine: a line of the table in `origin_child.py`, and what else that needs to know, as
    JSON values."""

    engine: Literal["onnx", "tflite"]
    path: Path
    settings: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Answers:
    """engine: with its version. frames: of a call. each: of every recording, those of its calls one behind the other;
    a recording that is shorter than a call has none. again: of the first calls of the first recording, after a reset.
    """

    engine: str
    frames: int
    each: tuple[Float32, ...]
    again: Float32


@dataclass(frozen=True)
class _Header:
    engine: str
    frames: int


def ask(opening: Opening, recordings: Sequence[Float32], is_anew: bool, calls_again: int) -> Answers:
    """What the file answers to recordings (T, features), in a process of its own with limits. is_anew: every call
    begins from a fresh state; else it goes on from recording to recording. calls_again: how many calls of the first
    are made again. ValueError, one line, where the engine does not run it."""
    header = {
        "engine": opening.engine,
        "path": str(opening.path.absolute()),
        "settings": dict(opening.settings),
        "is_anew": is_anew,
        "calls_again": calls_again,
    }
    given = {f"x{place}": np.asarray(x, np.float32) for place, x in enumerate(recordings)}
    raw, found = in_child("edgelstm.importers.origin_child", given=(header, given), who="engine", seconds=SECONDS)
    about = records.from_json(_Header, raw, "engine")
    each = tuple(np.asarray(found[f"y{place}"], np.float32) for place in range(len(recordings)))
    return Answers(about.engine, about.frames, each, np.asarray(found["again"], np.float32))
