"""`edgelstm init`."""

from __future__ import annotations

import os
import shlex
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import check_output, listed_problems, of_options
from edgelstm.cli.data import read_options, to_options
from edgelstm.cli.show import style, text
from edgelstm.cli.show.data import some
from edgelstm.plain import counted
from edgelstm.tasks import TASKS, read_task

if TYPE_CHECKING:
    from edgelstm.data import Dataset
    from edgelstm.data.recordings import Recordings
    from edgelstm.tasks import Task

_SAID_BEFORE = ("labels are numbers", "no label: ")  # by `_hint_at_numbers`, or not true of the task
_SAID_OF_ANOMALIES = (*_SAID_BEFORE, "one class only")  # which is as it should be


@click.command("init", epilog="Example: edgelstm init recordings/ -o recipe.toml, then edgelstm train recipe.toml")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("recipe.toml"), show_default=True)
@click.option("--force", is_flag=True, help="Replace a recipe that is there.")
@click.option(
    "--task",
    "kind",
    type=click.Choice(list(TASKS)),
    help="What the model is for (docs/recipes.md).  [default: anomaly where a column of such a name says what is, "
    "frames where frames have labels of their own, regress where data say that labels are measured, else classify]",
)
@click.option(
    "--columns",
    multiple=True,
    metavar="NAME",
    help="A column to be told, for tasks that tell some; may be repeated. For text, the one that holds texts.",
)
@click.option(
    "--ahead",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="Frames ahead, for a forecast; may be repeated.",
)
@click.option("--normal", default="", metavar="LABEL", help="The label of what is normal, for anomalies.")
@read_options
def command(
    data: Path,
    output: Path,
    force: bool,
    kind: str | None,
    columns: tuple[str, ...],
    ahead: tuple[int, ...],
    normal: str,
    **given: Any,
) -> None:
    """Look at DATA and write a recipe to train with.

    DATA is a folder of CSV or WAV files, one CSV file, an sktime .ts file or an NPZ file (docs/data.md). The recipe
    has sizes that fit, a split, and a word on every key.
    """
    from edgelstm.data.read import find_format
    from edgelstm.data.summary import summarize
    from edgelstm.data.texts import holds_texts
    from edgelstm.files import whole_file
    from edgelstm.judging.shares import listed
    from edgelstm.search.proposed_table import search_table
    from edgelstm.training.config import parse_config
    from edgelstm.training.proposal import propose
    from edgelstm.training.proposed_recipe import recipe
    from edgelstm.training.proposed_sound import propose_sound

    check_output(output, ".toml", [data])
    if output.exists() and not force:
        raise click.UsageError(f"--output {output}: is there already, expected a new name, or --force")
    options = to_options(given)
    steps: Any = ahead[0] if kind == "anomaly" and len(ahead) == 1 else list(ahead)
    settings: dict[str, Any] = {"columns": list(columns), "ahead": steps, "normal": normal}
    kind = kind or ("text" if holds_texts(data) else None)
    if kind == "text":
        settings = {**settings, **_of_text(columns, given)}
    with listed_problems():
        found = _task(kind or "classify", settings if kind else {}).recordings(data, options)
    task = _task(kind or _likely(found), settings).proposed(found)
    dataset = task.dataset(found)
    sound = propose_sound(dataset)
    dataset = sound.framed(dataset)
    _hint_at_numbers(found, task, kind)
    if task.kind == "classify" and found.label_from:  # one class alone does not tell where labels are
        options = replace(options, label_from=found.label_from)
    try:
        proposal = propose(dataset, task)
    except ValueError as error:
        if str(error).startswith("ahead: "):
            raise click.UsageError(f"--{error}") from None
        raise
    written = recipe(dataset, proposal, os.path.relpath(data, output.parent), options, sound)
    written += f"\n{search_table(parse_config(written, str(output)), int(dataset.lengths.min()))}"
    one_sided = _rehearse(written, dataset, data, output)
    with whole_file(output) as file:
        file.write(written.encode())
    click.echo(style.passed(f"{output}: {task.kind}, {counted(len(dataset), 'recording')}, {_labels(dataset)}"))
    if kind is None and task.kind != "classify":
        what = "data say that labels are measured" if found.are_measured else "frames have labels of their own"
        what = "labels say what is anomalous" if task.kind == "anomaly" else what
        why = f"{task.kind}, as the {what}; --task names another"
        click.echo(text.paragraph(why, "  · ", "    "))
    if proposal.lost:
        why = f"split into stretches, as the last part, or the rest, lacks {listed(proposal.lost)}"
        click.echo(text.paragraph(text.plain(why), "  · ", "    "))
    if one_sided:
        why = f"on one side of the split alone, so that figures say nothing of it: {listed(one_sided)}"
        click.echo(text.paragraph(text.plain(why), "  ! ", "    "))
    summary = summarize(found, find_format(data).name) if task.normalizes else None
    said = _SAID_OF_ANOMALIES if task.kind == "anomaly" else _SAID_BEFORE
    if summary:
        warnings = [warning for warning in summary.warnings if not warning.startswith(said)]
        for warning in (*some(summary.notes, "notes"), *some(warnings, "warnings")):
            click.echo(text.paragraph(text.plain(warning), "  ! ", "    "))
    click.echo(f"Next: edgelstm train {shlex.quote(str(output))} -o model.npz")


