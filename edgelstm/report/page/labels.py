"""The table of labels, each with its precision, recall and F1: of classes, and of tags with their thresholds."""

from __future__ import annotations

from collections.abc import Sequence

from edgelstm.page.markup import Markup, table, tag
from edgelstm.report.page.text import number, share
from edgelstm.report.record import LabelFigures, TagFigures


def label_table(columns: Sequence[tuple[str, Sequence[LabelFigures]]]) -> Markup:
    """columns: (name, figures of the same labels) of each way to run the model. The first is shown whole."""
    (first, rows), others = columns[0], columns[1:]
    tags = ["threshold"] if any(isinstance(row, TagFigures) for row in rows) else []
    header = ["", "count", *tags, "precision", "recall", f"F1, {first}", *(f"F1, {name}" for name, _ in others)]
    return table(header, [[*_cells(row), *(share(found[n].f1) for _, found in others)] for n, row in enumerate(rows)])


def _cells(row: LabelFigures) -> list[str]:
    threshold = [number(row.threshold)] if isinstance(row, TagFigures) else []
    return [row.label, f"{row.count:,}", *threshold, share(row.precision), share(row.recall), share(row.f1)]


def left_out(count: int, what: str) -> list[Markup]:
    """A line that says so, where some are not shown."""
    return [tag("p", f"{count:,} more {what} are not shown.", class_="soft")] if count else []
