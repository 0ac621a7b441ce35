"""What finalists cost on a board that is at hand: figures that nobody can predict, such as the slowest percent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edgelstm.devices.profiling.budget import FIGURES, Budget
from edgelstm.devices.profiling.plan import Plan as ProfilePlan
from edgelstm.devices.profiling.remote import profile_boards
from edgelstm.devices.profiling.report import Report
from edgelstm.devices.profiling.verdict import find
from edgelstm.devices.remote.target import Target
from edgelstm.devices.units import show_figure
from edgelstm.records import Unavailable

MEASURABLE = tuple(name for name in FIGURES if not (name.startswith("soak_") or name == "growth"))
"""Figures that a short profile tells."""

_PLAN = ProfilePlan(pace="both", paced_seconds=3.0)


@dataclass(frozen=True)
class Measured:
    """A finalist on the board."""

    trial: int
    figures: dict[str, float | None]  # name of a budget → in its unit; None where the board cannot tell
    broken: tuple[str, ...]  # budgets that are not kept, as "latency_p99 1.2 ms, at most 1 ms"; empty: it stays


def measure(
    contents: Sequence[tuple[int, bytes]],
    target: Target,
    budgets: Sequence[Budget],
    told: Callable[[str], None] = lambda _: None,
) -> tuple[Measured, ...]:
    """Profile `.elstm` files there, each with the number of its trial, one after the other.

    BoardError where the board fails; ValueError where the wheel is at fault. told: called with what it is at.
    """
    with TemporaryDirectory(prefix="edgelstm-") as folder:
        files = [(number, Path(folder, f"trial-{number}.elstm")) for number, _ in contents]
        for (_, path), (_, content) in zip(files, contents, strict=True):
            path.write_bytes(content)
        paths = [path for _, path in files]
        (outcome,) = profile_boards([target], paths, _PLAN, on_progress=lambda _, what: told(what))
    if isinstance(outcome.result, Exception):
        raise outcome.result
    return tuple(_judged(number, path.name, outcome.result, budgets) for number, path in files)


def _judged(number: int, file: str, report: Report, budgets: Sequence[Budget]) -> Measured:
    for one in report.skipped:
        if one.file == file:
            return Measured(number, {budget.name: None for budget in budgets}, (f"not measured: {one.reason}",))
    run = next(run for run in report.runs if run.model.file == file)
    figures: dict[str, float | None] = {}
    broken = []
    for budget in budgets:
        value, unit = find(run, budget.name), FIGURES[budget.name]
        figures[budget.name] = None if isinstance(value, Unavailable) else value
        if isinstance(value, Unavailable):
            broken.append(f"{budget.name} not known: {value.reason}")
        elif value > budget.limit:
            broken.append(f"{budget.name} {show_figure(value, unit)}, at most {show_figure(budget.limit, unit)}")
    return Measured(number, figures, tuple(broken))
