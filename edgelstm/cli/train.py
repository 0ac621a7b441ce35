"""`edgelstm train`."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import check_output, listed_problems, naming
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.data import Dataset
    from edgelstm.judging import Evaluation
    from edgelstm.model import Model
    from edgelstm.report import Asked
    from edgelstm.training import Epoch
    from edgelstm.training.config import Config
    from edgelstm.training.run_folder import RunFolder

_WORSE = 0.1  # how much less is right as deployed, that it is worth a word


@click.command(
    "train",
    epilog="Example: edgelstm train recipe.toml -o model.npz. A key that is misspelt is an error that names it.",
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, asked: _print_keys(context) if asked else None,
    help="Print every key of a recipe with its default and its meaning, and do nothing else.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("model.npz"), show_default=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Recordings of any format instead of those in CONFIG (docs/data.md).",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the one in CONFIG.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Instead of what CONFIG says, such as training.epochs=3; may be repeated.",
)
@click.option(
    "--no-examples", is_flag=True, help="Leave recordings out of the file; exports then need --data for their proof."
)
@click.option("--no-report", is_flag=True, help="Write no report.html and report.json into the run's folder.")
@click.option(
    "--resume", is_flag=True, help="Go on from the last epoch of a run that was interrupted: the result is the same."
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Of training in C; by default one for each processor. The result is the same with any number.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    config: Path,
    output: Path,
    data: Path | None,
    seed: int | None,
    changes: tuple[str, ...],
    no_examples: bool,
    no_report: bool,
    resume: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train a model as CONFIG (TOML) says and write it, calibrated for int8, as an NPZ file.

    The folder beside it, model.run for model.npz, holds the recipe, versions, the data's hash and how training went;
    while it goes on also a checkpoint of its last epoch, for --resume, and then report.html, which shows how good the
    model is (docs/reports.md).
    """
    from edgelstm.cli.show.progress import JudgingBar, TrainingBar
    from edgelstm.data.known import marks_of
    from edgelstm.evaluation import evaluate, evaluate_streamed
    from edgelstm.files import held
    from edgelstm.model_file import save_model
    from edgelstm.quantization import calibrate, quantize
    from edgelstm.report import Asked
    from edgelstm.tasks import read_dataset
    from edgelstm.training import RecipeError, evaluation_set, load_config, split, train
    from edgelstm.training.cycles import why_early
    from edgelstm.training.remarks import remarks
    from edgelstm.training.run_folder import RunFolder

    check_output(output, ".npz", [config])
    if threads is not None:
        os.environ["EDGELSTM_THREADS"] = str(threads)
    settings = load_config(config, data, changes)
    check_output(output, inputs=[settings.data.file])
    if seed is not None:
        settings = replace(settings, training=replace(settings.training, seed=seed))
    with listed_problems():
        dataset = read_dataset(settings.data.file, settings.data.read_options(), settings.task)
    dataset = settings.sound.framed(dataset)
    click.get_current_context().with_resource(held(output))  # one training at a time
    run = RunFolder(output.with_suffix(".run"), settings, dataset)
    if resume and run.made(output):
        _tell_finished(output, run, as_json)
        return
    try:
        resumes = _resumes(run, resume)
        odd: list[str] = []
        train_set, test_set = split(dataset, settings, odd.append)
        test = evaluation_set(test_set, settings)
        odd += remarks(settings, train_set, test_set)
        for line in odd:
            click.echo(paragraph(line, "Note: "), err=True)
        run.begin()
        with TrainingBar() as bar:
            trained = train(train_set, settings, bar.update, run.checkpoint, resumes, bar.step)
    except RecipeError as error:
        raise ValueError(f"{config}: {error}") from None
    except KeyboardInterrupt:
        if run.was_interrupted:
            click.echo(f"{run.checkpoint.path}: the last epoch; --resume goes on", err=True)
        raise
    with naming(settings.data.file):
        model = calibrate(trained.model, trained.calibration, kept=())
    # Parts of a recording tell of the whole.
    learned = train_set if len(train_set) + len(test_set) == len(dataset) else dataset
    model = replace(model, provenance={**model.provenance, "seen": marks_of(learned)})
    _forget_report(output)
    save_model(replace(model, examples=(), unseen=()) if no_examples else model, output)
    streamed, no_int8 = None, ""
    with JudgingBar(2 * test.frames + (test_set.frames if model.answer.hop else 0)) as judging:
        results = [evaluate(model, test, judging.update)]
        if model.answer.hop:
            streamed = evaluate_streamed(model, test_set, judging.update)
        try:
            results.append(evaluate(quantize(model), test, judging.update))
        except ValueError as error:  # a float model it is all the same
            no_int8 = f"no int8: {error}"
    if no_int8:
        odd.append(no_int8)
        click.echo(paragraph(no_int8, "Note: "), err=True)
    if (unsteady := _unsteady(model, settings)) is not None:
        odd.append(unsteady)
    run.finish(
        output, trained.history, [result.to_json() for result in (*results, *([streamed] if streamed else []))]
    )
    asked = Asked(test_set, test, "what training kept for testing", tuple(odd))
    page = None if no_report else _report(output, model, run, asked, trained.history)
    run.close()
    if as_json:
        report = {
            "output": str(output),
            "report": None if page is None else str(page),
            "weights": model.weights,
            "epochs": len(trained.history),
            "seconds": sum(epoch.seconds for epoch in trained.history),
            "evaluations": [result.to_json() for result in results],
            "streamed": None if streamed is None else streamed.to_json(),
            "remarks": odd,
            "computed_by": run.told["computed_by"],
        }
        click.echo(json.dumps(report, allow_nan=False))
        return
    click.echo(style.passed(f"{output}: {model.weights:,} weights, {counted(len(trained.history), 'epoch')}"))
    click.echo(f"  {'trained by':<13} {run.told['computed_by']}")
    if early := why_early(trained.history, settings.training):
        click.echo(f"  {'ended early':<13} {early}")
    click.echo(f"  {'tested on':<13} {_tested(dataset, train_set, test_set)}")
    for result in results:
        _tell(result.precision, result, "")
    if streamed is not None:
        _tell("as deployed", streamed, " answers of one stream")
    _tell_remarks([(r.precision, r) for r in results] + ([("as deployed", streamed)] if streamed else []))
    if streamed is not None:
        here, there = results[0].headline.value, streamed.headline.value
        if streamed.headline.is_share and here is not None and there is not None and there < here - _WORSE:
            click.echo(paragraph(_streams_worse(settings), "  ! ", "    "))
    if unsteady is not None:
        click.echo(paragraph(unsteady, "  ! ", "    "))
    if page is not None:
        click.echo(f"  report        {page}")
    click.echo(f"Next: edgelstm export {shlex.quote(str(output))} --format elstm")


