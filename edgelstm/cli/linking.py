"""Profiles and models' reports, brought together: which run is of which model, and links between their pages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from edgelstm.devices.profiling.page import Quality
    from edgelstm.devices.profiling.report import Report, Run
    from edgelstm.report import ModelReport

_OWN = ".elstm"


@dataclass(frozen=True)
class Profile:
    """One report of a profile, and the file that it is in."""

    path: Path
    report: Report


@dataclass(frozen=True)
class Found:
    """A model's report, and the file that it is in."""

    path: Path
    report: ModelReport


def read_all(paths: Sequence[Path]) -> tuple[list[Profile], list[Found]]:
    """(profiles, models' reports) in the files, and those beside a profile: in NAME.run for a
    run of NAME-int8.elstm.
    ValueError, one line, for a file that is neither, and without any profile."""
    from edgelstm.devices.profiling.report import parse_reports
    from edgelstm.records import load
    from edgelstm.report.record import MOST_BYTES, ModelReport, is_report, read_report

    profiles: list[Profile] = []
    found: dict[Path, Found] = {}
    for path in paths:
        value = load(path, MOST_BYTES)
        if is_report(value):
            found[path.resolve()] = Found(path, ModelReport.from_json(value, str(path)))
        else:
            profiles += [Profile(path, report) for report in parse_reports(value, str(path))]
    if not profiles:
        raise ValueError(f"{paths[0]}: a model's report, whose page is there; expected a profile with it")
    for profile in profiles:
        for run in profile.report.runs:
            for beside in _beside(profile.path, run):
                if beside.resolve() not in found:
                    found[beside.resolve()] = Found(beside, read_report(beside))
    return profiles, list(found.values())


def _beside(path: Path, run: Run) -> list[Path]:
    """Records in the folders of runs beside a profile, of models whose names begin the file's."""
    from edgelstm.cli.reporting import RECORD

    folders = sorted(path.parent.glob("*.run"))
    return [folder / RECORD for folder in folders if _is_named(run, folder) and (folder / RECORD).is_file()]


def _is_named(run: Run, model: Path | str) -> bool:
    """Whether the file of a run is called after a model, as export does: model.elstm, model-int8.elstm."""
    name, stem = Path(run.model.file).stem, Path(model).stem
    return name == stem or name.startswith(f"{stem}-")


def quality_of(run: Run, found: Sequence[Found], output: Path) -> Quality | None:
    """What is known of the score of the file that was run: of the very file, or, of other engines' float32, of the
    model of its name. The link is from the page at `output`."""
    from edgelstm.cli.show.style import figure
    from edgelstm.devices.profiling.page import Quality

    for one in found:
        precision = _precision(run, one.report)
        if precision is None:
            continue
        told = [result for result in one.report.results if result.precision == precision]
        fresh = next((result for result in told if not result.streamed), None)
        streamed = next((result for result in told if result.streamed), None)
        if fresh is None:
            continue
        return Quality(
            fresh.figures[0].name,
            figure(fresh.figures[0]),
            None if streamed is None else figure(streamed.figures[0]),
            one.report.judged.name,
            _link(one.path.with_suffix(".html"), output),
        )
    return None


def _precision(run: Run, report: ModelReport) -> str | None:
    """Which precision of the model the file of a run is; None where it is not known to be of that model."""
    for file in report.about.files:
        if file.sha256 == run.model.sha256:
            return file.precision
    is_foreign = Path(run.model.file).suffix != _OWN and run.model.precision == "float32"
    if is_foreign and _is_named(run, report.about.file):
        return "float32"
    return None


def with_costs(one: Found, profiles: Sequence[Profile], output: Path) -> ModelReport:
    """The model's report with what profiles say of its files, on the page at `output`; others stay."""
    from edgelstm.devices.profiling.histogram import figure
    from edgelstm.records import Unavailable
    from edgelstm.report.record import Cost

    costs: dict[tuple[str, str, str], Cost] = {(c.file, c.board, c.engine): c for c in one.report.costs}
    for profile in profiles:
        for run in profile.report.runs:
            if _precision(run, one.report) is None:
                continue
            phase, stream = run.latency.flat, run.model.stream_bytes
            p50, p99 = (
                None if isinstance(phase, Unavailable) else _known(figure(phase.spread, name))
                for name in ("p50_us", "p99_us")
            )
            cost = Cost(
                run.model.file,
                run.model.engine,
                run.model.precision,
                profile.report.board.name,
                profile.report.measured_at,
                p50,
                p99,
                run.model.size,
                None if isinstance(stream, Unavailable) else stream,
                _link(output, one.path),
            )
            costs[cost.file, cost.board, cost.engine] = cost
    return replace(one.report, costs=tuple(costs.values()))


def _known(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _link(target: Path, page: Path) -> str:
    """From the folder of `page` to `target`."""
    relative = os.path.relpath(target.resolve(), page.resolve().parent)
    return quote(Path(relative).as_posix())


def qualities(profiles: Sequence[Profile], found: Sequence[Found], output: Path) -> Mapping[str, Quality]:
    """By the SHA-256 of the files that were run."""
    of_runs = [(run, quality_of(run, found, output)) for profile in profiles for run in profile.report.runs]
    return {run.model.sha256: quality for run, quality in of_runs if quality is not None}
