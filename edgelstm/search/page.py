"""A search as one page of HTML. Everything in it is in the record that it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from edgelstm.devices.profiling.budget import FIGURES
from edgelstm.devices.units import show_figure, show_size, show_time
from edgelstm.page.charts import Bar, Dots, Line, bars, lines, scatter
from edgelstm.page.document import document
from edgelstm.page.markup import Markup, cards, facts, table, tag
from edgelstm.plain import counted, four_digits
from edgelstm.search.record import SearchRecord, TrialRecord, cheaper
from edgelstm.search.toml import inline

_MOST_ROWS = 500  # of trials
_NONE = "–"


def page(found: SearchRecord, recipe: str = "") -> str:
    """The whole page. recipe: the winner's text."""
    body = [
        tag("h1", f"Search {found.study}"),
        tag("p", _summary(found), class_="soft"),
        _headlines(found),
        tag("h2", "Best models"),
        _front(found),
        cards(_charts(found)),
        *_matters(found),
        *_finalists(found),
        *(
            [tag("h2", "The winner's recipe"), tag("div", tag("pre", recipe, class_="text"), class_="card")]
            if recipe
            else []
        ),
        tag("h2", "Trials"),
        _trials(found),
        _footer(found),
    ]
    return document(f"EdgeLSTM search: {found.study}", body)


def _summary(found: SearchRecord) -> str:
    now = found.tally
    parts = [f"{counted(now.done, 'trial')} trained, {now.cut} of them cut short", f"{now.refused} refused"]
    if now.lost:
        parts.append(f"{now.lost} lost with their workers and run again")
    parts.append(f"{counted(found.epochs, 'epoch')} in all")
    limits = ", ".join(f"{name} at most {limit}" for name, limit in found.budgets.items()) or "no budget"
    return f"{'; '.join(parts)}. {found.board or 'No board'}; {limits}."


def _headlines(found: SearchRecord) -> Markup:
    best = _by_number(found).get(found.winner if found.winner is not None else -1)
    if best is None:
        return Markup("")
    parts = [(f"{found.figure}, held out", value_text(found, found.finalists[0].mean), "mean over seeds")]
    if found.model:
        parts += [(f"{name}, test", text, of) for name, text, of in found.model["tested"]]
    parts += [(name.replace("_", " "), text, "") for name, text in _cost_texts(best)]
    return tag(
        "div",
        *(tag("div", tag("span", name), tag("b", text), tag("span", about)) for name, text, about in parts),
        class_="figures",
    )


def value_text(found: SearchRecord, value: float | None) -> str:
    """What a trial came to, as people have it."""
    if value is None:
        return _NONE
    return f"{100 * value:.1f} %" if found.is_share else four_digits(-value)


def _by_number(found: SearchRecord) -> dict[int, TrialRecord]:
    return {trial.number: trial for trial in found.trials}


def _cost_texts(trial: TrialRecord) -> list[tuple[str, str]]:
    costs = trial.costs
    sizes = ["model_size", "stream_memory"]
    found = [(name, show_size(costs[name] or 0)) for name in sizes if name in costs]
    if costs.get("latency_p50") is not None:
        found.append(("latency_p50", f"{show_time(costs['latency_p50'] or 0)}"))
    return found


def _front(found: SearchRecord) -> Markup:
    known = _by_number(found)
    rows = [_row(found, known[number]) for number in found.front]
    about = "The most accurate first; each of those below it is cheaper than all above."
    return tag("div", tag("p", about, class_="soft"), table(_header(found), rows, sentences=len(_header(found)) - 1))


def _header(found: SearchRecord) -> list[str]:
    return ["trial", found.figure, "file", "stream", "frame, predicted", "epochs", "what it chose"]


def _row(found: SearchRecord, trial: TrialRecord) -> Sequence[str | Markup]:
    costs = dict(_cost_texts(trial))
    return [
        str(trial.number),
        value_text(found, trial.value),
        costs.get("model_size", _NONE),
        costs.get("stream_memory", _NONE),
        costs.get("latency_p50", _NONE),
        f"{trial.epochs:,}",
        ", ".join(f"{name} {_shown(value)}" for name, value in trial.chosen.items()) or _NONE,
    ]


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else inline(value).strip('"')