def _forget_report(output: Path) -> None:
    """No report of an earlier model stays beside the one that is about to be written; a note where it has to."""
    from edgelstm.cli.reporting import forget

    try:
        forget(output)
    except OSError as error:  # no reason to lose what was trained
        line = f"{error.filename}: {error.strerror}; if it is a report, it is of an earlier model"
        click.echo(paragraph(line, "Note: "), err=True)


def _report(output: Path, model: Model, run: RunFolder, asked: Asked, history: Sequence[Epoch]) -> Path | None:
    """The page in the run's folder; None, with a note, where none could be made: the model is there all the same."""
    from edgelstm.cli.reporting import PAGE, RECORD, history_of, make_report, write

    page = run.path / PAGE
    try:
        write(make_report(output, model, asked, history_of(run.told, history)), page, run.path / RECORD)
    except (OSError, ValueError, MemoryError) as error:
        why = "out of memory" if isinstance(error, MemoryError) else " ".join(str(error).split())
        click.echo(paragraph(f"no report: {why}", "Note: "), err=True)
        return None
    return page


def _streams_worse(settings: Config) -> str:
    """That a stream is worse, and what of the recipe may help that it does not do yet."""
    remedies = []
    if not settings.data.window:
        remedies.append("train on windows (data.window)")
    if settings.training.loss == "last":
        remedies.append('take the loss of all scores or their mean (training.loss = "frames" or "mean")')
    if settings.data.window and not settings.augment.mixup and settings.task.activation != "linear":
        remedies.append("mix windows in training (augment.mixup = 0.4)")
    remedies.append("reset the stream between recordings")
    return f"a stream that nothing resets answers worse than fresh recordings do: {', or '.join(remedies)}"


