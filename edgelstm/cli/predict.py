"""`edgelstm profile --predict`: an estimate for a board that is not at hand, as a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph
from edgelstm.devices.units import show_size
from edgelstm.files import write_whole
from edgelstm.records import Unavailable, to_text

if TYPE_CHECKING:
    from edgelstm.devices.predict.prediction import Estimate, Prediction

_NAMES, _FIGURES = 23, 19  # columns of the screen for each: two kinds of cores and this machine are 80


def predict(models: Sequence[Path], board: str, *, as_json: bool, output: Path | None) -> int:
    """Print, and write where asked to, what a frame of each model would cost on the board of that id."""
    from edgelstm.devices.boards.profile import board as known
    from edgelstm.devices.predict.prediction import predict as of

    try:
        profile = known(board)
    except ValueError as error:
        raise click.UsageError(f"--predict: {error}") from None
    found = [of(model, profile) for model in models]
    values = [one.to_json() for one in found]
    text = to_text(values[0] if len(values) == 1 else values)
    if output is not None:
        write_whole(output, text.encode())
    click.echo(text if as_json else "\n\n".join(map(table, found)), nl=not as_json)
    return 0


def table(found: Prediction) -> str:
    work, here = found.work, found.here
    lines = [
        paragraph(style.heading(f"{work.file} on {found.board}: an estimate, nothing ran there")),
        f"{'':{_NAMES}}{'multiply-accumulates':>22}{'bytes':>12}",
    ]
    for layer in work.layers:
        name = f"{layer.kind} {layer.inputs} → {layer.outputs}"
        lines.append(f"{name:{_NAMES}}{layer.macs:>22,}{show_size(layer.bytes):>12}")
    lines.append(f"{'a frame, with the state':{_NAMES}}{work.macs:>22,}{show_size(work.bytes):>12}")
    estimates = [one for one in found.estimates if not isinstance(one, Unavailable)]
    columns = [_column(one.core, one) for one in estimates]
    if not isinstance(here.estimate, Unavailable):
        columns.append(_column("this machine", here.estimate))
    lines.append("")
    for place, (name, _) in enumerate(columns[0]):
        lines.append(f"{name:{_NAMES}}" + "".join(f"{column[place][1]:>{_FIGURES}}" for column in columns))
    lines += ["", *_trust(found)]
    for one in found.estimates:
        lines += (
            [paragraph(f"not estimated: {one.reason}")]
            if isinstance(one, Unavailable)
            else [f"{one.core}:", *_notes(one)]
        )
    return "\n".join(lines)


def _column(title: str, one: Estimate) -> list[tuple[str, str]]:
    return [
        ("", title),
        ("kernels", f"{one.kernel}, {one.architecture}"),
        ("clock", f"{one.mhz:,.0f} MHz"),
        ("products", f"{one.products_us:,.2f} µs"),
        ("gates and all else", f"{one.gates_us:,.2f} µs"),
        ("memory", f"{one.memory_us:,.2f} µs"),
        ("a frame, called from C", f"{one.frame_us:,.2f} µs"),
    ]


def _notes(one: Estimate) -> list[str]:
    return [paragraph(note, "  ", "    ") for note in one.assumptions]


def _trust(found: Prediction) -> list[str]:
    """What the method is worth where it can be held against the truth."""
    here = found.here
    lines = [paragraph(f"measured on this machine: {here.measured_us:,.2f} µs a frame ({here.machine})")]
    if isinstance(here.estimate, Unavailable):
        return [*lines, paragraph(f"not estimated for this machine: {here.estimate.reason}")]
    share = here.estimate.frame_us / here.measured_us
    method = f"estimated for it by the same method, as {here.estimate.model}: {share:.2f} times that"
    return [*lines, paragraph(method)]
