"""Predictions as text: what each layer does, then a column for each kind of core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgelstm.cli.show import style
from edgelstm.cli.show.text import columns, paragraph, table
from edgelstm.devices.units import show_size, show_time
from edgelstm.records import Unavailable

if TYPE_CHECKING:
    from edgelstm.devices.predict.prediction import Estimate, Prediction


def describe(found: Prediction) -> str:
    work, here = found.work, found.here
    rows = [
        (
            f"{one.name} {one.inputs} → {one.outputs}{_of(one.precision, work.precision)}",
            _every(one.stride),
            f"{one.macs:,}",
            show_size(one.bytes),
        )
        for one in work.layers
    ]
    if work.additions:
        rows.append(("pooling scores, additions", "", f"{work.additions:,}", show_size(8 * work.additions)))
    rows.append(("all, with the state", "", f"{work.macs:,}", show_size(work.bytes)))
    estimates = [_column(one.core, one) for one in found.estimates if not isinstance(one, Unavailable)]
    if not isinstance(here.estimate, Unavailable):
        estimates.append(_column("this machine", here.estimate))
    lines = [
        paragraph(style.heading(f"{work.file} on {found.board}: an estimate, nothing ran there")),
        f"answers: {work.answer.words}",
        table(("layer", "runs", "multiply-accumulates", "reads"), rows, indent=""),
        "",
        columns(estimates),
        "",
        *_trust(found),
    ]
    for one in found.estimates:
        if isinstance(one, Unavailable):
            lines.append(paragraph(f"not estimated: {one.reason}"))
        else:
            lines += [f"{one.core}:", *(paragraph(note, "  ", "    ") for note in one.assumptions)]
    return "\n".join(lines)


def _column(title: str, one: Estimate) -> list[tuple[str, str]]:
    return [
        ("", title),
        ("kernels", f"{one.kernel}, {one.architecture}"),
        ("clock", f"{one.mhz:,.0f} MHz"),
        ("products", show_time(one.products_us)),
        ("gates and all else", show_time(one.gates_us)),
        ("memory", show_time(one.memory_us)),
        ("a frame, called from C", show_time(one.frame_us)),
        ("on average", show_time(one.mean_us)),
    ]


def _of(precision: str, own: str) -> str:
    """Of a layer, where it is not the file's."""
    return "" if precision == own else f", {precision}"


def _every(stride: int) -> str:
    return "every frame" if stride == 1 else f"every {stride:,} frames"


def _trust(found: Prediction) -> list[str]:
    """What the method is worth where it can be held against the truth."""
    here = found.here
    lines = [paragraph(f"measured on this machine: {show_time(here.measured_us)} a frame ({here.machine})")]
    if isinstance(here.estimate, Unavailable):
        return [*lines, paragraph(f"not estimated for this machine: {here.estimate.reason}")]
    share = here.estimate.mean_us / here.measured_us
    method = f"estimated for it by the same method, as {here.estimate.model}: {share:.2f} times that"
    return [*lines, paragraph(method)]