def _unsteady(model: Model, settings: Config) -> str | None:
    """That the state which a stream carries makes differences large that are small from fresh states, so that export
    will refuse int8, and what may help; None where it does not."""
    from edgelstm.export.parity.agreement import show_error
    from edgelstm.export.parity.foreseen import steadiness

    found = steadiness(model)
    if found is None or found.is_steady:
        return None
    longer = "another --seed may steady it"
    if settings.training.truncate:
        longer = (
            f"longer pieces (training.truncate, {settings.training.truncate} now), or another --seed, may steady it"
        )
    elif settings.data.window:
        longer = (
            f"longer windows (data.window and answer.window, {settings.data.window} now) may steady it, or --seed"
        )
    return (
        f"not to be trusted along a stream: there int8's scores are off by {show_error(found.along)} "
        f"({show_error(found.fresh)} from fresh states), and export takes {show_error(found.most)} at most; {longer}"
    )


def _tell_finished(output: Path, run: RunFolder, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"output": str(output), "finished": True}, allow_nan=False))
        return
    click.echo(style.passed(f"{output}: finished already, {run.path} is of this recipe and data"))


def _resumes(run: RunFolder, asked: bool) -> bool:
    """Whether there is a checkpoint to go on from, and somebody asked for it; a note where one of the two lacks.
    ValueError, of usage, where no run was interrupted that could go on."""
    path = run.checkpoint.path
    if asked and not run.has_begun:
        raise ValueError(f"--resume: {path} is not there, expected that of a run that was interrupted")
    if asked and not run.was_interrupted:
        click.echo(paragraph(f"{path}: not there yet when the run ended, so it begins anew", "Note: "), err=True)
    elif asked and (changes := run.changes()):
        line = f"what rounds changed since the run began, and its weights do in their last bits: {'; '.join(changes)}"
        click.echo(paragraph(line, "Note: "), err=True)
    elif run.was_interrupted and not asked:
        click.echo(paragraph(f"{path}: of an interrupted run, is replaced; --resume goes on", "Note: "), err=True)
    return asked and run.was_interrupted


def _print_keys(context: click.Context) -> None:
    from itertools import groupby

    from edgelstm.cli.show.text import named
    from edgelstm.training.keys import recipe_keys

    for section, keys in groupby(recipe_keys(), key=lambda key: key.section):
        click.echo(style.heading(f"[{section}]"))
        lines = []
        for key in keys:
            default = f" = {key.default}" if key.default else ""
            lines.append((f"{key.name}{default}" if len(default) < 20 else key.name, key.meaning))
        click.echo(named(lines, "  ", 24))
    context.exit()


def _tested(dataset: Dataset, train_set: Dataset, test_set: Dataset) -> str:
    """What of the data was never seen in training."""
    frames = f"{test_set.frames:,} of {counted(dataset.frames, 'frame')}"
    if len(train_set) + len(test_set) != len(dataset):  # parts of recordings
        return frames
    return f"{len(test_set):,} of {counted(len(dataset), 'recording')}, {frames}"


def _tell(name: str, result: Evaluation, of: str) -> None:
    headline = result.headline
    click.echo(f"  {name:<13} {headline.name} {style.figure(headline)} of {result.count:,}{of}")


def _tell_remarks(results: Sequence[tuple[str, Evaluation]]) -> None:
    """Each once, with the names of those that it is said of unless it is said of all."""
    said: dict[str, list[str]] = {}
    for name, result in results:
        for remark in result.remarks():
            said.setdefault(remark, []).append(name)
    for remark, names in said.items():
        of = "" if len(names) == len(results) else f"{', '.join(names)}: "
        click.echo(paragraph(of + remark, " " * 16, " " * 16))
