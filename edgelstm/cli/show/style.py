"""How results look: check marks, tables, a bar for long work."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

INTERACTIVE_WIDTH = 78


def passed(text: str) -> str:
    return click.style("✓", fg="green") + " " + text


def failed(text: str) -> str:
    return click.style("✗", fg="red") + " " + text


def mark(is_good: bool, text: str) -> str:
    return passed(text) if is_good else failed(text)


def heading(text: str) -> str:
    return click.style(text, bold=True)


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def announce(work: str | None) -> None:
    """The work in progress, on a terminal's last line of stderr; None wipes it."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{f'{work} …' if work else ''}", err=True, nl=False)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Aligned columns; the first to the left, the others, mostly numbers, to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(click.unstyle(line[column])) for line in lines) for column in range(len(header))]
    text = []
    for line in lines:
        fill = [" " * (w - len(click.unstyle(cell))) for cell, w in zip(line, widths)]
        cells = [cell + space if n == 0 else space + cell for n, (cell, space) in enumerate(zip(line, fill))]
        text.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(text)
