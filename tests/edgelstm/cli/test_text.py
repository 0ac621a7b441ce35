"""Tables and columns."""

from __future__ import annotations

import click

from edgelstm.cli.show import style
from edgelstm.cli.show.text import columns, plain, table
from edgelstm.judging import Figure


def test_figures_stand_to_the_right_and_colors_take_no_room() -> None:
    shown = table(("file", "size"), [(click.style("a", fg="red"), "1"), ("bcdef", "2345")])
    assert click.unstyle(shown).splitlines() == ["  file   size", "  a         1", "  bcdef  2345"]


def test_texts_stand_to_the_left() -> None:
    shown = table(("board", "cores"), [("a", "4 × A53"), ("", "+ 1")], indent="", are_texts=True)
    assert shown.splitlines() == ["board  cores", "a      4 × A53", "       + 1"]


def test_columns_go_on_below() -> None:
    found = [[("", f"m{n}"), ("p50", f"{n} µs")] for n in range(3)]
    assert columns(found, 16).splitlines() == ["        m0    m1", "p50   0 µs  1 µs", "", "        m2", "p50   2 µs"]
    assert columns(found, 3).count("p50") == 3
    assert columns(found).count("p50") == 1


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    assert plain("a\x1b[31mred\n") == "a?[31mred?"
    assert plain("ü" * 50, 10) == "ü" * 9 + "…"


def test_counts_are_whole_numbers() -> None:
    shown = [style.figure(Figure("events", value)) for value in (7, 1234, 7.0, None)]
    assert shown == ["7", "1,234", "7.000", "none"]
