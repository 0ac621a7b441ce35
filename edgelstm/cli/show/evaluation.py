"""Evaluations as tables: what was found beside one another for every precision, classes and decisions beneath."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgelstm.cli.show import style
from edgelstm.cli.show.outputs import tables_of_outputs
from edgelstm.cli.show.text import WIDTH, paragraph, plain, table, width_of
from edgelstm.judging import Decisions, Evaluation, OfOutputs, Tagging

_HEAD = 6  # letters of a label above decisions


def tables(results: Sequence[Evaluation]) -> str:
    """Of one way to run the data, every precision."""
    first = results[0]
    way = "streamed, of" if first.streamed else "found, of"
    header = [f"{way} {first.count:,}", *(result.precision for result in results)]
    of_labels = [result for result in results if isinstance(result, Decisions | Tagging)]
    rows = [_recalls(of_labels, n) for n in range(len(of_labels[0].labels))] if of_labels else []
    figures = zip(*(result.figures() for result in results))
    rows += [[plain(row[0].name if row[0].name != "accuracy" else "all"), *map(style.figure, row)] for row in figures]
    text = [table(header, rows, indent="", shortens=True)] if rows else []
    text += tables_of_outputs([result for result in results if isinstance(result, OfOutputs)])
    text += [_classes(of_labels[0])] if of_labels and not first.streamed else []
    remarks = dict.fromkeys(remark for result in results for remark in result.remarks())
    text += [paragraph(remark, "! ", "  ") for remark in remarks]
    return "\n".join(text)


def _recalls(results: Sequence[Decisions | Tagging], label: int) -> list[str]:
    return [plain(results[0].labels[label]), *(_share(result.recall[label]) for result in results)]


def _classes(found: Decisions | Tagging) -> str:
    rows = [
        [
            plain(label),
            f"{found.counts[n]:,}",
            *(_share(share[n]) for share in (found.exactness, found.recall, found.f1)),
        ]
        for n, label in enumerate(found.labels)
    ]
    header = [found.precision, "count", "precision", "recall", "F1"]
    text = "\n" + table(header, rows, indent="", shortens=True)
    if isinstance(found, Decisions) and len(found.labels) > 1 and (decisions := _decisions(found)):
        text += f"\n\n{decisions}"
    return text


def _decisions(found: Decisions) -> str:
    """How often each label was decided as each: under the beginnings of labels, or under numbers where these are
    alike or wider than a screen; nothing where numbers are too wide, too."""
    labels = [plain(label) for label in found.labels]
    cells = [[f"{n:,}" if n else "·" for n in row] for row in found.confusion.tolist()]
    numbers = [str(n) for n in range(1, len(labels) + 1)]
    beginnings = [plain(label, _HEAD) for label in labels]
    if len(set(beginnings)) == len(labels) and (text := _fitting(labels, beginnings, cells)):
        return text
    width = len(numbers[-1])
    return _fitting([f"{n:>{width}} {label}" for n, label in zip(numbers, labels)], numbers, cells)


def _fitting(labels: Sequence[str], heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """The table, or nothing where it leaves too little to the labels."""
    text = table(
        ["true, decided as", *heads], [[label, *row] for label, row in zip(labels, cells)], "", shortens=True
    )
    return text if max(map(width_of, text.splitlines())) <= WIDTH else ""


def _share(value: float) -> str:
    return "none" if np.isnan(value) else style.percent(value)
