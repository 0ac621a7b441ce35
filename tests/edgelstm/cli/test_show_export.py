"""What is said about a proof in one line."""

from __future__ import annotations

import pytest

from edgelstm.cli.show.export import headline
from edgelstm.export.parity.checks import Check
from edgelstm.export.parity.proof import Proof


def proof(*checks: Check) -> Proof:
    return Proof("m", "00", 1, "engine", "int8", 1, 1, 1.0, checks, 1.0, 0.0)


INTEGERS = Check("h0, integers", 1000, 1, 1.0, 0.1, 0.0), Check("past0, integers", 500, 2, 1.0, 0.1, 0.0)
UNITS = Check("h0, int8 units", 10, 1, 2.0, 0.1, 3.0), Check("c1, int8 units", 10, 1, 1.0, 0.1, 3.0)
ROUNDING = (Check("scores against the same rounding", 10, 1, 2e-6, 0.1, 3e-6),)
FLOATS = Check("h0 against float64", 10, 1, 3e-7, 0.1, 1e-6), Check("scores against float64", 10, 1, 0.5, 0.1, None)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ((*INTEGERS, *UNITS, *FLOATS), "3 of 1,500 integers differ"),
        ((*UNITS, *ROUNDING, *FLOATS), "2 units at most, same rounding"),
        ((*ROUNDING, *FLOATS), "2.0e-06 at most, same rounding"),
        (FLOATS, "3.0e-07 at most from float64"),
        ((), "passed"),
    ],
)
def test_the_strictest_comparison_is_told(checks: tuple[Check, ...], expected: str) -> None:
    assert headline(proof(*checks)) == expected
    assert len(expected) <= 31  # beside the longest name of the demo's files, within 80 columns
