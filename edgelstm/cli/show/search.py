"""A search, while it goes on and at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph, table
from edgelstm.devices.units import show_size, show_time
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.search.record import SearchRecord, TrialRecord
    from edgelstm.search.working import Search

_MOST_ROWS = 5
_MANY_REFUSED = 10  # in a row, of which the line says why


class Progress:
    """One line for all workers, of all machines: on a terminal redrawn, elsewhere one every `EVERY` seconds."""

    EVERY, DRAWN = 10.0, 1.0

    def __init__(self, search: Search, clock: Callable[[], float] = time.monotonic) -> None:
        self._search, self._clock = search, clock
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._told = clock()

    def update(self) -> None:
        now = self._clock()
        if now - self._told < (self.DRAWN if self._live else self.EVERY):
            return
        self._told = now
        line = progress_line(self._search)
        if self._live:
            style.announce(line)
        else:
            click.echo(line, err=True)


def progress_line(search: Search) -> str:
    from edgelstm.search.desk import REFUSED, tally
    from edgelstm.search.worker import refused_in_a_row, wanted

    trials = search.study.get_trials(deepcopy=False)
    now, most = tally(trials), wanted(search.plan, search.space)
    row = refused_in_a_row(trials)
    if len(row) >= _MANY_REFUSED:
        return f"{now.done}/{most} trained, {len(row)} refused in a row, the last for {row[0].user_attrs[REFUSED]}"
    parts = [f"{now.done}/{most} trained ({now.cut} cut short)", f"{now.refused} refused"]
    if now.lost:
        parts.append(f"{now.lost} of dead workers run again")
    if now.done >= most:
        parts.append("finalists")
    elif now.taken:
        parts.append(f"{now.taken} at work")
    scores = [trial.user_attrs["score"] for trial in trials if trial.state.name == "COMPLETE"]
    if scores:
        best = max(scores, key=lambda score: float(score["merit"]))
        parts.append(f"best {_value(best['value'], best['is_share'])}")
    return ", ".join(parts)


def notes_before(search: Search) -> list[str]:
    """What one should know before it goes on."""
    from edgelstm.search.desk import tally

    done, asked = tally(search.study.get_trials(deepcopy=False)).done, search.plan.trials
    found = []
    if done > asked:
        found.append(f"--trials {asked}: {done} are done already, and all of them count")
    own = search.space.own(search.plan.config())
    if not done and (others := [knob.name for knob in search.space.knobs if knob.name not in own]):
        found.append(f"[search] lacks what the recipe itself has of {', '.join(others)}: the first trial differs")
    return found


def notes_behind(search: Search, found: SearchRecord) -> list[str]:
    """What one should know of how it went."""
    from edgelstm.search.proposing import is_exhausted, tried

    notes, trials = [], search.study.get_trials(deepcopy=False)
    count, is_short = search.space.count, found.tally.done < search.plan.trials
    if count is not None and is_short and is_exhausted(search.space, tried(search.space, trials)):
        notes.append(f"the space has only {counted(count, 'model')}; all are tried")
    own = search.space.own(search.plan.config())
    first = found.trials[0]
    if first.how == "refused" and len(own) == len(search.space.knobs):
        notes.append(f"the recipe as it is was refused: {first.why}")
    return notes


def _value(value: float | None, is_share: bool) -> str:
    if value is None:
        return "none"
    return style.percent(value) if is_share else f"{-value:.4g}"


def summary(found: SearchRecord) -> str:
    """The trials, the best of them, the winner, a line or a table each."""
    now = found.tally
    said = f"{counted(now.done, 'trial')} trained, {now.cut} cut short, {now.refused} refused"
    again = f", {now.lost} run again" if now.lost else ""
    lines = [paragraph(f"{said}{again}; {counted(found.epochs, 'epoch')}")]
    known = {trial.number: trial for trial in found.trials}
    listed = list(found.front[:_MOST_ROWS])
    if found.winner is not None and found.winner not in listed:
        listed.insert(0, found.winner)
    rows = [_row(found, known[number]) for number in listed]
    heads = ["trial", found.figure, "file", "stream", "frame", "epochs"]
    lines += [table(heads, rows)]
    for number in listed:
        lines.append(paragraph(f"{number}: {_chosen(known[number])}", "  ", "    "))
    return "\n".join(lines)


def _row(found: SearchRecord, trial: TrialRecord) -> list[str]:
    costs = trial.costs
    time_us = costs.get("latency_p50")
    return [
        str(trial.number),
        _value(trial.value, found.is_share),
        show_size(costs.get("model_size") or 0),
        show_size(costs.get("stream_memory") or 0),
        "–" if time_us is None else show_time(time_us),
        f"{trial.epochs:,}",
    ]


def _chosen(trial: TrialRecord) -> str:
    return ", ".join(
        f"{name.rpartition('.')[2]} {f'{value:.3g}' if isinstance(value, float) else value}"
        for name, value in trial.chosen.items()
    )
