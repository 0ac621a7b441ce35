"""A report of a model on data: it is asked in every precision and way, and what it says is judged and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import edgelstm
from edgelstm.data.dataset import Dataset
from edgelstm.data.pieces import even_pieces
from edgelstm.data.windows import spread
from edgelstm.evaluation import said_by_file, said_by_file_streamed
from edgelstm.judging import Figure, Said
from edgelstm.model import Model
from edgelstm.plain import file_name
from edgelstm.quantization import quantize
from edgelstm.quantization.saturation import saturation
from edgelstm.report.counts import Answered, result
from edgelstm.report.false_events import kept_events
from edgelstm.report.record import (
    About,
    EpochFacts,
    FileFacts,
    GroupFigures,
    Groups,
    Judged,
    Lacking,
    LayerFacts,
    ModelReport,
    RangeFigures,
    Ranges,
    Result,
)
from edgelstm.report.samples import Voice, samples

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineModel

MOST_FRAMES = 300_000
"""About how many frames are judged, evenly chosen where there are more."""

_MOST_VALUES = 1 << 23  # of all answers of one precision
_PIECE = 1 << 14  # frames
_SATURATED_FRAMES = 8_000
_MOST_GROUPS = 60
_MOST_NOTES = 20


@dataclass(frozen=True, eq=False)
class Engine:
    """One precision of the model, open; or why it is not there."""

    precision: str
    model: EngineModel | None
    why: str = ""
    facts: FileFacts | None = None


@dataclass(frozen=True, eq=False)
class Asked:
    """The data that the model is asked about, its columns and labels in the model's order."""

    recordings: Dataset  # whole, as they are streamed
    windows: Dataset  # what is judged from a fresh state
    part: str  # of the data, in words
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """How training went, where that is known."""

    epochs: tuple[EpochFacts, ...] = ()
    score: Figure | None = None
    why: str = ""  # it is not
    data_sha256: str | None = None
    versions: dict[str, str] = field(default_factory=dict)


def build(path: Path, model: Model, engines: Sequence[Engine], asked: Asked, history: History) -> ModelReport:
    """The report of `model`, which lies at `path`, in the precisions of `engines`, float32 first. ValueError where it
    has none, or where answers are not finite."""
    asked, bounded = _bounded(asked, model)
    results, lacking, voices, along = _results(model, engines, asked)
    if not voices:
        raise ValueError(f"report: {lacking[0].why if lacking else 'no engine'}")
    choice, chosen = samples(model, asked.windows, voices)
    ranges, no_ranges = _ranges(model, asked.recordings)
    return ModelReport(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        edgelstm=edgelstm.__version__,
        about=_about(path, model, engines, history),
        judged=_judged(asked),
        results=tuple(results),
        lacking=tuple(lacking),
        notes=(*bounded, *asked.notes)[:_MOST_NOTES],
        epochs=history.epochs,
        score=history.score,
        no_epochs=history.why,
        groups=_groups(model, asked.windows, voices),
        ranges=ranges,
        no_ranges=no_ranges,
        choice=choice,
        samples=chosen,
        false_events=kept_events(model, asked.recordings, along),
    )


