"""`edgelstm evaluate`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import (
    GATE_FAILED,
    answer_options,
    event_option,
    finite,
    listed_problems,
    naming,
    of_options,
    threshold_option,
)
from edgelstm.cli.false_events import show
from edgelstm.cli.show import style
from edgelstm.cli.show.evaluation import tables
from edgelstm.cli.show.text import paragraph
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.data import Dataset
    from edgelstm.judging import Evaluation
    from edgelstm.model import Model
    from edgelstm.quantization import QuantizedModel
    from edgelstm.runtime.engines.engine import EngineModel
    from edgelstm.runtime.frame import Float32
    from edgelstm.runtime.pooling import PoolingKind
    from edgelstm.tasks import Task


@dataclass(frozen=True)
class _Asked:
    """What of the data is asked about, and which answers."""

    use_all: bool
    window: int | None
    streamed: bool
    answers: Mapping[str, Any]  # pooling, window and hop, each None for the model's own
    thresholds: tuple[str, ...]

    def recordings(self, dataset: Dataset, provenance: object, task: Task) -> Dataset:
        from edgelstm.evaluation import is_of_training, kept_for_testing

        if self.use_all or self.window:
            return dataset
        kept = kept_for_testing(dataset, provenance, task)
        if kept.frames < dataset.frames:
            part = f"{kept.frames:,} of {counted(dataset.frames, 'frame')}"
            if is_of_training(dataset, provenance):
                text = f"{dataset.name} is what was trained on, by its name: {part}, kept for testing, are judged"
            else:
                text = f"{dataset.name} brings a test part of its own: {part} are judged"
            click.echo(paragraph(f"{text}; --all: all", "note: ", "      "), err=True)
        return kept

    def windows(self, dataset: Dataset, recordings: Dataset, provenance: object, task: Task) -> Dataset:
        """The `recordings` of `dataset` in windows; a line about those that are shorter than one."""
        from edgelstm.data.windows import cut, shorter
        from edgelstm.evaluation import window_of_training

        frames, hop = self.window or 0, self.window or 0
        if not self.window and not self.use_all and not task.each_frame:
            frames, hop = window_of_training(dataset, provenance)
        if not frames:
            return recordings
        windows, lost = cut(recordings, frames, hop), shorter(recordings, frames)
        if lost:
            long = counted(frames, "frame")
            text = f"{lost} of {len(recordings)} recordings are shorter than the window of {long}: left out"
            click.echo(paragraph(text, "note: ", "      "), err=True)
        return windows

    def frames(self, windows: Dataset, recordings: Dataset) -> int:
        """How many are judged, of each model."""
        return windows.frames + (recordings.frames if self.streamed else 0)


@click.command(
    "evaluate",
    epilog="Example: edgelstm evaluate model.npz data/watch.npz. Exported files are run in their own engines.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--all", "use_all", is_flag=True, help="All of DATA, whatever its name; not only what training kept for testing."
)
@click.option("--window", type=click.IntRange(1), help="Cut DATA into windows of this many frames.")
@click.option(
    "--streamed",
    is_flag=True,
    help="Also the answers as deployed: one stream through all recordings, each answer judged by the label of the "
    "recording in which it falls.",
)
@answer_options(window="--answer-window")
@threshold_option
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    callback=finite,
    help="Exit with 3 when a precision is less accurate than this.",
)
@click.option(
    "--max-error",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    help="Exit with 3 when a precision has a larger error (RMSE), for models that tell numbers.",
)
@click.option(
    "--events",
    "of_events",
    is_flag=True,
    help="Instead: false events an hour against misses over thresholds, one stream through all recordings.",
)
@event_option
@click.option(
    "--most-false",
    type=click.FloatRange(min=0),
    callback=finite,
    help="Events an hour, for --events.  [default: 1]",
)
@click.option("--store-events", is_flag=True, help="Keep the thresholds that --events chose in MODEL, a model.npz.")
@click.option(
    "--report", "page", type=click.Path(path_type=Path, dir_okay=False), help="Draw what --events found on this page."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: Path,
    data: Path,
    use_all: bool,
    window: int | None,
    streamed: bool,
    pooling: PoolingKind | None,
    answer_window: int | None,
    hop: int | None,
    thresholds: tuple[str, ...],
    min_accuracy: float | None,
    max_error: float | None,
    of_events: bool,
    events: tuple[str, ...],
    most_false: float | None,
    store_events: bool,
    page: Path | None,
    as_json: bool,
) -> None:
    """How good MODEL is on the recordings of DATA, from a fresh state for each: as its task is judged, by decisions
    or by errors.

    MODEL is a model.npz (float32 beside int8 with scales per row and per gate), or an exported .elstm, .onnx
    or .tflite file. Without --all and --window, DATA of the name that MODEL's data had in training (a file's without
    its suffix, a folder's) are split and cut as they were there; of DATA of another name all is judged, or the
    test part that they bring. Columns and labels are found by name; where one of the two has no names, by place.
    Answers are MODEL's own, or as --hop, --answer-window, --pooling and --threshold say.
    """
    if of_events:
        answers = {"pooling": pooling, "window": answer_window, "hop": hop}
        part = _Asked(use_all, window, False, answers, thresholds).recordings
        with naming(data, model), listed_problems():
            most = 1.0 if most_false is None else most_false
            show(model, data, part, events, answers, most=most, stores=store_events, page=page, as_json=as_json)
        return
    stored, asked = store_events or None, events or None
    for option, value in (("event", asked), ("most-false", most_false), ("store-events", stored), ("report", page)):
        if value is not None:
            raise click.UsageError(f"--{option}: goes with --events")
    ask = _ask_model if model.suffix == ".npz" else _ask_file
    with naming(data, model), listed_problems():
        answers = {"pooling": pooling, "window": answer_window, "hop": hop}
        results = list(ask(model, data, _Asked(use_all, window, streamed, answers, thresholds)))
    if as_json:
        click.echo(json.dumps([result.to_json() for result in results], allow_nan=False))
    else:
        ways = [[r for r in results if r.streamed == way] for way in dict.fromkeys(r.streamed for r in results)]
        click.echo("\n\n".join(tables(way) for way in ways))
    if missed := _missed(results, min_accuracy, max_error):
        click.echo(style.failed(missed), err=True)
        raise SystemExit(GATE_FAILED)


def _missed(results: list[Evaluation], least: float | None, most: float | None) -> str:
    """Which gate was missed, or nothing. UsageError for one that the task does not have."""
    headlines = [result.headline for result in results]
    name = headlines[0].name
    for limit, option, is_share in ((least, "--min-accuracy", True), (most, "--max-error", False)):
        if limit is not None and headlines[0].is_share != is_share:
            other = "--max-error" if is_share else "--min-accuracy"
            raise click.UsageError(f"{option}: the model is judged by {name}, expected {other}")
    known = [(result.headline.value, _way(result)) for result in results if result.headline.value is not None]
    if not known:
        return f"there is no {name} to hold against a limit" if (least, most) != (None, None) else ""
    if least is not None and (worst := min(known))[0] < least:
        return f"{name} {worst[0]:.4f} of {worst[1]} is below --min-accuracy {least}"
    if most is not None and (worst := max(known))[0] > most:
        return f"{name} {worst[0]:.6g} of {worst[1]} is above --max-error {most:g}"
    return ""


def _way(result: Evaluation) -> str:
    """Which of the figures that are shown, in words."""
    return f"{result.precision}, streamed" if result.streamed else result.precision


def _note_levels(dataset: Dataset, normalize: Mapping[str, Sequence[float] | Float32] | None) -> None:
    """A line about each feature that is not as training had it. normalize: the mean and std that training saw."""
    from edgelstm.data.levels import level_remarks

    if normalize and len(normalize["mean"]):
        for line in level_remarks(dataset.sequences, normalize["mean"], normalize["std"], dataset.feature_names):
            click.echo(paragraph(f"{dataset.name}: {line}", "Note: ", "      "), err=True)


def _ask_model(path: Path, data: Path, asked: _Asked) -> Iterator[Evaluation]:
    from edgelstm.again import read_again
    from edgelstm.cli.show.progress import JudgingBar
    from edgelstm.data.known import known
    from edgelstm.evaluation import check_streams, evaluate, evaluate_streamed
    from edgelstm.export import answering
    from edgelstm.matching import match
    from edgelstm.model_file import load_model
    from edgelstm.quantization import quantize

    model = load_model(path)
    with of_options(window="--answer-window"):
        model = answering(model, **asked.answers, thresholds=asked.thresholds)
    provenance = dict(model.provenance)
    dataset = match(model, read_again(data, provenance, model.feature_names, model.task))
    _note_levels(dataset, {"mean": model.normalize.mean, "std": model.normalize.std})
    if asked.streamed:
        check_streams(model.answer.hop)
    recordings = asked.recordings(dataset, provenance, model.task)
    if count := known(recordings, provenance.get("seen")):
        text = f"{count} of {len(recordings)} recordings begin as some that were learned from: it knows them already"
        click.echo(paragraph(text, "note: ", "      "), err=True)
    windows = asked.windows(dataset, recordings, provenance, model.task)
    models: list[Model | QuantizedModel] = [model]
    if model.ranges is not None:
        with naming(path):
            models += [quantize(model, "per-row"), quantize(model, "per-gate")]
    with JudgingBar(len(models) * asked.frames(windows, recordings)) as bar:
        yield from (evaluate(one, windows, bar.update) for one in models)
        if asked.streamed:
            yield from (evaluate_streamed(one, recordings, bar.update) for one in models)


def _ask_file(path: Path, data: Path, asked: _Asked) -> Iterator[Evaluation]:
    from edgelstm.again import read_again
    from edgelstm.cli.show.progress import JudgingBar
    from edgelstm.evaluation import check_streams, evaluate_file, evaluate_file_streamed, task_of_file
    from edgelstm.matching import match
    from edgelstm.runtime.anomaly import check_answering
    from edgelstm.runtime.engines.open import open_model
    from edgelstm.runtime.proven import check_proven

    check_proven(path)
    model = open_model(path)
    task = task_of_file(model)
    with of_options(window="--answer-window"):
        model.answering(**asked.answers)
        task, limits = _limited(model, task, asked.thresholds)
        stream = model.stream(**asked.answers)
        check_answering(stream)
    provenance = model.metadata.get("provenance")
    dataset = match(model, read_again(data, provenance, model.feature_names, task))
    _note_levels(dataset, model.metadata.get("normalize"))
    if asked.streamed:
        check_streams(stream.answering.hop)
    recordings = asked.recordings(dataset, provenance, task)
    windows = asked.windows(dataset, recordings, provenance, task)
    with JudgingBar(asked.frames(windows, recordings)) as bar:
        yield evaluate_file(stream, windows, task, limits, bar.update)
        if asked.streamed:
            yield evaluate_file_streamed(stream, recordings, task, limits, bar.update)


def _limited(model: EngineModel, task: Task, thresholds: tuple[str, ...]) -> tuple[Task, tuple[float, ...]]:
    """An exported file's task and the thresholds of its labels, with those that are asked for. ValueError that begins
    with "threshold" for what is none."""
    from edgelstm.runtime.thresholds import thresholds_of

    if not thresholds:
        return task, model.description.thresholds
    limited = task.limited(thresholds)
    return (task, thresholds_of(model, thresholds)) if limited is None else (limited, ())
