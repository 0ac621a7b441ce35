"""`edgelstm evaluate --events`: which threshold makes how many false events an hour, and misses how much."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import GATE_FAILED, check_output, of_options
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph
from edgelstm.devices.units import show_duration
from edgelstm.records import to_json

if TYPE_CHECKING:
    from edgelstm.data import Dataset
    from edgelstm.judging.false_events import Point
    from edgelstm.report.record import FalseEvents
    from edgelstm.runtime.engines.engine import EngineModel
    from edgelstm.runtime.events.rule import Rule
    from edgelstm.tasks import Task

Recordings = Callable[["Dataset", object, "Task"], "Dataset"]


def show(
    path: Path,
    data: Path,
    recordings: Recordings,
    asked: tuple[str, ...],
    answers: Mapping[str, Any],
    *,
    most: float,
    stores: bool,
    page: Path | None,
    as_json: bool,
) -> None:
    """Prints the points of every label that is watched, draws them on `page` and in the model's report, stores the
    chosen ones in the model.
    recordings: what of data is asked about. UsageError for what cannot be asked of this model."""
    from edgelstm.judging.false_events import chosen, with_threshold
    from edgelstm.report.false_events import false_events

    if stores and path.suffix != ".npz":
        raise click.UsageError(f"--store-events: {path} is no model.npz, which is exported with them")
    check_output(page, ".html", [path, data], "--report")
    with tempfile.TemporaryDirectory() as folder:
        points, rules = _points(_opened(path, Path(folder)), data, recordings, asked, answers, stores=stores)
    best = {label: chosen(each, most) for label, each in points.items()}
    rules = {label: with_threshold(rules[label], best[label].threshold) for label in points}
    found = false_events(data.name, points, rules, most)
    if as_json:
        told = {label: {"chosen": _told(best[label]), "points": list(map(_told, points[label]))} for label in points}
        click.echo(json.dumps(told))
        for label in points:
            for note in _notes(points[label], best[label], most):
                click.echo(paragraph(f"{label}: {note}", "note: ", "      "), err=True)
    else:
        click.echo("\n\n".join(_table(label, points[label], best[label], most) for label in points))
    if page is not None:
        _draw(page, path, found)
    if path.suffix == ".npz":
        _keep(path, {label: rule for label, rule in rules.items() if best[label].found} if stores else {}, found)
    if deaf := [label for label in points if stores and not best[label].found]:
        text = f"--store-events: no threshold finds any at most {most:g} false an hour: not kept: {', '.join(deaf)}"
        click.echo(paragraph(style.failed(text)), err=True)
        raise SystemExit(GATE_FAILED)


def _opened(path: Path, folder: Path) -> EngineModel:
    """In the engine that would run it: a model.npz as int8 where it has ranges for that, by the C core."""
    from edgelstm.export.elstm import encode
    from edgelstm.model_file import load_model
    from edgelstm.quantization import quantize
    from edgelstm.runtime.engines.open import open_model
    from edgelstm.runtime.proven import check_proven

    if path.suffix != ".npz":
        check_proven(path)
        return open_model(path)
    model = load_model(path)
    file = folder / "model.elstm"
    file.write_bytes(encode(model if model.ranges is None else quantize(model, "per-row")))
    return open_model(file)


def _points(
    model: EngineModel,
    data: Path,
    recordings: Recordings,
    asked: tuple[str, ...],
    answers: Mapping[str, Any],
    *,
    stores: bool,
) -> tuple[dict[str, tuple[Point, ...]], dict[str, Rule]]:
    from edgelstm.again import read_again
    from edgelstm.cli.show.progress import JudgingBar
    from edgelstm.evaluation import said_by_file_streamed, task_of_file
    from edgelstm.judging.false_events import curve
    from edgelstm.matching import match
    from edgelstm.runtime.events.asked import rules_of

    if model.activation != "softmax":
        raise click.UsageError("--events: answers are no probabilities of one label each, expected a classifier")
    if not model.sample_rate:
        raise click.UsageError("--events: the model does not say its sample rate, so there are no hours")
    task, provenance = task_of_file(model), model.metadata.get("provenance")
    dataset = match(model, read_again(data, provenance, model.feature_names, task))
    if dataset.targets is not None:
        raise click.UsageError("--events: expected data with one label for each recording")
    with of_options():
        rules = rules_of(model, asked) or rules_of(model, dataset.labels)
        stream = model.stream(**answers)
    if not stream.answering.hop:
        raise click.UsageError("--events: the model answers at the end alone, expected --hop N")
    if stores and stream.answering != model.description.answering:
        raise click.UsageError(
            "--store-events: the model does not keep --hop, --answer-window, --pooling, and other answers ask for "
            "other thresholds; judge without it, then export with them and --event LABEL:THRESHOLD"
        )
    kept = replace(recordings(dataset, provenance, task), sample_rate=model.sample_rate)
    with JudgingBar(kept.frames) as bar:
        said = said_by_file_streamed(stream, kept, (), bar.update)
    with of_options():
        return {label: curve(kept, said, stream.answering.hop, label, rule) for label, rule in rules.items()}, rules


def _told(point: Point) -> dict[str, Any]:
    return {**to_json(point), "misses": point.misses, "false_an_hour": point.false_an_hour}


def _table(label: str, points: tuple[Point, ...], best: Point, most: float) -> str:
    notes = _notes(points, best, most)
    mark = "  chosen" if best.found and best.false_an_hour <= most else "  ! chosen"
    head = f"{label}: {best.recordings} recordings of it, {best.hours:.3g} h of others"
    rows = [
        f"  {one.threshold:9g}  {one.misses:7.1%}  {one.false_an_hour:13.3g}{mark * (one is best)}" for one in points
    ]
    lines = [head, "  threshold   missed  false an hour", *rows]
    return "\n".join([*lines, *(paragraph(note, "note: ", "      ") for note in notes)])


def _notes(points: tuple[Point, ...], best: Point, most: float) -> list[str]:
    """What is wrong with the chosen point, and where there is too little sound to tell."""
    notes = []
    if best.false_an_hour > most:
        notes.append(f"no threshold has at most {most:g} false events an hour")
    elif not best.found:
        some = any(point.found for point in points)
        why = "" if some else "; none finds any at all: smooth, least and warm-up may ask for more answers than come"
        notes.append(f"no threshold finds any at most {most:g} false an hour{why}")
    if best.hours * (most or 1.0) < 1:
        has, needs = show_duration(3600 * best.hours), show_duration(3600 / (most or 1.0))
        notes.append(
            f"too little to say: {has} of others; {most:g} false an hour needs {needs} at least, a few times that to "
            "be sure"
        )
    return notes


def _draw(page: Path, path: Path, found: FalseEvents) -> None:
    from edgelstm.devices.units import show_size
    from edgelstm.files import write_whole
    from edgelstm.report.page.false_events import false_events_page

    content = false_events_page(path.name, found).encode()
    write_whole(page, content)
    click.echo(style.passed(f"{page}: {show_size(len(content))}"), err=True)


def _keep(path: Path, rules: Mapping[str, Rule], found: FalseEvents) -> None:
    """Rules in the model, if there are some; what was found in the report that is there of that very model."""
    from edgelstm.cli.reporting import report_of, write_beside

    report = report_of(path)
    if rules:
        _store(path, rules)
    if report is not None:
        page = write_beside(path, replace(report, false_events=found))
        click.echo(style.passed(f"{page}: shows them"), err=True)


def _store(path: Path, rules: Mapping[str, Rule]) -> None:
    from edgelstm.model_file import load_model, save_model
    from edgelstm.training.run_folder import same_run

    model = load_model(path)
    with same_run(path.with_suffix(".run"), path):
        save_model(replace(model, events={**model.events, **rules}), path)
    listed = ", ".join(f"{label} from {rule.threshold:g}" for label, rule in rules.items())
    click.echo(paragraph(f"{path} keeps these events: {listed}", "", "  "), err=True)
