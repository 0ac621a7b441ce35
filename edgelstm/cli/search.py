"""`edgelstm search`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import GATE_FAILED, BoardProblem, listed_problems, wheel_option
from edgelstm.cli.ending import GOES_ON, ended_by_signals
from edgelstm.cli.search_winner import MODEL, PAGE, RECIPE, RECORD, conclude
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.devices.profiling.budget import Budget
    from edgelstm.search.finalists import Finalist
    from edgelstm.search.plan import Plan
    from edgelstm.search.record import SearchRecord
    from edgelstm.search.working import Search

JOURNAL = "journal"
_MOST_BYTES = 1 << 20


@click.command("search")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--board",
    "boards",
    metavar="BOARD|HOST",
    multiple=True,
    help="Predict times for this one of those that edgelstm boards lists; another is a host: finalists are measured "
    "there, over SSH. One of each.",
)
@click.option("--board-python", default="python3", show_default=True, help="The host's Python with numpy.")
@wheel_option("the host")
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="NAME=LIMIT",
    help="What a model may cost: model_size, stream_memory, state_memory, with --board latency_p50, and with a host "
    "what profile measures; beside those in CONFIG; may be repeated.",
)
@click.option("--trials", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Models to train.")
@click.option(
    "--objective",
    default="accuracy",
    show_default=True,
    metavar="WHAT",
    help="The best; or the best for every cost: accuracy,latency_p50 or accuracy,model_size.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of results.  [default: CONFIG.search]",
)
@click.option(
    "--storage",
    metavar="FILE|URL",
    help="A journal, over NFS too, or postgresql://…: who gives the same one joins the search.  [default: "
    "DIR/journal]",
)
@click.option("--study", metavar="NAME", help="Of the search in its storage.  [default: the model's name]")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes here.")
@click.option(
    "--finalists", type=click.IntRange(1, 100), default=3, show_default=True, help="Of the best, to be tried again."
)
@click.option("--seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="To train each of them by.")
@click.option("--data", type=click.Path(path_type=Path), help="Recordings instead of those in CONFIG (docs/data.md).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    config: Path,
    boards: tuple[str, ...],
    board_python: str,
    wheels: Path | None,
    budgets: tuple[str, ...],
    trials: int,
    objective: str,
    output: Path | None,
    storage: str | None,
    study: str | None,
    workers: int,
    finalists: int,
    seeds: int,
    data: Path | None,
    as_json: bool,
) -> int:
    """Find the best model that a recipe can become and a board can carry.

    CONFIG's table [search] says what is tried; without one that is kind, units, number and stacking of its recurrent
    layers, learning rate, dropout and augmentation. A model that would break a budget is refused before it is
    trained; one that learns worse than others is cut short. Models are chosen by what the recipe holds out of
    training, never by what it tests on. The same command goes on where one was interrupted, and joins in from other
    machines; a trial whose worker died is run again.

    DIR then has recipe.toml and model.npz of the best, search.html and search.json.

    \b
    Example:
      edgelstm search recipe.toml --board pi-zero-2w --budget latency_p50=200us
      edgelstm search recipe.toml --budget model_size=64KiB --workers 4
      edgelstm search recipe.toml --storage postgresql://user@server/search
      edgelstm search recipe.toml --board pi@pi4 --budget latency_p99=1ms
    """
    from edgelstm.cli.search_boards import place_of, which
    from edgelstm.cli.show.search import notes_before, notes_behind
    from edgelstm.devices.remote import BoardError
    from edgelstm.files import NO_ROOM
    from edgelstm.search.working import joined

    board, host = which(boards)
    folder = output or Path(f"{config.with_suffix('').name}.search")
    plan, measured = _plan(
        config, board, host, budgets, trials, objective, folder, storage, study, finalists, seeds, data
    )
    there = place_of(host, board_python, wheels, measured)
    _make_folder(folder, [config])
    style.announce("reading the recordings")
    with ended_by_signals(GOES_ON), listed_problems(), joined(plan) as search:
        _note(notes_before(search))
        _run(plan, search, workers)
        style.announce("the winner")
        try:
            found, winner = conclude(plan, search, folder, there)
        except BoardError as error:
            raise BoardProblem(f"{error}; {GOES_ON}") from None
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise OSError(error.errno, f"{error.strerror}; {GOES_ON}", error.filename) from None
        style.announce(None)
        _note(notes_behind(search, found))
    if as_json:
        from edgelstm.records import to_json

        click.echo(json.dumps(to_json(found), allow_nan=False))
    else:
        _tell(found, winner, folder)
    lines = next((one.broken for one in found.heavy if one.trial == winner.trial), ())
    for line in lines:
        click.echo(style.failed(f"{folder / MODEL}: trial {winner.trial} breaks its budget: {line}"), err=as_json)
    return GATE_FAILED if lines else 0


def _note(lines: Sequence[str]) -> None:
    style.announce(None)
    for line in lines:
        click.echo(paragraph(line, "Note: "), err=True)


def _plan(
    config: Path,
    board: str | None,
    host: str | None,
    budgets: Sequence[str],
    trials: int,
    objective: str,
    folder: Path,
    storage: str | None,
    study: str | None,
    finalists: int,
    seeds: int,
    data: Path | None,
) -> tuple[Plan, list[Budget]]:
    """Its plan, and the budgets that are measured on the host. UsageError and ValueError, one line, for what makes no
    search."""
    from edgelstm.cli.search_boards import split_budgets
    from edgelstm.files import read_bounded
    from edgelstm.search.plan import ACCURACY, SECOND, Plan
    from edgelstm.training import load_config

    settings = load_config(config, data)
    objectives = [ACCURACY, *(f"{ACCURACY},{cost}" for cost in SECOND)]
    if objective not in objectives:
        raise click.UsageError(f"--objective {objective[:30]!r}: expected {', or '.join(objectives)}")
    second = objective.partition(",")[2]
    if second == "latency_p50" and board is None:
        raise click.UsageError(f"--objective {objective}: expected --board with it, which it is predicted for")
    name = study if study is not None else settings.model.name
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise click.UsageError(f"--study {name[:40]!r}: expected 1 to 100 printable letters")
    text = read_bounded(config, _MOST_BYTES).decode()
    known, measured = split_budgets(settings, budgets, board, host)
    plan = Plan(
        recipe=text,
        where=str(config),
        data=settings.data.file,
        board=board,
        budgets=tuple(known),
        against=second or None,
        trials=trials,
        seeds=seeds,
        finalists=finalists,
        storage=str(folder / JOURNAL) if storage is None else storage,
        study=name,
    )
    return plan, measured


def _make_folder(folder: Path, inputs: Sequence[Path]) -> None:
    from edgelstm.cli.common import check_output

    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"--output {folder}: a file, expected a folder, or a new name")
    if not folder.parent.is_dir():
        raise click.UsageError(f"--output {folder}: folder {folder.parent} does not exist")
    folder.mkdir(exist_ok=True)
    for name in (RECIPE, MODEL, RECORD, PAGE):
        check_output(folder / name, inputs=inputs)


def _run(plan: Plan, search: Search, workers: int) -> None:
    """Work on it here until it is at its end."""
    from edgelstm.cli.show.search import Progress
    from edgelstm.search.processes import side_by_side
    from edgelstm.search.working import work
    from edgelstm.training.kernels import threads

    progress = Progress(search)
    if workers == 1:
        work(plan, progress.update)
    else:
        side_by_side(partial(work, plan), workers, max(threads() // workers, 1), progress.update)


def _tell(found: SearchRecord, winner: Finalist, folder: Path) -> None:
    from edgelstm.cli.show.search import summary

    click.echo(summary(found))
    for one in found.measured:
        if one.broken:
            click.echo(paragraph(f"trial {one.trial} falls out: {'; '.join(one.broken)}, measured", "  ! ", "    "))
    for heavy in found.heavy:
        if heavy.trial != winner.trial:
            text = f"trial {heavy.trial} breaks its budget, trained: {'; '.join(heavy.broken)}"
            click.echo(paragraph(text, "  ! ", "    "))
    where, is_kept = shlex.quote(str(folder / MODEL)), all(one.trial != winner.trial for one in found.heavy)
    if is_kept:
        of = counted(len(found.finalists), "finalist")
        click.echo(style.passed(f"{folder / MODEL}: trial {winner.trial}, the best of {of}"))
    for name, text, of in (found.model or {}).get("tested", []):
        click.echo(f"  {'tested':<9} {name} {text}, {of}")
    click.echo(f"  {'page':<9} {folder / PAGE}")
    if is_kept:
        click.echo(f"Next: edgelstm export {where} --format elstm")
