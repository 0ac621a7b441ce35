"""A model's report as data: everything that its page shows, as versioned JSON that is checked on reading."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from edgelstm.files import write_whole
from edgelstm.judging import Figure
from edgelstm.judging.false_events import Point
from edgelstm.records import Bounds, Length, Pattern, from_json, load, to_json

VERSION: Literal[1] = 1
KIND: Literal["model-report"] = "model-report"

MOST_BYTES = 64 << 20
"""Of a file that is read."""

Count = Annotated[int, Bounds(0)]
Hue = Annotated[int, Bounds(0, 4)]
Numbers = tuple[float, ...]
RelativeLink = Annotated[
    str, Pattern(r"[A-Za-z0-9_.~%-][A-Za-z0-9_.~%/-]{0,2000}", "a relative path, in letters that links may have")
]


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the model."""

    name: str
    kind: str
    rows: Count  # of its result: rows × channels
    channels: Count
    weights: Count
    every: Count  # frames from one run to the next


@dataclass(frozen=True)
class FileFacts:
    """An `.elstm` file of the model, as export writes it."""

    precision: str
    bytes: Count
    sha256: str
    stream_bytes: int | None  # all the memory of one stream


@dataclass(frozen=True)
class About:
    """What the model is, and what it was made of."""

    file: str  # its name, without folders
    bytes: Count
    sha256: str
    name: str
    task: str
    weights: Count
    layers: tuple[LayerFacts, ...]
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    sample_rate: float  # frames per second; 0 = unknown
    pooling: str
    window: int  # frames that an answer is of; 0 = all, or the newest alone
    hop: int  # frames from one answer to the next; 0 = only when asked
    licence: str
    trained_on: str
    trained_frames: int | None
    data_sha256: str | None  # of the data, all of them; None where the run's folder does not say
    best_epoch: int | None
    versions: dict[str, str]  # of what trained it
    recipe: dict[str, object]
    files: tuple[FileFacts, ...]


@dataclass(frozen=True)
class Judged:
    """The data that the model was asked about."""

    name: str
    part: str  # of them, in words
    recordings: Count
    frames: Count
    sequences: Count  # windows, or whole recordings
    sequence_frames: Count  # of all windows together, which may overlap


@dataclass(frozen=True)
class EpochFacts:
    """One epoch."""

    number: int
    loss: float
    validation_loss: float | None
    score: float | None
    rate: float | None  # of learning, at its end
    best: bool
    seconds: float


@dataclass(frozen=True)
class Course:
    """Values over frames. Longer ones are thinned: of each column of the drawing the lowest value and the highest."""

    name: str
    hue: Hue  # which colour; what belongs together has one
    manner: Literal["float", "int8", "truth", "plain"]
    at: Numbers  # frames
    values: Numbers


@dataclass(frozen=True)
class Stretch:
    """Frames in which something is the case."""

    name: str
    hue: Literal["event", "alarm", "0", "1", "2", "3", "4"]
    first: int
    last: int


@dataclass(frozen=True)
class Chart:
    """Courses over the same frames, in one unit."""

    title: str
    unit: str
    courses: tuple[Course, ...]
    stretches: tuple[Stretch, ...] = ()
    limit: float | None = None  # a threshold


@dataclass(frozen=True)
class Sign:
    """One symbol of a text, and what it cost."""

    symbol: str
    bits: tuple[float, ...]  # of each precision


@dataclass(frozen=True)
class Sample:
    """A recording, or a stretch of one, with the answers to it."""

    title: str
    why: str  # it was chosen
    is_right: bool | None  # None where that is a matter of degree
    first: Count  # frames of its recording
    last: Count
    verdict: tuple[tuple[str, str], ...]  # what is true, and what each precision said
    input: tuple[Chart, ...]
    channels_left_out: Count
    answers: tuple[Chart, ...]
    text: tuple[Sign, ...] = ()


@dataclass(frozen=True)
class LabelFigures:
    label: str
    count: Count
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class ClassCounts:
    """Decisions, counted."""

    rows: tuple[LabelFigures, ...]
    rows_left_out: Count
    labels: tuple[str, ...]  # of the confusion, the most frequent ones
    confusion: tuple[tuple[int, ...], ...]  # [true][decided]


@dataclass(frozen=True)
class ThresholdCurve:
    """What other thresholds would come to."""

    thresholds: Numbers
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    f1: tuple[float | None, ...]


@dataclass(frozen=True)
class TagFigures(LabelFigures):
    threshold: float
    curve: ThresholdCurve | None


@dataclass(frozen=True)
class TagCounts:
    rows: tuple[TagFigures, ...]
    rows_left_out: Count


@dataclass(frozen=True)
class OutputFigures:
    """One output: its errors beside those of simple guesses."""

    output: str
    column: str  # without how far ahead it is told
    ahead: Count  # frames; 0 where it is told of now
    unit: str
    count: Count
    deviation: float | None  # of the truth
    figures: dict[str, float | None]  # rmse and mae, or level, below and pinball_loss
    guesses: dict[str, float | None]  # of each, the same error
    skills: dict[str, float | None]  # 1 = perfect, 0 = as good as the guess
    truth: Numbers  # of some answers, evenly chosen
    told: Numbers  # … what was said
    edges: Numbers  # of the histogram of what was told minus the truth
    residuals: tuple[int, ...]


