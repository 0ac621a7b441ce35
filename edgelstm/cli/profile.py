"""`edgelstm profile`: what a frame costs on this machine, in time and memory."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import (
    BOARD_TROUBLE,
    FAILED,
    GATE_FAILED,
    answer_options,
    check_output,
    checked,
    seconds,
    wheel_option,
)
from edgelstm.cli.show import style

if TYPE_CHECKING:
    from edgelstm.devices import Plan, Report
    from edgelstm.devices.remote.target import Target

_SECONDS = 6.0  # shared by the models, flat out and again paced
_PACED_SECONDS = 3.0


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--frames", type=int, default=10_000, show_default=True, help="Frames to time flat out.")
@click.option(
    "--seconds",
    type=float,
    help=f"Longest time flat out for each model, whatever --frames says.  [default: {_SECONDS:.0f}, shared]",
)
@click.option(
    "--pace",
    type=click.Choice(["both", "flat", "paced"]),
    default="both",
    show_default=True,
    help="Flat out, paced like the sensor, or both.",
)
@click.option("--rate", type=float, metavar="HZ", help="Frames per second when paced.  [default: the model's]")
@click.option(
    "--paced-seconds", type=float, help=f"Time paced for each model.  [default: {_PACED_SECONDS:.0f}, or less]"
)
@click.option(
    "--duration",
    callback=seconds,
    metavar="TIME",
    default="0s",
    help="Then soak for so long (90s, 10m, 1h), with figures per minute; flat out, or paced with --pace paced.",
)
@click.option("--core", type=int, metavar="N", help="Run on this core alone.")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="That share a frame, beside one in turns.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV or NDJSON with frames to give the models (the first 10,000 are used, again and again).",
)
@answer_options()
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="NAME=LIMIT",
    help="A figure's upper limit, such as latency_p99=2ms or rss=20MiB; exit 3 when it is broken.",
)
@click.option(
    "--wait", callback=seconds, metavar="TIME", default="20s", show_default=True, help="For another profile to end."
)
@click.option("--board", "hosts", multiple=True, metavar="HOST", help="Measure there, over SSH; may be repeated.")
@click.option(
    "--boards", "boards_file", type=click.Path(path_type=Path), metavar="FILE", help="TOML with tables [[boards]]."
)
@click.option("--board-python", default="python3", show_default=True, help="The boards' Python with numpy.")
@wheel_option("the boards")
@click.option(
    "--predict", "predicted", metavar="BOARD", help="Estimate a frame on a board that is not at hand instead."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the report to FILE too."
)
def command(
    models: tuple[Path, ...],
    as_json: bool,
    output: Path | None,
    hosts: tuple[str, ...],
    boards_file: Path | None,
    board_python: str,
    wheels: Path | None,
    predicted: str | None,
    **settings: Any,
) -> int:
    """Measure latency and memory of each MODEL on this machine, side by side.

    Each model runs in a process of its own. A time runs from a frame in hand to the answer, called from Python.
    The first frame, the 1,000 after it (warm-up), frames flat out and frames paced at the sensor's rate are told
    apart. Without --data the frames are noise in the range of the training data, and the report says so.

    With --board everything that is needed goes to the board by your own ssh, is measured there and removed again;
    several boards are measured at the same time. A board that fails is a line on stderr, and the exit code is 4.

    Streams answer as each MODEL does, or as --hop, --window and --pooling say: a window costs memory, an answer time.

    With --predict nothing runs on the board: from its description, the model's operations and the kernels as they
    are compiled comes an estimate, beside one for this machine and what is measured here.

    \b
    Example:
      edgelstm profile model.elstm
      edgelstm profile model.elstm model.onnx --data frames.csv --output here.json
      edgelstm profile model.elstm model.onnx --board pi --board user@192.168.0.7
      edgelstm profile model.elstm --predict pi-zero-2w
      edgelstm profile model.elstm --duration 1h --budget soak_latency_p99=2ms
    """
    from edgelstm.devices import profile
    from edgelstm.devices.profiling.here import check_core
    from edgelstm.runtime.proven import check_proven

    if predicted is not None and (hosts or boards_file is not None):
        raise click.UsageError("--predict: for a board that is not at hand, expected without --board and --boards")
    plan = _plan(models, **settings)
    if predicted is not None and plan.threads > 1:
        raise click.UsageError("--threads: estimates are of one thread, expected without --predict")
    inputs = [*models, settings["data"], boards_file, wheels]
    check_output(output, inputs=inputs)
    for model in models:
        check_proven(model)
    if predicted is not None:
        return _predict(models, predicted, plan, as_json=as_json, output=output)
    # Python would die of SIGTERM at once and leave the measuring process behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if hosts or boards_file is not None:
        targets = _targets(hosts, boards_file, board_python, wheels)
        for name in _names(output, len(targets)):
            check_output(name, inputs=inputs)
        return _measure(targets, models, plan, as_json=as_json, output=output)
    if plan.core is not None:
        checked(check_core, plan.core)
    return _deliver([profile(models, plan, style.announce)], as_json=as_json, output=output)


def _plan(models: Sequence[Path], *, budgets: Sequence[str], data: Path | None, **settings: Any) -> Plan:
    """UsageError for what makes no plan."""
    from edgelstm.devices import Plan

    share = _SECONDS / len(models)
    if settings["seconds"] is None:
        settings["seconds"] = share
    if settings["paced_seconds"] is None:
        settings["paced_seconds"] = max(1.0, min(_PACED_SECONDS, share))
    try:
        return Plan(**settings, data=None if data is None else str(data), budget=tuple(budgets))
    except ValueError as error:
        field, _, problem = str(error).partition(":")
        option = field.replace("_", "-") if field.isidentifier() else field  # a budget's name stays as it is
        raise click.UsageError(f"--{option}:{problem}") from None


def _predict(models: Sequence[Path], board_id: str, plan: Plan, *, as_json: bool, output: Path | None) -> int:
    """Print, and write where asked to, what a frame of each model would cost on the board of that id."""
    from edgelstm.cli.show.prediction import describe
    from edgelstm.devices.boards.profile import board
    from edgelstm.devices.predict.prediction import predict
    from edgelstm.files import write_whole
    from edgelstm.records import to_text
    from edgelstm.runtime.answering import Asked

    try:
        profile = board(board_id)
    except ValueError as error:
        raise click.UsageError(f"--predict: {error}") from None
    asked = Asked(plan.pooling, plan.window, plan.hop)
    found = [predict(model, profile, asked) for model in models]
    text = to_text(_one_or_all([one.to_json() for one in found]))
    if output is not None:
        write_whole(output, text.encode())
    click.echo(text if as_json else "\n\n".join(map(describe, found)), nl=not as_json)
    return 0


def _targets(hosts: Sequence[str], file: Path | None, python: str, wheels: Path | None) -> list[Target]:
    """The boards of the command line, then those of a TOML file. ValueError names what is wrong in the file."""
    from edgelstm.devices.remote.session import check_host
    from edgelstm.devices.remote.target import WHEELS, Target, read_targets, refuse_twice

    found = [Target(checked(check_host, host), python, wheels or WHEELS) for host in hosts]
    if file is not None:
        found += read_targets(file, python, wheels or WHEELS)
    try:
        refuse_twice(found)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return found


def _measure(
    targets: Sequence[Target], models: Sequence[Path], plan: Plan, *, as_json: bool, output: Path | None
) -> int:
    """Profile and deliver what came back; 4 where a board failed, 1 where a model or a wheel did."""
    from edgelstm.devices.profiling.remote import profile_boards
    from edgelstm.devices.remote import BoardError

    def tell(host: str, what: str) -> None:
        style.announce(what and f"{host}: {what}")

    outcomes = profile_boards(targets, models, plan, on_progress=tell)
    style.announce(None)
    reports, code = [], 0
    for outcome in outcomes:
        result, host = outcome.result, outcome.target.host
        if not isinstance(result, Exception):
            # two boards of a kind have the same name
            name = f"{result.board.name} ({host})" if len(targets) > 1 else result.board.name
            reports.append(replace(result, board=replace(result.board, name=name)))
            continue
        click.echo(style.failed(str(result)), err=True)
        code = max(code, BOARD_TROUBLE if isinstance(result, BoardError) else FAILED)
    gate = _deliver(reports, as_json=as_json, output=output) if reports else 0
    return code or gate


def _deliver(reports: Sequence[Report], *, as_json: bool, output: Path | None) -> int:
    """Write and print the reports of one or several boards; 3 where a budget was broken, else 0."""
    from edgelstm.cli.show.profile import breaches, table
    from edgelstm.cli.show.text import paragraph
    from edgelstm.devices import write_report
    from edgelstm.records import to_text

    for name, report in zip(_names(output, len(reports)), reports):
        write_report(report, name)
    if as_json:
        click.echo(to_text(_one_or_all([report.to_json() for report in reports])), nl=False)
    else:
        click.echo(table(reports))
    broken = breaches(reports)
    for line in broken:
        # For programs one line each, for people as wide as the table above.
        click.echo(style.failed(line) if as_json else paragraph(line, style.failed("")), err=as_json)
    return GATE_FAILED if broken else 0


def _names(output: Path | None, count: int) -> list[Path]:
    """Of the files that so many reports go to."""
    if output is None or count == 1:
        return [output] if output else []
    return [output.with_stem(f"{output.stem}-{number}") for number in range(1, count + 1)]


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
