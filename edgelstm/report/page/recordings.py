"""Recordings on the page: what came in, and what was answered along it."""

from __future__ import annotations

from collections.abc import Iterable

from edgelstm.page.markup import Markup, cards, facts, tag
from edgelstm.page.style import SHADES
from edgelstm.report.page.drawn import chart
from edgelstm.report.page.text import sign
from edgelstm.report.record import ModelReport, Sample, Sign

_BITS_A_SHADE = 1.0
_MARKS = {True: ("right", "good"), False: ("wrong", "bad")}


def recordings(report: ModelReport) -> list[Markup]:
    if not report.samples:
        return []
    return [
        tag("h2", "Recordings"),
        tag("p", report.choice, class_="soft"),
        *(_sample(sample, report.about.sample_rate) for sample in report.samples),
    ]


def _sample(sample: Sample, sample_rate: float) -> Markup:
    mark = (
        []
        if sample.is_right is None
        else [tag("span", _MARKS[sample.is_right][0], class_=_MARKS[sample.is_right][1])]
    )
    head = tag("h3", sample.title, *([" · ", *mark] if mark else []))
    said = facts(sample.verdict) if sample.verdict else Markup("")
    left_out = (
        tag("p", f"{sample.channels_left_out} more channels are not drawn.", class_="soft")
        if sample.channels_left_out
        else Markup("")
    )
    about = Markup(head + tag("p", sample.why, class_="soft") + said + left_out)
    charts = [chart(one, sample_rate) for one in (*sample.answers, *sample.input)]
    text = tag("div", _text(sample.text), class_="card") if sample.text else Markup("")
    return tag("section", cards([about, *charts]), text, class_="sample")


def _text(signs: Iterable[Sign]) -> Markup:
    """Every symbol, the darker the more bits it cost."""
    parts: list[str | Markup] = []
    for one in signs:
        shown = sign(one.symbol)
        if not one.bits:
            parts.append(tag("span", shown))
            continue
        shade = min(SHADES, int(one.bits[0] / _BITS_A_SHADE))
        about = ", ".join(f"{bits:.2f}" for bits in one.bits)
        parts.append(tag("span", shown, class_=f"miss{shade}" if shade else None, title=f"{about} bits"))
    return tag("p", *parts, class_="text")