@dataclass(frozen=True)
class OutputCounts:
    error: str  # the figure that guesses have too
    rows: tuple[OutputFigures, ...]
    rows_left_out: Count


@dataclass(frozen=True)
class ScoreCourse:
    """Scores along a recording, in units of the threshold."""

    title: str
    chart: Chart


@dataclass(frozen=True)
class EventCounts:
    courses: tuple[ScoreCourse, ...]
    courses_left_out: Count


@dataclass(frozen=True)
class SymbolFigures:
    symbol: str
    count: Count
    bits: float  # mean


@dataclass(frozen=True)
class SymbolCounts:
    rows: tuple[SymbolFigures, ...]  # those that cost the most altogether
    rows_left_out: Count


@dataclass(frozen=True)
class Result:
    """How good one precision is, in one way to run the data. Of the parts at the end, one is there."""

    precision: str
    streamed: bool
    answers: Count
    figures: Annotated[tuple[Figure, ...], Length(1, 100)]  # the headline first
    remarks: tuple[str, ...]
    classes: ClassCounts | None = None
    tags: TagCounts | None = None
    outputs: OutputCounts | None = None
    events: EventCounts | None = None
    symbols: SymbolCounts | None = None


@dataclass(frozen=True)
class Lacking:
    """A result that could not be had."""

    precision: str
    streamed: bool
    why: str


@dataclass(frozen=True)
class GroupFigures:
    group: str
    answers: Count
    values: tuple[float | None, ...]  # the headline of each column


@dataclass(frozen=True)
class Groups:
    figure: Figure  # what is shown; its value is that of all groups
    columns: tuple[str, ...]  # precisions
    rows: tuple[GroupFigures, ...]
    rows_left_out: Count


@dataclass(frozen=True)
class RangeFigures:
    """What int8 holds of one quantity, in real numbers after normalization."""

    quantity: str
    low: float
    high: float
    at_the_ends: float | None  # share of values; None where it was not counted


@dataclass(frozen=True)
class Ranges:
    rows: tuple[RangeFigures, ...]
    frames: Count  # over which values at the ends were counted


@dataclass(frozen=True)
class Cost:
    """What a profile says of a file of this model."""

    file: str
    engine: str
    precision: str
    board: str
    measured_at: str
    p50_us: float | None
    p99_us: float | None
    bytes: Count
    stream_bytes: int | None
    page: RelativeLink  # of the profile, from the folder of this report


@dataclass(frozen=True)
class WatchedLabel:
    """False events an hour against misses, a point for each threshold, the lowest first."""

    label: str
    points: Annotated[tuple[Point, ...], Length(1, 100)]
    chosen: Count | None  # place of the one that was chosen, or that the model keeps; None for none of them


@dataclass(frozen=True)
class FalseEvents:
    """What other thresholds of events would come to: one stream through all recordings, as deployed."""

    data: str
    most: float | None  # false events an hour that were allowed; None where nobody said
    labels: Annotated[tuple[WatchedLabel, ...], Length(1, 1000)]


@dataclass(frozen=True)
class ModelReport:
    """Everything about one model on one set of data."""

    made_at: str  # UTC, ISO 8601
    edgelstm: str
    about: About
    judged: Judged
    results: Annotated[tuple[Result, ...], Length(1, 100)]  # the first is what the page begins with
    lacking: tuple[Lacking, ...]
    notes: tuple[str, ...]
    epochs: tuple[EpochFacts, ...]
    score: Figure | None  # what the epochs' scores are
    no_epochs: str  # why there are none
    groups: Groups | None
    ranges: Ranges | None
    no_ranges: str  # why there are none
    choice: str  # the rule by which samples were chosen
    samples: tuple[Sample, ...]
    costs: tuple[Cost, ...] = ()
    false_events: FalseEvents | None = None

    def to_json(self) -> dict[str, Any]:
        return {"kind": KIND, "version": VERSION, **to_json(self)}

    @classmethod
    def from_json(cls, value: object, where: str = "report") -> ModelReport:
        """ValueError that names `where` and the field."""
        if not isinstance(value, dict) or value.get("kind") != KIND:
            raise ValueError(f"{where}: no model's report, expected an object of kind {KIND}")
        fields = {name: item for name, item in value.items() if name not in ("kind", "version")}
        version = value.get("version")
        if version != VERSION or isinstance(version, bool):
            raise ValueError(f"{where}: version {str(version)[:20]}, expected {VERSION}")
        return from_json(cls, fields, where)


def is_report(value: object) -> bool:
    """Whether JSON says that it is a model's report."""
    return isinstance(value, dict) and value.get("kind") == KIND


def read_report(path: str | Path) -> ModelReport:
    """ValueError, one line, for anything but a model's report."""
    return ModelReport.from_json(load(path, MOST_BYTES), str(path))


def write_report(report: ModelReport, path: str | Path) -> None:
    """`path` holds a whole report or what it held before."""
    write_whole(path, (json.dumps(report.to_json(), allow_nan=False) + "\n").encode())
