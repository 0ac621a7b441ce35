"""Profiles models on this machine, each in a process of its own so that none pays for another's memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from edgelstm.devices.profiling.plan import ENGINE_MISSING, FILE_MISSING, Plan
from edgelstm.devices.profiling.proven import agreement_of
from edgelstm.devices.profiling.report import Report, Skipped, parse_report
from edgelstm.plain import file_name

Tell = Callable[[str], None]
"""Is told a line of progress; the empty one says that nothing is under way any more."""


@dataclass(frozen=True)
class AgentEnd:
    """How an agent ended."""

    status: int  # exit status; below 0 the signal that ended it
    report: Report | None  # where the status is 0
    word: str  # the last line of its stderr: why it failed, if it did


Launch = Callable[[Path, Plan, Tell], AgentEnd]
"""Runs the agent for one model to its end: here, or on a board."""


def launch_here(path: Path, plan: Plan, tell: Tell = lambda _: None) -> AgentEnd:
    """The agent in a fresh Python on this machine. However this ends, the agent ends with it."""
    # -P: what lies in the current folder must not be imported
    command = [sys.executable, "-P", "-m", "edgelstm.devices.profiling.agent"]
    command += [f"--parent={os.getpid()}", f"--plan={plan.to_argument()}", "--", str(path)]
    with tempfile.TemporaryFile() as out:
        agent = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE
        )
        word = ""
        try:
            assert agent.stderr is not None
            for line in agent.stderr:
                if text := line.decode("utf-8", "replace").strip():
                    word = text
                    tell(text)
            status = agent.wait()
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
            if agent.stderr is not None:
                agent.stderr.close()
        out.seek(0)
        report = None if status else parse_report(out.read(), f"the profile of {path}")
        return AgentEnd(status, report, word)


def profile(paths: Sequence[Path], plan: Plan | None = None, tell: Tell = lambda _: None) -> Report:
    """Measure each of `paths` on this machine; that every file is there is seen before the first is measured.

    Errors as those of `collect`.
    """
    plan = plan or Plan()
    for path in [*paths, *([Path(plan.data)] if plan.data else [])]:
        path.open("rb").close()
    return collect(paths, plan, launch_here, tell)


def collect(paths: Sequence[Path], plan: Plan, launch: Launch, tell: Tell = lambda _: None) -> Report:
    """One model after another by `launch`, as one report.

    A model whose engine the machine lacks is left out, with the reason in `Report.skipped`, unless it is the only
    one. FileNotFoundError for a file that cannot be opened, ImportError where no model's engine is there,
    ValueError for whatever else went wrong, in one line.
    """
    reports: list[Report] = []
    skipped: list[Skipped] = []
    for path in paths:
        tell(f"profiling {path}")
        ended = launch(path, plan, tell)
        if ended.status == ENGINE_MISSING and ended.word:
            skipped.append(Skipped(file_name(path), ended.word))
        else:
            reports.append(_with_proof(ended.report or _fail(path, ended), path))
    tell("")
    return join(reports, skipped)


def _with_proof(report: Report, path: Path) -> Report:
    """The proof lies beside the file here, wherever it was measured."""
    agrees = agreement_of(path)
    runs = tuple(replace(run, model=replace(run.model, agrees=agrees)) for run in report.runs)
    return replace(report, runs=runs)


def join(reports: Sequence[Report], skipped: Sequence[Skipped]) -> Report:
    """Reports of one board as one. ImportError where there is none: with the reason why the first was left out."""
    if not reports:
        raise ImportError(skipped[0].reason)
    first = reports[0]
    return Report(first.measured_at, first.board, tuple(run for one in reports for run in one.runs), tuple(skipped))


def _fail(path: Path, ended: AgentEnd) -> NoReturn:
    if ended.status < 0:
        raise ValueError(f"{path}: profiling it was ended by {signal.Signals(-ended.status).name}")
    problem = ended.word or f"{path}: profiling it ended with {ended.status} and no word"
    raise (FileNotFoundError if ended.status == FILE_MISSING else ValueError)(problem)