def _bounded(asked: Asked, model: Model) -> tuple[Asked, tuple[str, ...]]:
    """No more than can be asked in seconds, and what is left out."""
    most = min(MOST_FRAMES, max(_MOST_VALUES // model.outputs, model.stride))
    recordings, windows = asked.recordings, asked.windows
    is_whole = windows is recordings
    notes = []
    if recordings.frames > most:
        recordings = spread(recordings, _PIECE // model.stride * model.stride or model.stride, model.stride, most)
        notes.append(f"{recordings.frames:,} of {asked.recordings.frames:,} frames, evenly chosen, stand for all")
    if is_whole:
        windows = recordings
    elif windows.frames > most:
        kept = max(int(len(windows) * most / windows.frames), 1)
        windows = windows.subset(np.unique(np.linspace(0, len(windows) - 1, kept).astype(int)))
        notes.append(f"{len(windows):,} of {len(asked.windows):,} windows, evenly chosen, stand for all")
    return Asked(recordings, windows, asked.part, asked.notes), tuple(notes)


def _results(
    model: Model, engines: Sequence[Engine], asked: Asked
) -> tuple[list[Result], list[Lacking], list[Voice], Sequence[Said] | None]:
    """Results, those that could not be had, what was said from fresh states, and what the last engine said as one
    stream: where there is int8, as deployed."""
    along: Sequence[Said] | None = None
    results, lacking, voices = [], [], []
    for engine in engines:
        if engine.model is None:
            lacking += [Lacking(engine.precision, streamed, engine.why) for streamed in (False, True)]
            continue
        said = said_by_file(engine.model.stream(), asked.windows, model.task, model.thresholds)
        results.append(_judge(model, engine.precision, False, asked.windows, said))
        voices.append(Voice(engine.precision, engine.model, said))
        if not model.answer.hop:
            lacking.append(Lacking(engine.precision, True, "it answers only when asked (hop 0)"))
            continue
        along = said_by_file_streamed(engine.model.stream(), asked.recordings, model.thresholds)
        results.append(_judge(model, engine.precision, True, asked.recordings, along))
    results.sort(key=lambda one: one.streamed)
    return results, lacking, voices, along


def _judge(model: Model, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Result:
    evaluation = model.task.judge(precision, streamed, dataset, said)
    return result(Answered(model.task, dataset, said, evaluation))


def _about(path: Path, model: Model, engines: Sequence[Engine], history: History) -> About:
    provenance: dict[str, Any] = dict(model.provenance)
    config, best, frames = (provenance.get(name) for name in ("config", "best_epoch", "frames"))
    epoch = best.get("number") if isinstance(best, dict) else None
    content = path.read_bytes()
    return About(
        file=file_name(path),
        bytes=len(content),
        sha256=sha256(content).hexdigest(),
        name=model.name,
        task=model.task.kind,
        weights=model.weights,
        layers=tuple(
            LayerFacts(at.name, at.layer.kind, at.result.rows, at.result.channels, at.layer.weights, at.stride)
            for at in model.road
        ),
        features=model.feature_names or tuple(str(n) for n in range(model.features)),
        outputs=model.labels or tuple(str(n) for n in range(model.outputs)),
        sample_rate=float(model.sample_rate),
        pooling=model.answer.pooling,
        window=model.answer.window,
        hop=model.answer.hop,
        licence=model.licence,
        trained_on=str(provenance.get("data") or ""),
        trained_frames=frames if type(frames) is int else None,
        data_sha256=history.data_sha256,
        best_epoch=epoch if type(epoch) is int else None,
        versions=history.versions,
        recipe=config if isinstance(config, dict) else {},
        files=tuple(engine.facts for engine in engines if engine.facts is not None),
    )


def _judged(asked: Asked) -> Judged:
    whole, windows = asked.recordings, asked.windows
    return Judged(whole.name, asked.part, len(whole), whole.frames, len(windows), windows.frames)


def _groups(model: Model, dataset: Dataset, voices: Sequence[Voice]) -> Groups | None:
    """The headline of every group; None where there are not several, or no more than one sequence in any."""
    numbers = np.unique(dataset.groups)
    if len(numbers) < 2 or len(numbers) == len(dataset):
        return None
    rows, figure = [], None
    for number in numbers.tolist():
        places = np.flatnonzero(dataset.groups == number).tolist()
        part = dataset.subset(places)
        found = [model.task.judge(voice.precision, False, part, [voice.said[n] for n in places]) for voice in voices]
        figure = found[0].headline
        name = dataset.group(places[0])
        rows.append(GroupFigures(name, found[0].count, tuple(one.headline.value for one in found)))
    assert figure is not None  # there are groups
    shown = Figure(figure.name, None, figure.is_share, figure.unit)
    columns = tuple(voice.precision for voice in voices)
    return Groups(shown, columns, tuple(rows[:_MOST_GROUPS]), max(len(rows) - _MOST_GROUPS, 0))


def _ranges(model: Model, dataset: Dataset) -> tuple[Ranges | None, str]:
    """What int8 holds of every quantity, and how much of these data lies at the ends of it."""
    if model.ranges is None:
        return None, "the model was not calibrated"
    try:
        quantized = quantize(model)
    except ValueError as error:
        return None, str(error)
    length = max(_PIECE // 16 // model.stride, 1) * model.stride
    pieces = even_pieces(dataset.lengths, length, model.stride, _SATURATED_FRAMES)
    frames = list(dataset.pieces(pieces).sequences) if len(pieces) else []
    shares = saturation(quantized, frames) if frames else {}
    rows = tuple(_range(model, name, shares.get(name)) for name in _quantities(model))
    return Ranges(rows, sum(map(len, frames))), ""


def _quantities(model: Model) -> Iterator[str]:
    assert model.ranges is not None  # who asks has looked
    return (name for name in model.measured if name in model.ranges.spans)


def _range(model: Model, name: str, share: float | None) -> RangeFigures:
    assert model.ranges is not None  # who asks has looked
    low, high = model.ranges[name]
    return RangeFigures(name, float(low), float(high), share)