def _charts(found: SearchRecord) -> list[Markup]:
    factor = 100 if found.is_share else -1
    name = f"{found.figure} [%]" if found.is_share else found.figure
    charts = []
    for cost, unit, scale in (("model_size", "KiB", 1024.0), ("latency_p50", "µs", 1.0)):
        on_front = set(cheaper(found.trials, cost))
        clouds = []
        for title, style, wanted in (("cheapest of its accuracy", "two", True), ("others", "one", False)):
            points = [
                (float(trial.costs[cost] or 0) / scale, factor * trial.value)
                for trial in found.trials
                if trial.how == "whole"
                and trial.value is not None
                and trial.costs.get(cost) is not None
                and (trial.number in on_front) is wanted
            ]
            clouds.append(Dots(title, style, points))
        charts.append(scatter(f"{name} against {cost} [{unit}]", clouds))
    charts.append(_course(found, factor, name))
    return charts


def _course(found: SearchRecord, factor: float, name: str) -> Markup:
    """The best so far."""
    points: list[tuple[float, float]] = []
    best = -float("inf")
    for count, trial in enumerate(one for one in found.trials if one.how in ("whole", "cut short")):
        if trial.how == "whole" and trial.value is not None:
            best = max(best, trial.value)
        if best > -float("inf"):
            points.append((count + 1.0, factor * best))
    return lines(f"The best {name} after so many trials", [Line("", "three", points)])


def _matters(found: SearchRecord) -> list[Markup]:
    if not found.matters:
        return []
    rows = [Bar(name, [("one", share)], f"{100 * share:.0f} %") for name, share in found.matters.items()]
    about = (
        "How much of what tells good trials from others lies in each choice (PED-ANOVA, over whole trials). Few "
        "trials tell little."
    )
    return [
        tag("h2", "What matters"),
        tag("p", about, class_="soft"),
        cards([bars("Share of what accuracy differs by", rows, [])]),
    ]


def _finalists(found: SearchRecord) -> list[Markup]:
    if not found.finalists:
        return []
    runs = max(len(one.values) for one in found.finalists)
    rows = [
        [str(one.trial), value_text(found, one.mean), *(value_text(found, value) for value in one.values)]
        for one in found.finalists
    ]
    heads = ["trial", "mean", *(f"seed {run + 1}" for run in range(runs))]
    if found.measured:
        measured = {one.trial: one for one in found.measured}
        names = list(found.measured[0].figures)
        heads += [f"{name}, measured" for name in names]
        for row, one in zip(rows, found.finalists, strict=True):
            there = measured[one.trial]
            row += [_NONE if (v := there.figures[name]) is None else show_figure(v, FIGURES[name]) for name in names]
    fallen = {one.trial: f"falls out: {'; '.join(one.broken)}" for one in found.measured if one.broken}
    fallen |= {one.trial: f"breaks its budget, trained: {'; '.join(one.broken)}" for one in found.heavy}
    if fallen:
        heads += [""]
        for row, one in zip(rows, found.finalists, strict=True):
            row += [fallen.get(one.trial, "")]
    about = (
        f"Each trained with {counted(runs, 'seed')}, which hold out others; chosen is the best over all that was "
        "held out, by the share that is right and the probability of the true answers alike. The model that is "
        f"kept is that of seed {found.run + 1} of {runs}."
    )
    sentences = len(heads) - 1 if fallen else None
    return [tag("h2", "Finalists"), tag("p", about, class_="soft"), table(heads, rows, sentences=sentences)]


def _trials(found: SearchRecord) -> Markup:
    rows = []
    for trial in found.trials[:_MOST_ROWS]:
        row = list(_row(found, trial))
        row.insert(1, trial.how)
        if trial.why:
            row[-1] = f"{row[-1]} ({trial.why})"
        rows.append(row)
    heads = _header(found)
    heads.insert(1, "")
    left = len(found.trials) - len(rows)
    more = tag("p", f"{left:,} more are in search.json.", class_="soft") if left else Markup("")
    return tag("div", table(heads, rows, sentences=len(heads) - 1), more)


def _footer(found: SearchRecord) -> Markup:
    return tag(
        "footer",
        facts([("made by", f"EdgeLSTM {found.edgelstm}"), ("objective", found.objective)]),
        tag(
            "p",
            "Accuracy is of what was held out of training, in float32. The winner alone saw the test part.",
        ),
        tag(
            "p", "Times are predicted: a frame at which every layer runs, called from C, on the slowest kind of core."
        ),
        tag("p", "Everything on this page is in search.json."),
    )
