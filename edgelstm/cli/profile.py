"""`edgelstm profile`: what a frame costs on this machine, in time and memory."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.boards import cores, known, memory, moment, size

if TYPE_CHECKING:
    from edgelstm.devices import Report
    from edgelstm.devices.report import Run

_SECONDS = 6.0


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--frames", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Steady frames to time."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 86_400, min_open=True),
    help=f"Longest time for each model, whatever --frames says.  [default: {_SECONDS:.0f}, shared by the models]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV or NDJSON with frames to give the models (the first 10,000 are used, again and again).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the report to FILE too."
)
def command(
    models: tuple[Path, ...],
    frames: int,
    seconds: float | None,
    data: Path | None,
    as_json: bool,
    output: Path | None,
) -> None:
    """Measure latency and memory of each MODEL on this machine, side by side.

    Each model runs in a process of its own. A time runs from a frame in hand to the answer, called from Python.
    The first frame, the 1,000 after it (warm-up) and the steady state are told apart. Without --data the frames
    are noise in the range of the training data, and the report says so.

    \b
    Example:
      edgelstm profile model.elstm
      edgelstm profile model-float32.elstm model-int8.elstm --data recording.csv --output report.json
    """
    from edgelstm.devices import profile, write_report

    if seconds is not None and not math.isfinite(seconds):
        raise click.UsageError(f"--seconds {seconds}: expected a number of seconds")
    if output is not None and not output.parent.is_dir():
        raise FileNotFoundError(f"{output.parent}: no such folder to write the report in")
    limit = _SECONDS / len(models) if seconds is None else seconds
    report = profile(models, data=data, frames=frames, seconds=limit, on_start=_announce)
    _announce(None)
    if output is not None:
        write_report(report, output)
    click.echo(json.dumps(report.to_json(), indent=2, allow_nan=False) if as_json else table(report))


def _announce(path: Path | None) -> None:
    """The model in progress, on a terminal's last line; None wipes it."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{f'profiling {path} …' if path else ''}", err=True, nl=False)


def table(report: Report) -> str:
    """One screen: a column for each model."""
    runs = report.runs
    board = report.board
    lines = [f"{board.name}: {cores(board)}, {memory(board)}, {board.architecture}"]
    if board.virtual is True:
        lines[0] += ", a virtual machine"
    before, after = moment(runs[0].before), moment(runs[-1].after)
    lines += [f"before: {before}", f"after:  {after}"] if before != after else [f"now:    {before}"]
    lines += [f"input:  {'; '.join(dict.fromkeys(run.input for run in runs))}", ""]
    rows = [_column(run) for run in runs]
    names = [name for name, _ in rows[0]]
    width = max(map(len, names)) + 2
    widths = [max(len(value) for _, value in row) + 2 for row in rows]
    for place, name in enumerate(names):
        cells = (f"{row[place][1]:>{cell}}" for row, cell in zip(rows, widths))
        lines.append(f"{name:<{width}}{''.join(cells)}".rstrip())
    return "\n".join(lines)


def _column(run: Run) -> list[tuple[str, str]]:
    """(name, value) of each line of the table."""
    model, latency = run.model, run.latency
    steady, warm_up = latency.steady, latency.warm_up
    stages = [stage.memory for stage in run.stages]
    grown = [
        (f"  {run.stages[n].name}", _more(stages[n].resident, stages[n - 1].resident)) for n in range(1, len(stages))
    ]
    rate = latency.frames_per_second
    sensor = model.sample_rate
    times = f"{rate / sensor:,.0f} × {sensor:g} Hz" if isinstance(sensor, float) else "unknown"
    return [
        ("", model.file),
        ("precision, kernel", f"{model.precision}, {model.kernel if isinstance(model.kernel, str) else '–'}"),
        ("engine", model.engine),
        ("file", size(model.size)),
        ("open the model, make a stream", f"{run.open_ms:.2f} ms, {run.stream_us:.0f} µs"),
        ("first frame", _us(latency.first_us)),
        ("warm-up p50, max", f"{_us(warm_up.p50_us)}, {_us(warm_up.max_us)}"),
        ("steady p50", _us(steady.p50_us)),
        ("  p90", _us(steady.p90_us)),
        ("  p99", _us(steady.p99_us)),
        ("  p99.9", _us(steady.p99_9_us)),
        ("  max", _us(steady.max_us)),
        ("  frames measured", f"{steady.frames:,}"),
        ("  of which the clock takes", _us(latency.overhead_us)),
        ("frames per second", f"{rate:,.0f}"),
        ("  against the sensor's rate", times),
        ("memory at start", size(stages[0].resident)),
        *grown,
        ("  peak", size(stages[-1].peak)),
        ("  proportional share", size(stages[-1].proportional)),
        ("  growth while running", size(run.growth)),
        ("one stream, its saved state", f"{size(model.stream_bytes)}, {size(model.state_bytes)}"),
    ]


def _us(time: Any) -> str:
    return f"{time:,.2f} µs" if isinstance(time, float) else "–"


def _more(now: Any, before: Any) -> str:
    return f"+{size(now - before)}" if isinstance(now, int) and isinstance(before, int) else known(now)
