"""Numbers that are told, output by output: tables of every precision, simple guesses beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgelstm.cli.show import style
from edgelstm.cli.show.text import plain, table
from edgelstm.judging import OfOutputs
from edgelstm.plain import four_digits, in_unit

_MOST = 24  # outputs that a table has rows for
_UNIT_WIDTH = 12


def tables_of_outputs(results: Sequence[OfOutputs]) -> list[str]:
    """A table for every figure; `results` are of the same outputs. A line says how many outputs there are more."""
    if not results:
        return []
    whole, found = results[0], []
    of_all = _unit(whole.units[0]) if len(set(whole.units)) == 1 else ""
    for row in zip(*(result.compared() for result in results)):
        first, guesses = row[0], row[0].guesses
        columns = [*(one.values for one in row), *guesses.values()]
        header = [
            first.name + ("" if first.is_share else of_all),
            *(result.precision for result in results),
            *guesses,
        ]
        lines = [
            [
                _named(whole.outputs[n], "" if first.is_share or of_all else whole.unit(n)),
                *(_number(column[n], first.is_share) for column in columns),
            ]
            for n in range(min(len(whole.outputs), _MOST))
        ]
        found.append("\n" + table(header, lines, indent="", shortens=True))
    more = len(whole.outputs) - _MOST
    return [*found, *([f"and {more} more outputs, which --json has"] if more > 0 else [])]


def _named(output: str, unit: str) -> str:
    name = plain(output)
    return in_unit(name, plain(unit, _UNIT_WIDTH)) if unit else name


def _unit(text: str) -> str:
    return f" [{plain(text, _UNIT_WIDTH)}]" if text else ""


def _number(value: float, is_share: bool) -> str:
    if np.isnan(value):
        return "none"
    return style.percent(value) if is_share else four_digits(value)