def _hint_at_numbers(recordings: Recordings, task: Task, asked: str | None) -> None:
    """A note where labels are told apart that are measured numbers, before anything is said of so many classes."""
    from edgelstm.data.labels import NUMBERS, are_numbers, labels_of

    labels = labels_of(recordings)
    if task.kind == "classify" and asked is None and are_numbers(labels, len(recordings)):
        click.echo(text.paragraph(NUMBERS.format(len(labels)), "Note: ", "  "), err=True)


def _rehearse(written: str, dataset: Dataset, data: Path, output: Path) -> list[str]:
    """What `train` would refuse is refused now, and in its words: no recipe is written that does not work. Returns
    the labels that are learned or tested on alone."""
    from edgelstm.data.stretches import lost
    from edgelstm.training import RecipeError, evaluation_set, split
    from edgelstm.training.config import parse_config
    from edgelstm.training.trainer import check

    config = parse_config(written, str(output))
    try:
        train_set, test_set = split(dataset, config)
        evaluation_set(test_set, config)
        check(train_set, config)
    except RecipeError as error:
        raise ValueError(f"{data}: no recipe for it: {error}") from None
    task = config.task
    tells_labels = task.normalizes and (task.counts_classes or task.activation == "sigmoid")
    return lost(train_set, test_set) if tells_labels else []


def _likely(recordings: Recordings) -> str:
    """The task that these recordings are most likely for."""
    if recordings.are_of_anomalies and _tell_normal(recordings):
        return "anomaly"
    if any(recording.frame_labels is not None for recording in recordings.recordings):
        return "frames"
    return "regress" if recordings.are_measured else "classify"


def _tell_normal(recordings: Recordings) -> bool:
    """Whether labels are those of what is normal, and at most one other."""
    from edgelstm.data.labels import labels_of
    from edgelstm.tasks.anomaly import USUAL_NORMAL

    found = {label.lower() for label in labels_of(recordings) if label}
    return len(found) in (1, 2) and not found.isdisjoint(USUAL_NORMAL)


def _of_text(columns: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The task's keys that options of other names ask for: a label that is named is to be told."""
    if len(columns) > 1:
        raise click.UsageError(f"--columns: {len(columns)}, expected the one that holds texts")
    tells_label = given["label"] or given["label_from"] != "auto"
    return {"columns": [], "column": "".join(columns), "tell": "label" if tells_label else ""}


def _task(kind: str, settings: dict[str, Any]) -> Task:
    """UsageError for an option that the task has no key for."""
    known = {key.name for key in fields(TASKS[kind])}
    given = {key: value for key, value in settings.items() if value}
    for key in given:
        if key not in known:
            raise click.UsageError(f"--{key}: {kind} has none")
    with of_options():
        return read_task({"kind": kind, **given}, "task")


def _labels(dataset: Dataset) -> str:
    from edgelstm.training.aims import class_counts

    return counted(len(dataset.labels), "output" if class_counts(dataset) is None else "label")
