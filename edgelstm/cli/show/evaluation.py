"""Evaluations as tables: what was found beside one another for every precision, classes and decisions beneath."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgelstm.cli.show import style
from edgelstm.cli.show.outputs import tables_of_outputs
from edgelstm.cli.show.text import paragraph, plain, table
from edgelstm.judging import Decisions, Evaluation, OfOutputs, Tagging

LABEL_WIDTH = 40
_MOST_CLASSES = 12  # whose decisions fit beside one another


def tables(results: Sequence[Evaluation]) -> str:
    """Of one way to run the data, every precision."""
    first = results[0]
    way = "streamed, of" if first.streamed else "found, of"
    header = [f"{way} {first.count:,}", *(result.precision for result in results)]
    of_labels = [result for result in results if isinstance(result, Decisions | Tagging)]
    rows = [_recalls(of_labels, n) for n in range(len(of_labels[0].labels))] if of_labels else []
    figures = zip(*(result.figures() for result in results))
    rows += [
        [plain(row[0].name if row[0].name != "accuracy" else "all", LABEL_WIDTH), *map(style.figure, row)]
        for row in figures
    ]
    text = [table(header, rows, indent="")] if rows else []
    text += tables_of_outputs([result for result in results if isinstance(result, OfOutputs)])
    text += [_classes(of_labels[0])] if of_labels and not first.streamed else []
    remarks = dict.fromkeys(remark for result in results for remark in result.remarks())
    text += [paragraph(remark, "! ", "  ") for remark in remarks]
    return "\n".join(text)


def _recalls(results: Sequence[Decisions | Tagging], label: int) -> list[str]:
    return [plain(results[0].labels[label], LABEL_WIDTH), *(_share(result.recall[label]) for result in results)]


def _classes(found: Decisions | Tagging) -> str:
    rows = [
        [
            plain(label, LABEL_WIDTH),
            f"{found.counts[n]:,}",
            *(_share(share[n]) for share in (found.exactness, found.recall, found.f1)),
        ]
        for n, label in enumerate(found.labels)
    ]
    text = "\n" + table([found.precision, "count", "precision", "recall", "F1"], rows, indent="")
    if isinstance(found, Decisions) and 1 < len(found.labels) <= _MOST_CLASSES:
        rows = [
            [plain(label, LABEL_WIDTH), *(f"{n:,}" if n else "·" for n in found.confusion[place])]
            for place, label in enumerate(found.labels)
        ]
        text += "\n\n" + table(["true, decided as", *_heads(found.labels)], rows, indent="")
    return text


def _heads(labels: Sequence[str]) -> list[str]:
    """The beginnings of labels, of 6 letters, or numbers where these are alike."""
    heads = [plain(label, 6) for label in labels]
    return heads if len(set(heads)) == len(heads) else [str(n + 1) for n in range(len(labels))]


def _share(value: float) -> str:
    return "none" if np.isnan(value) else style.percent(value)
