"""The end of `edgelstm search`: the winner, trained, judged and written down."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph

if TYPE_CHECKING:
    from edgelstm.cli.search_boards import Place
    from edgelstm.devices.profiling.budget import Budget
    from edgelstm.search.costs import Costs
    from edgelstm.search.finalists import Finalist
    from edgelstm.search.measured import Measured
    from edgelstm.search.plan import Plan
    from edgelstm.search.record import Heavy, SearchRecord
    from edgelstm.search.working import Search

RECIPE, MODEL, RECORD, PAGE = "recipe.toml", "model.npz", "search.json", "search.html"
_MOST_SAID = 3


def conclude(plan: Plan, search: Search, folder: Path, there: Place | None) -> tuple[SearchRecord, Finalist]:
    """Train the winner, judge it on the test part and write everything. there: where finalists are measured first.
    BoardError where that fails.

    Whoever comes to the end of the same search in the same folder waits here, and finds the model trained."""
    here = sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    with search.storage.locks.turn(f"{here} winner of {plan.study}"):
        return _concluded(plan, search, folder, there)


def _concluded(plan: Plan, search: Search, folder: Path, there: Place | None) -> tuple[SearchRecord, Finalist]:
    from edgelstm.files import write_whole
    from edgelstm.records import to_text
    from edgelstm.search.page import page
    from edgelstm.search.record import record

    ranked = tuple(search.finals("").results())
    measured = () if there is None else _measured(plan, search, ranked, there)
    fallen = {one.trial for one in measured if one.broken}
    ranked = tuple(sorted(ranked, key=lambda one: one.trial in fallen))
    kept = [one for one in ranked if one.trial not in fallen]
    winner, recipe, evaluations, final, heavy = _trained_within(plan, search, kept, folder)
    ranked = tuple(sorted(ranked, key=lambda one: one.trial != winner.trial))
    about = {
        "objective": "accuracy" if plan.against is None else f"accuracy, {plan.against}",
        "board": plan.board,
        "budgets": {one.name: _limit(one) for one in (*plan.budgets, *(there.budgets if there else ()))},
    }
    told_of = {"costs": vars(final), "evaluations": evaluations, "tested": _tested(evaluations)}
    found = record(search.study, search.space, about, ranked, told_of, measured, heavy)
    write_whole(folder / RECORD, to_text(found).encode())
    write_whole(folder / PAGE, page(found, recipe).encode())
    return found, winner


def _trained_within(
    plan: Plan, search: Search, ranked: Sequence[Finalist], folder: Path
) -> tuple[Finalist, str, list[dict[str, Any]], Costs, tuple[Heavy, ...]]:
    """Train the first of `ranked` whose trained model keeps the budgets, else the last: (it, its recipe, its
    evaluations, its costs, those that break a budget)."""
    from edgelstm.model_file import load_model
    from edgelstm.search.costs import broken, costs_of
    from edgelstm.search.record import Heavy

    trials = search.study.get_trials(deepcopy=False)
    heavy: list[Heavy] = []
    for one in ranked:
        recipe = _recipe(plan, search, search.space.read(trials[one.trial].params), one, folder)
        evaluations = _trained(folder)
        final = costs_of(load_model(folder / MODEL), (), plan.profile())
        lines = broken(final, plan.budgets)
        if not lines:
            break
        heavy.append(Heavy(one.trial, tuple(lines)))
    return one, recipe, evaluations, final, tuple(heavy)


def _measured(plan: Plan, search: Search, ranked: Sequence[Finalist], there: Place) -> tuple[Measured, ...]:
    """ValueError where no finalist keeps its budgets there."""
    from edgelstm.search.costs import file_of
    from edgelstm.search.measured import measure

    host, trials = there.target.host, search.study.get_trials(deepcopy=False)
    contents = []
    for one in ranked:
        config = plan.config(search.space.read(trials[one.trial].params))
        contents.append((one.trial, file_of(config, search.recordings.train_set(config))))
    found = measure(contents, there.target, there.budgets, lambda what: style.announce(what and f"{host}: {what}"))
    if all(one.broken for one in found):
        said = "; ".join(f"trial {one.trial}: {', '.join(one.broken)}" for one in found[:_MOST_SAID])
        raise ValueError(f"{host}: no finalist keeps its budget: {said}; expected more, or more --finalists")
    return found


def _limit(budget: Budget) -> str:
    from edgelstm.devices.profiling.budget import FIGURES
    from edgelstm.devices.units import show_figure

    return show_figure(budget.limit, FIGURES[budget.name])


def _recipe(plan: Plan, search: Search, chosen: dict[str, object], winner: Finalist, folder: Path) -> str:
    """The winner's, which is written beside what comes of it."""
    from edgelstm.files import write_whole
    from edgelstm.search.toml import to_toml

    values = plan.chosen(chosen)
    data = values.setdefault("data", {})
    data["file"] = os.path.relpath(plan.data, folder)
    if groups := search.recordings.held_out(winner.best_run):
        data |= {"validation": 0.0, "validation_groups": list(groups)}
    values.setdefault("training", {})["seed"] = plan.config(chosen, winner.best_run).training.seed
    text = f"# Trial {winner.trial} of edgelstm search.\n\n{to_toml(values)}"
    write_whole(folder / RECIPE, text.encode())
    return text


def _trained(folder: Path) -> list[dict[str, Any]]:
    """What the model in `folder` came to on the test part; it is trained where it is not there yet, from where an
    interrupted run of it stands, and its report is made where it is not there. OSError where a disk is full."""
    from edgelstm.cli.train import command as train
    from edgelstm.tasks import read_dataset
    from edgelstm.training import load_config
    from edgelstm.training.run_folder import RunFolder, read_run

    output = folder / MODEL
    settings = load_config(folder / RECIPE)
    dataset = settings.sound.framed(read_dataset(settings.data.file, settings.data.read_options(), settings.task))
    run = RunFolder(output.with_suffix(".run"), settings, dataset)
    if not run.made(output):
        with redirect_stdout(StringIO()):  # what it says is in the folder of its run
            click.get_current_context().invoke(
                train,
                config=folder / RECIPE,
                output=output,
                data=None,
                seed=None,
                changes=(),
                no_examples=False,
                no_report=True,  # a disk that is full would be a note alone
                resume=run.can_go_on,
                threads=None,
                as_json=True,
            )
    _reported(output, Path(settings.data.file))
    told, _ = read_run(output.with_suffix(".run"), output)
    evaluations: list[dict[str, Any]] = told.get("evaluations", [])
    return evaluations


def _reported(model: Path, data: Path) -> None:
    """A note where none can be made: the model is there all the same."""
    from edgelstm.cli import reporting
    from edgelstm.cli.report import command as report

    page = model.with_suffix(".run") / reporting.PAGE
    if reporting.report_of(model) is not None and page.exists():
        return
    try:
        with redirect_stdout(StringIO()):
            click.get_current_context().invoke(report, files=(model, data), output=None, use_all=False)
    except ValueError as error:
        click.echo(paragraph(f"no report: {' '.join(str(error).split())}", "Note: "), err=True)


def _tested(evaluations: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(figure, its value, of what) of each evaluation that tells an accuracy."""
    found = []
    for one in evaluations:
        value = one.get("accuracy")
        if isinstance(value, int | float):
            way = ", streamed" if one.get("streamed") else ""
            found.append(("accuracy", style.percent(float(value)), f"{one.get('precision', '')}{way}"))
    return found
