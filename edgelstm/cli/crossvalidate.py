"""`edgelstm crossvalidate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import listed_problems
from edgelstm.cli.ending import GOES_ON, ended_by_signals
from edgelstm.cli.show import style
from edgelstm.cli.show.text import WIDTH, plain, table
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.judging import Evaluation, Figure
    from edgelstm.training.config import Config
    from edgelstm.training.crossvalidation import Outcome

_NAME_WIDTH = 24


@click.command(
    "crossvalidate",
    epilog="Example: edgelstm crossvalidate recipe.toml --folds 5, or --leave-one-out: a run for each person.",
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--folds", "count", type=click.IntRange(2, 1000), help="Runs.  [default: 5, or fewer where the data have no more]"
)
@click.option("--leave-one-out", is_flag=True, help="A run for each group: all others train, it tests.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Recordings of any format instead of those in CONFIG (docs/data.md).",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the one in CONFIG.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Instead of what CONFIG says; may be repeated."
)
@click.option("--jobs", type=click.IntRange(1, 1000), help="Processes at a time.  [default: one for each processor]")
@click.option(
    "--storage",
    metavar="FILE|URL",
    help="A journal, over NFS too, or postgresql://…: who gives the same command there shares the folds.",
)
@click.option("--study", metavar="NAME", help="Of it in its storage.  [default: the model's name]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    config: Path,
    count: int | None,
    leave_one_out: bool,
    data: Path | None,
    seed: int | None,
    changes: tuple[str, ...],
    jobs: int | None,
    storage: str | None,
    study: str | None,
    as_json: bool,
) -> None:
    """Tell how good the recipe CONFIG is by all its recordings: train several times, each time tested on others.

    Groups stay together. Recordings that are each their own group are spread by their labels; of fewer recordings
    than folds each is cut into stretches of time. The recipe's own test groups play no part. Nothing is written but
    to --storage, where each fold is done once, and those of a worker that died again (docs/searching.md).
    """
    from edgelstm.training import load_config
    from edgelstm.training.crossvalidation import USUAL_FOLDS, crossvalidate

    if study is not None and storage is None:
        raise click.UsageError("--study: names one in a storage, expected --storage with it")
    if leave_one_out and count is not None:
        raise click.UsageError("--folds and --leave-one-out: a run for each group is as many as there are; give one")
    settings = load_config(config, data, changes)
    if seed is not None:
        settings = replace(settings, training=replace(settings.training, seed=seed))
    ended: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        ended.append(outcome)
        style.announce(f"{counted(len(ended), 'run')} done, the last: {outcome.fold}")

    style.announce("the first runs")
    try:
        with ended_by_signals("" if storage is None else GOES_ON), listed_problems():
            if storage is None:
                outcomes = crossvalidate(settings, count, leave_one_out, jobs or 0, note)
            else:
                outcomes = _shared(settings, count, leave_one_out, jobs, (storage, study), note)
    finally:
        style.announce(None)
    if count is None and not leave_one_out and len(outcomes) < USUAL_FOLDS:
        click.echo(
            f"Note: {len(outcomes)} folds: the data have no more groups, recordings or long stretches", err=True
        )
    if as_json:
        click.echo(json.dumps(_to_json(outcomes), allow_nan=False))
    else:
        click.echo(_table(outcomes))


def _shared(
    settings: Config,
    count: int | None,
    leave_one_out: bool,
    jobs: int | None,
    place: tuple[str, str | None],
    note: Callable[[Outcome], None],
) -> list[Outcome]:
    """By whoever joins at place: (storage, study or None)."""
    import os

    from edgelstm.search.folds import crossvalidate_by
    from edgelstm.training.crossvalidation import prepare
    from edgelstm.training.kernels import threads

    folding = prepare(settings, count, leave_one_out)
    processes = min(jobs or os.cpu_count() or 1, len(folding.names))
    storage, study = place
    each = max(threads() // processes, 1)
    return crossvalidate_by(folding, storage, study or settings.model.name, processes, each, note)


def _columns(outcomes: list[Outcome]) -> list[str]:
    return [
        f"{evaluation.precision}{', streamed' if evaluation.streamed else ''}"
        for evaluation in outcomes[0].evaluations
    ]


def _table(outcomes: list[Outcome]) -> str:
    headline = _headline(outcomes)
    rows = [
        [plain(outcome.fold, _NAME_WIDTH), f"{outcome.evaluations[0].count:,}"]
        + [style.figure(_named(evaluation, headline)) for evaluation in outcome.evaluations]
        for outcome in outcomes
    ]
    means, spreads = ["mean", ""], ["deviation", ""]
    for _, values in _spreads(outcomes):
        means.append("none" if values is None else style.figure(replace(headline, value=values[0])))
        spreads.append("none" if values is None else style.figure(replace(headline, value=values[1])))
    heads = [name.replace("int8 per-row", "int8") for name in _columns(outcomes)]
    text = table([f"fold: {headline.name}", "of", *heads], [*rows, means, spreads], indent="")
    if max(map(len, text.splitlines())) > WIDTH:
        text = f"{headline.name}\n" + table(["fold", "of", *heads], [*rows, means, spreads], indent="")
    return text


def _headline(outcomes: list[Outcome]) -> Figure:
    """The figure that all folds are told by: the headline of one of them that the others have too. A fold without
    events has other headlines than one with some."""
    first = [outcome.evaluations[0] for outcome in outcomes]
    names = [{figure.name for figure in evaluation.figures()} for evaluation in first]
    shared = (e.headline for e in first if all(e.headline.name in known for known in names))
    return next(shared, first[0].headline)


def _named(evaluation: Evaluation, headline: Figure) -> Figure:
    missing = replace(headline, value=None, why="none")
    return next((figure for figure in evaluation.figures() if figure.name == headline.name), missing)


def _spreads(outcomes: list[Outcome]) -> list[tuple[str, tuple[float, float] | None]]:
    from edgelstm.training.crossvalidation import spread

    headline = _headline(outcomes)
    return [
        (name, spread([_named(outcome.evaluations[n], headline).value for outcome in outcomes]))
        for n, name in enumerate(_columns(outcomes))
    ]


def _to_json(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "figure": _headline(outcomes).name,
        "folds": [
            {"fold": outcome.fold, "evaluations": [evaluation.to_json() for evaluation in outcome.evaluations]}
            for outcome in outcomes
        ],
        "spread": {
            name: None if values is None else {"mean": values[0], "deviation": values[1]}
            for name, values in _spreads(outcomes)
        },
    }
