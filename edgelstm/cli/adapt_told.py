"""What `edgelstm adapt` says of what it came to."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph, plain, table
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.adaptation.negatives import Quiet
    from edgelstm.adaptation.report import Compared, Judged, Report
    from edgelstm.export import Export

_MOST_GROUPS, _MOST_COLUMNS, _MOST_CLIPS, _MOST_PAIRS = 12, 4, 3, 4
_NOT_FOR_IT = "; --accept-harm takes what harms, not what is no better or by chance"
_TELLING = 3  # events in hours without one, by which a rate is below one in so many hours with 95 %: exp(-3)


def note_numpy() -> None:
    """A line where the C library of training is not there."""
    from edgelstm.training.kernels import description

    if description() == "numpy":
        text = "this installation has no C library for training: numpy learns instead, which takes longer"
        click.echo(paragraph(text, "note: ", "      "), err=True)


def note_known(seen: int, count: int) -> None:
    """A line where recordings to judge by are some that the model has learned from."""
    if seen:
        text = (
            f"--known: {seen} of {counted(count, 'recording')} begin as some that the model has learned from: it "
            "knows them already, and on others may be worse"
        )
        click.echo(paragraph(text, "note: ", "      "), err=True)


def why_refused(report: Report, accepts_harm: bool) -> str:
    """Empty where the new model is taken."""
    if not (report.is_better and report.evidence.is_enough):
        why = _chance(report) if report.is_better else _no_better(report)
        return f"{why}{_NOT_FOR_IT if accepts_harm else ''}"
    if accepts_harm:
        return ""
    if report.disagrees:
        return f"{_doubted(report)} (--accept-harm takes it all the same)"
    if report.untaught and (report.kept is None or report.kept.is_harm):
        return _untaught(report)
    harmed = [f"label {plain(name, 40)}: {_counts(report.labels[name])}" for name in report.lost]
    harmed += [f"group {plain(name, 40)}: {_change(report.groups[name])}" for name in report.harmed]
    if report.known is not None and report.known.is_harm:
        harmed.append(f"what was known before: {_change(report.known)}")
    more = f" and {len(harmed) - 3} more" if len(harmed) > 3 else ""
    if harmed:
        return f"it harms {'; '.join(harmed[:3])}{more} (--accept-harm takes it all the same)"
    return f"{_exchanged(report)[0]} (--accept-harm takes it all the same)" if report.exchanged else ""


def _no_better(report: Report) -> str:
    """What would help: nothing where all were right before, but clips of labels that have none."""
    help_by = "more clips of each label help"
    if report.before.right == report.before.of:
        help_by = "there is nothing that these clips could teach"
    if report.untaught:
        help_by += f"; no clips of {_names(report.untaught)}"
    shares = f"{_share(report.int8)} of the decisions are right, {_share(report.before)} before"
    return f"on clips held out {shares}: {help_by}"


def _names(labels: Sequence[str]) -> str:
    return ", ".join(plain(name, 20) for name in labels[:4]) + (", …" if len(labels) > 4 else "")


def _chance(report: Report) -> str:
    found = report.evidence
    if not found.is_learned:
        return (
            f"clips held out cost {report.int8.cost:.3f} a decision, not surely less (two standard errors) than "
            f"guessing by how frequent labels are, {found.guess:.3f}: too few to say, or wrong labels"
        )
    return (
        f"of the clips held out {found.won} are decided better and {found.lost} worse, by chance with a probability "
        f"of {found.chance:.2g}: too few to say, more clips help"
    )


def _untaught(report: Report) -> str:
    judged = "" if report.kept is None else f", and of recordings of these {_right(report.kept)}"
    return (
        f"no clips of {_names(report.untaught)}{judged}: what is not taught is forgotten. Give clips of each label, "
        "or --known with recordings of these (--accept-harm takes it all the same)"
    )


def _forgotten(report: Report) -> str:
    """Empty where recordings of before are no worse off, or where --known says so."""
    if not report.forgets or report.known is not None:
        return ""
    if report.carried is not None:
        what = f"of the recordings that the model carries {_right(report.carried)}"
    else:
        what = (
            f"{style.percent(1 - (report.same or 0))} of the recordings that the model carries are decided otherwise"
        )
    return (
        f"it forgets: {what}. If it is also to serve whom the clips are not of (another person, the other arm), give "
        "clips of these too, or judge by --known; or labels are wrong: look through them"
    )


def _exchanged(report: Report) -> list[str]:
    lines = []
    for ring in report.exchanged:
        pairs = [f"{plain(a, 20)} as {plain(b, 20)}" for a, b in zip(ring, (*ring[1:], ring[0]))]
        heard = ", ".join(pairs[:_MOST_PAIRS]) + (", …" if len(pairs) > _MOST_PAIRS else "")
        lines.append(f"most clips are heard by other names, of {heard}: are these labels exchanged?")
    return lines


def _doubted(report: Report) -> str:
    names = list(report.doubted)[:_MOST_CLIPS]
    heard = ", ".join(f"{plain(name, 30)} ({plain(report.doubted[name], 20)})" for name in names)
    more = ", …" if len(report.doubted) > len(names) else ""
    return (
        f"{len(report.doubted):,} of {counted(report.clips - report.rehearsed, 'clip')} are surely something else, "
        f"before and by what the others taught: {heard}{more}. Are their labels right?"
    )


def _more(count: int, what: str) -> str:
    return counted(count, f"more {what}")


def _right(found: Compared) -> str:
    return f"{_share(found.before)} were right, {_share(found.after)} are now"


def _share(judged: Judged) -> str:
    return style.percent(judged.share)


def _duration(hours: float) -> str:
    seconds = hours * 3600
    return f"{seconds:.3g} s" if seconds < 60 else f"{hours * 60:.3g} min" if hours < 1 else f"{hours:.3g} h"


def _counts(found: Compared) -> str:
    return f"{found.before.right} of {found.before.of} right before, {found.after.right} after"


def _change(found: Compared) -> str:
    return f"{_share(found.before)} before, {_share(found.after)} after"


def print_json(
    output: Path | None, report: Report | None, refusal: str, exported: Export | None, quiet: Mapping[str, Quiet]
) -> None:
    from edgelstm.records import to_json

    proof = None if exported is None or exported.proof is None else exported.proof.to_json()
    result = {
        "output": None if output is None else str(output),
        "refused": refusal or None,
        **({} if report is None else to_json(report)),
        "negatives": {label: to_json(one) for label, one in quiet.items()},
        "elstm": None if exported is None else str(exported.path),
        "proof": proof,
    }
    click.echo(json.dumps(result, allow_nan=False))


def show(
    output: Path, report: Report | None, refusal: str, exported: Export | None, quiet: Mapping[str, Quiet]
) -> None:
    if report is not None:
        _show_report(report)
    for label, one in quiet.items():
        moved = (
            f"stays at {one.threshold:g}" if one.threshold == one.before else f"{one.before:g} → {one.threshold:g}"
        )
        events = counted(one.false, "false event")
        was = f", {one.false_before:,} before" if one.threshold != one.before else ""
        text = f"event {plain(label, 40)}: threshold {moved}, {events} in {_duration(one.hours)}{was}"
        click.echo(paragraph(text + _missed(one), "  · ", "    "))
    if refusal:
        return
    is_proven = exported is None or exported.proof is None or exported.proof.passed
    if is_proven:
        text = f"{output}: "
        if report is not None:
            what = f", all layers, {counted(report.rounds, 'round')}" if report.rounds else ""
            text += f"learned from {counted(report.clips, 'clip')}, strength {report.strength:g}{what}"
        else:
            text += f"thresholds of {counted(len(quiet), 'event')}"
        click.echo(style.passed(paragraph(text, "", "  ")))
    if exported is not None and exported.proof is not None:
        from edgelstm.cli.show.export import marked

        text = f"{exported.path}: {exported.size:,} bytes, proof {exported.proof.verdict}"
        click.echo(marked(exported.proof, paragraph(text, "", "  ")))
        if not is_proven:
            click.echo(paragraph(f"{output}: not written without its file", "  ", "  "))


def show_next(output: Path, exported: Export | None) -> None:
    if exported is None:
        click.echo(f"Next: edgelstm export {shlex.quote(str(output))}")


def _saturating(report: Report) -> list[str]:
    lines = [
        f"column {plain(name, 40)}: {style.percent(one.share)} of the clips lie outside of what int8 holds, "
        f"{one.low:.4g} to {one.high:.4g}: they go from {one.least:.4g} to {one.most:.4g}"
        for name, one in list(report.outside.items())[:_MOST_COLUMNS]
    ]
    if len(report.outside) > _MOST_COLUMNS:
        lines.append(f"and {_more(len(report.outside) - _MOST_COLUMNS, 'column')} (--json has all)")
    if report.outside:
        kept = "stays: clips held out are no better by a wider one. What lies outside saturates"
        lines.append(f"int8's range {'was widened by the clips' if report.widened else kept}")
    return lines


def _missed(one: Quiet) -> str:
    """What an event tells of recordings of its label, where there are some."""
    if not one.of:
        return ""
    whose = "that taught it" if one.learned else "that the model carries"
    was = f", {one.found_before:,} before" if one.threshold != one.before else ""
    return f"; of {counted(one.of, 'recording')} of it {whose} {one.found:,} are told{was}"


def _show_report(report: Report) -> None:
    shown = [("before, int8", report.before), ("float32", report.float32), ("int8", report.int8)]
    if report.head is not None and report.rounds:
        shown.insert(1, ("last layer, int8", report.head))
    rows = [[name, f"{one.right} of {one.of}", _share(one), f"{one.cost:.3f}"] for name, one in shown]
    click.echo(table(["held out", "right", "share", "cost"], rows, ""))
    if report.rehearsed:
        text = f"{report.rehearsed:,} of {counted(report.clips, 'clip')} are rehearsed: they teach, and judge nothing"
        click.echo(paragraph(text, "  · ", "    "))
    for text in _saturating(report):
        click.echo(paragraph(text, "  · ", "    "))
    if report.head is not None and not report.rounds:
        text = "--layers: all layers are no better on clips held out than the last one alone, which was taken"
        click.echo(paragraph(text, "  · ", "    "))
    for name in report.fallen[:_MOST_GROUPS]:
        text = f"label {plain(name, 40)}: {_counts(report.labels[name])}"
        click.echo(paragraph(text, "  · ", "    "))
    if len(report.fallen) > _MOST_GROUPS:
        click.echo(f"  · and {_more(len(report.fallen) - _MOST_GROUPS, 'label')} (--json has all)")
    for name in list(report.groups)[:_MOST_GROUPS]:
        click.echo(paragraph(f"group {plain(name, 40)}: {_change(report.groups[name])}", "  · ", "    "))
    if len(report.groups) > _MOST_GROUPS:
        click.echo(f"  · and {_more(len(report.groups) - _MOST_GROUPS, 'group')} (--json has all)")
    if report.known is not None:
        click.echo(paragraph(f"known before: {_change(report.known)}", "  · ", "    "))
    if report.carried is not None:
        click.echo(paragraph(f"what the model carries: {_change(report.carried)}", "  · ", "    "))
        for name in list(report.less)[:_MOST_GROUPS]:
            click.echo(paragraph(f"label {plain(name, 40)} of it: {_counts(report.less[name])}", "  · ", "    "))
        if len(report.less) > _MOST_GROUPS:
            click.echo(f"  · and {_more(len(report.less) - _MOST_GROUPS, 'label')} (--json has all)")
    elif report.same is not None:
        text = f"of the recordings that the model carries {style.percent(report.same)} are decided as before"
        click.echo(paragraph(text, "  · ", "    "))
    elif report.known is None:
        text = "the model carries no recordings: clips held out are the judge; --known asks whether it forgets"
        click.echo(paragraph(text, "  · ", "    "))


def warn(report: Report | None, refusal: str, quiet: Mapping[str, Quiet]) -> None:
    """On stderr: why it was refused, else what may surprise."""
    if refusal:
        click.echo(paragraph(refusal, style.failed("refused: "), "  "), err=True)
        for text in () if report is None else _exchanged(report):
            if not refusal.startswith(text):
                click.echo(paragraph(text, "warning: ", "  "), err=True)
        return
    if report is not None and (fallen := [plain(name, 30) for name in report.fallen]):
        names = ", ".join(fallen[:3]) + (f" and {len(fallen) - 3} more" if len(fallen) > 3 else "")
        text = f"told less often than before, or never: {names}. More clips of these help"
        click.echo(paragraph(text, "warning: ", "  "), err=True)
    if report is not None:
        for text in [*_exchanged(report), *([_doubted(report)] if report.doubted else [])]:
            click.echo(paragraph(text, "warning: ", "  "), err=True)
    if report is not None and (less := [plain(name, 30) for name in report.less]):
        names = ", ".join(less[:3]) + (f" and {len(less) - 3} more" if len(less) > 3 else "")
        text = f"of what the model carries told less often than before, more than by chance: {names}"
        click.echo(paragraph(text, "warning: ", "  "), err=True)
    if report is not None and (forgotten := _forgotten(report)):
        click.echo(paragraph(forgotten, "warning: ", "  "), err=True)
    loud = [label for label, one in quiet.items() if not one.holds]
    if loud:
        names = ", ".join(plain(label, 30) for label in loud[:3]) + (", …" if len(loud) > 3 else "")
        text = f"no threshold keeps {names} to the false events that --most-false allows: the fewest were taken"
        click.echo(paragraph(text, "warning: ", "  "), err=True)
    short = next((one for one in quiet.values() if 0 < one.most * one.hours < _TELLING), None)
    if short is not None:
        needed = f"{_duration(_TELLING / short.most)} or more"
        rate = f"{short.most:g} {'event' if short.most == 1 else 'events'} an hour"
        text = f"{_duration(short.hours)} of --negatives say little of {rate}, expected {needed}"
        click.echo(paragraph(text, "note: ", "  "), err=True)
