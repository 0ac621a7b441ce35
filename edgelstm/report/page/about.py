"""What the model is, what it was made of, and what it costs on boards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgelstm.devices.units import show_rate
from edgelstm.page.markup import Markup, facts, table, tag
from edgelstm.plain import counted
from edgelstm.report.page.text import NONE, number, sign
from edgelstm.report.record import ModelReport

_MOST_LISTED = 12


def subtitle(report: ModelReport) -> str:
    about, judged = report.about, report.judged
    road = " → ".join(f"{layer.kind} {layer.channels}" for layer in about.layers)
    windows = f" in {counted(judged.sequences, 'window')}" if judged.sequences != judged.recordings else ""
    recordings = counted(judged.recordings, "recording")
    asked = f"{judged.name}: {judged.part}, {counted(judged.frames, 'frame')} of {recordings}{windows}"
    return f"{about.task}, {road}, {about.weights:,} weights. Judged on {asked}."


def costs_section(report: ModelReport) -> list[Markup]:
    """Empty where no profile was made of it."""
    if not report.costs:
        return []
    rows = [
        [
            tag("a", cost.file, href=cost.page),
            cost.board,
            f"{cost.precision}, {cost.engine}",
            f"{number(cost.p50_us)} µs",
            f"{number(cost.p99_us)} µs",
            f"{cost.bytes:,}",
            _whole(cost.stream_bytes),
        ]
        for cost in report.costs
    ]
    header = ["profile", "board", "precision", "p50 of a frame", "p99", "bytes of the file", "bytes of a stream"]
    return [tag("h2", "What a frame costs"), table(header, rows)]


def about_section(report: ModelReport) -> list[Markup]:
    about = report.about
    layers = [
        [layer.name, layer.kind, f"{layer.rows} × {layer.channels}", f"{layer.weights:,}", f"{layer.every}"]
        for layer in about.layers
    ]
    files = [[file.precision, f"{file.bytes:,}", _whole(file.stream_bytes), file.sha256[:12]] for file in about.files]
    recipe = facts((name, _shown(value)) for name, value in _flat(about.recipe))
    return [
        tag("h2", "Model"),
        tag("div", tag("h3", "What it is"), facts(_facts(report)), class_="card pairs"),
        tag("h3", "Layers"),
        table(["", "kind", "result", "weights", "runs every, frames"], layers),
        tag("h3", "As .elstm files"),
        table(["", "bytes", "bytes of a stream", "SHA-256"], files),
        *([tag("h3", "Recipe"), tag("div", recipe, class_="card pairs")] if about.recipe else []),
    ]


def _facts(report: ModelReport) -> Iterator[tuple[str, str]]:
    about = report.about
    yield "file", f"{about.file}, {about.bytes:,} bytes, SHA-256 {about.sha256[:12]}"
    yield "input", _listed(about.features)
    yield "output", _listed(about.outputs)
    yield "rate", show_rate(about.sample_rate) if about.sample_rate else "not known"
    window = f" of {counted(about.window, 'frame')}" if about.window else ""
    every = "only when asked" if not about.hop else "every frame" if about.hop == 1 else f"every {about.hop:,} frames"
    yield "answer", f"{about.pooling}{window}, {every}"
    frames = f", {counted(about.trained_frames, 'frame')}" if about.trained_frames else ""
    yield "trained on", (about.trained_on or "not known") + frames
    if about.data_sha256:
        yield "data's SHA-256", about.data_sha256[:12]
    if about.best_epoch:
        yield "epoch", str(about.best_epoch)
    yield from about.versions.items()
    yield "licence", about.licence or "not said"
    yield "report made", f"{report.made_at[:16].replace('T', ' ')} UTC, EdgeLSTM {report.edgelstm}"


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    shown = ", ".join(sign(name).removesuffix("\n") for name in names[:_MOST_LISTED])
    return f"{len(names):,}: {shown}{more}"


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _whole(count: int | None) -> str:
    return NONE if count is None else f"{count:,}"


def _shown(value: object) -> str:
    text = "none" if value in (None, [], "") else str(value)
    return text if len(text) <= 300 else f"{text[:299]}…"
