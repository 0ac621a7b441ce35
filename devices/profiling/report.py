"""What profiling found, as versioned JSON that is checked on reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edgelstm.devices.machine.conditions import Conditions
from edgelstm.devices.machine.detect import Board
from edgelstm.devices.machine.usage import Memory, Usage
from edgelstm.devices.profiling.budget import Unit
from edgelstm.devices.profiling.measure import Latency
from edgelstm.devices.profiling.sharing import Sharing
from edgelstm.files import write_whole
from edgelstm.records import Unavailable, from_json, load, parse_json, to_json, to_text
from edgelstm.runtime.answering import Answering

VERSION = 2
_NOT_ASKED = Unavailable("not asked")
"""Reports of before do not say how a file agrees, nor how its stream answered."""
ALONE = Unavailable("one thread")

_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Agrees:
    """How a file agrees with the float model it was made from, as its proof says."""

    share: float | None  # of answers decided as the model decides; None where there is none to tell
    answers: int  # that it rests on
    error: float  # of scores, RMS, relative to that of the model's
    independent: int | None = None  # so many independent answers those are worth; None: a proof of before


@dataclass(frozen=True)
class ModelFacts:
    """What was run."""

    file: str  # its name, without folders
    size: int  # bytes
    sha256: str
    engine: str
    precision: str
    kernel: str | Unavailable
    features: int
    outputs: int
    sample_rate: float | Unavailable  # frames per second
    stream_bytes: int | Unavailable  # all the memory of one stream
    state_bytes: int | Unavailable  # the part that must outlive a frame, as it is saved
    agrees: Agrees | Unavailable = _NOT_ASKED
    answer: Answering | Unavailable = _NOT_ASKED  # how scores became answers, what `stream_bytes` are for


@dataclass(frozen=True)
class Stage:
    """Memory, and what had befallen the process, when a part of the work was done."""

    name: str
    memory: Memory
    usage: Usage


@dataclass(frozen=True)
class Verdict:
    """A budget beside what was found."""

    name: str
    unit: Unit
    limit: float
    found: float | Unavailable
    source: str  # who set it: the command line or the model

    @property
    def holds(self) -> bool:
        """A figure that could not be had is no figure within the budget."""
        return not isinstance(self.found, Unavailable) and self.found <= self.limit


@dataclass(frozen=True)
class Run:
    """One model on one board, in a process of its own."""

    model: ModelFacts
    input: str  # what the frames were
    core: int | Unavailable  # the one it was pinned to
    open_ms: float
    stream_us: float  # making a stream
    latency: Latency
    stages: tuple[Stage, ...]
    growth: int | Unavailable  # bytes of resident memory that came after the warm-up
    before: Conditions
    after: Conditions
    budget: tuple[Verdict, ...]
    sharing: Sharing | Unavailable = ALONE

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("stages: none, expected at least one")


@dataclass(frozen=True)
class Skipped:
    """A model that could not be measured on this board, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Report:
    """Models on one board, measured one after another."""

    measured_at: str  # UTC, ISO 8601
    board: Board
    runs: tuple[Run, ...]
    skipped: tuple[Skipped, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError("runs: none, expected at least one")
        try:
            datetime.fromisoformat(self.measured_at)
        except ValueError:
            raise ValueError(f"measured_at: {self.measured_at[:40]!r}, expected a time as ISO 8601 has it") from None

    def to_json(self) -> dict[str, Any]:
        return {"version": VERSION, **to_json(self)}

    @classmethod
    def from_json(cls, value: Any, where: str = "report") -> Report:
        """ValueError that names `where` and the field."""
        if not isinstance(value, dict) or "version" not in value:
            raise ValueError(f"{where}: no profile report, expected an object with a version")
        if value.get("kind") == "prediction":
            raise ValueError(
                f"{where}: a prediction (profile --predict), which has nothing measured to show; expected a profile"
            )
        fields = dict(value)
        version = fields.pop("version")
        if version != VERSION or isinstance(version, bool):
            raise ValueError(f"{where}: version {str(version)[:20]}, expected {VERSION}")
        return from_json(cls, fields, where)


def parse_report(text: str | bytes, where: str) -> Report:
    """ValueError, one line, for anything but a report."""
    return Report.from_json(parse_json(text, where), where)


def read_report(path: str | Path) -> Report:
    """ValueError, one line, for anything but one report."""
    return Report.from_json(load(path, _MOST_BYTES), str(path))


def read_reports(path: str | Path) -> list[Report]:
    """A file with one report, or with a list of them as `edgelstm profile --json` prints for several boards."""
    return parse_reports(load(path, _MOST_BYTES), str(path))


def parse_reports(value: Any, where: str) -> list[Report]:
    """Of JSON as `read_reports` finds it in the file `where`."""
    if not isinstance(value, list):
        return [Report.from_json(value, where)]
    if not value:
        raise ValueError(f"{where}: an empty list, expected reports")
    return [Report.from_json(one, f"{where}[{n}]") for n, one in enumerate(value)]


def write_report(report: Report, path: str | Path) -> None:
    """`path` holds a whole report or what it held before."""
    write_whole(path, to_text(report.to_json()).encode())
