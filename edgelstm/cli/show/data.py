"""A set of recordings for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from edgelstm.cli.show import style, text
from edgelstm.devices.units import show_rate
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.data.summary import Summary

TEXTS = "txt"
"""The format whose columns are symbols."""

_MOST = 12  # names, notes


def print_summary(found: Summary) -> None:
    """Counts, labels and groups, a table of columns, then what was noted."""
    click.echo(style.heading(text.plain(found.name, 60)))
    click.echo(text.named(_lines(found), indent="  "))
    if found.format == TEXTS:
        return
    click.echo()
    lacks = any(column.missing for column in found.columns)
    rows = [
        [
            text.plain(column.name),
            text.plain(column.unit, 10),
            *(f"{value:.4g}" for value in (column.least, column.median, column.most, column.deviation)),
            *([str(column.missing or "")] if lacks else []),
            str(column.outliers or ""),
        ]
        for column in found.columns[: 5 * _MOST]
    ]
    header = [
        "column",
        "unit",
        "lowest",
        "median",
        "highest",
        "deviation",
        *(["missing"] if lacks else []),
        "outliers",
    ]
    click.echo(text.table(header, rows, shortens=True))
    if len(found.columns) > len(rows):
        click.echo(f"  and {len(found.columns) - len(rows)} more")
    for line in (*some(found.notes, "notes"), *some(found.warnings, "warnings")):
        click.echo(text.paragraph(text.plain(line), "  ! ", "    "))


def _lines(found: Summary) -> list[tuple[str, str]]:
    rate = show_rate(found.sample_rate) if found.sample_rate else "unknown: no times; --rate HZ states it"
    rate = "unknown" if found.format == TEXTS and not found.sample_rate else rate
    lengths = counted(found.longest, "frame")
    if found.shortest < found.longest:
        lengths = f"{found.shortest:,} to {lengths}, half of them up to {found.median_length:,}"
    lines = [
        ("format", found.format),
        (
            "recordings",
            f"{found.recordings:,} of {lengths}"
            if found.recordings > 1
            else f"1 of {counted(found.frames, 'frame')}",
        ),
        ("rate", rate),
        ("labels", _counted(found.labels, "recordings") or "none"),
    ]
    if found.frame_labels:
        lines.append(
            ("of frames", _counted({name or "(none)": n for name, n in found.frame_labels.items()}, "frames"))
        )
    lines.append(("groups", _counted(found.groups, "recordings") or "none: each recording is its own"))
    if found.test is not None:
        lines.append(("split", f"{counted(found.test, 'recording')} to test on, as the data say"))
    if found.format == TEXTS:
        lines.append(("symbols", f"{len(found.columns)}: {' '.join(text.plain(c.name, 8) for c in found.columns)}"))
    if found.left_out:
        lines.append(
            ("left out", ", ".join(text.plain(name, 32) or "one without a name" for name in found.left_out[:_MOST]))
        )
    return lines


def _counted(counts: Mapping[str, int], what: str) -> str:
    """`walk 12, run 9`: the most frequent first."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{text.plain(name, 32)} {count:,}" for name, count in ranked[:_MOST])
    return f"{len(counts)}: {shown}" + (", …" if len(ranked) > _MOST else "") + f" {what}" if counts else ""


def some(lines: Sequence[str], what: str) -> Sequence[str]:
    """The first of them, and how many more there are."""
    return (
        lines
        if len(lines) <= _MOST
        else (*lines[:_MOST], f"and {len(lines) - _MOST:,} more {what}, which data inspect --json has")
    )
