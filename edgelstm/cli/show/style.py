"""How results look: check marks, sizes, the work in progress."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edgelstm.plain import four_digits

if TYPE_CHECKING:
    from edgelstm.judging import Figure


def passed(text: str) -> str:
    return click.style("✓", fg="green") + " " + text


def failed(text: str) -> str:
    return click.style("✗", fg="red") + " " + text


def accepted(text: str) -> str:
    """Neither: a loss that somebody took."""
    return click.style("·", fg="yellow") + " " + text


def undecided(text: str) -> str:
    """Neither: nothing is wrong, and too little was seen to say more."""
    return click.style("?", fg="yellow") + " " + text


def mark(is_good: bool, text: str) -> str:
    return passed(text) if is_good else failed(text)


def heading(text: str) -> str:
    return click.style(text, bold=True)


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def figure(found: Figure) -> str:
    """Its value with its unit, or none."""
    if found.value is None:
        return found.why or "none"
    if found.is_share:
        return percent(found.value)
    shown = f"{found.value:,}" if isinstance(found.value, int) else four_digits(found.value)
    return shown + (f" {found.unit}" if found.unit else "")


def announce(work: str | None) -> None:
    """The work in progress, on a terminal's last line of stderr; None wipes it."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{f'{work} …'[:78] if work else ''}", err=True, nl=False)
