"""Profiles models on boards: everything is brought, measured there, fetched and removed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from edgelstm.devices.plan import ENGINE_MISSING, Plan
from edgelstm.devices.processes import join
from edgelstm.devices.profiling import MOST_DATA_FRAMES
from edgelstm.devices.remote.session import BoardError, Session, plain, printable
from edgelstm.devices.remote.target import Target, check_room, choose_wheel
from edgelstm.devices.report import Report, Skipped, parse_report

_MOST_DATA = 64 << 20
_SLACK = 300.0  # seconds for starting Python, engines and large models on a slow board
_MODEL_AT_FAULT = 1  # the agent's exit code


@dataclass(frozen=True)
class Outcome:
    """What came of one board: a report, or why there is none."""

    target: Target
    result: Report | BoardError | ValueError


def profile_boards(
    targets: Sequence[Target],
    models: Sequence[Path],
    plan: Plan,
    *,
    on_progress: Callable[[str, str], None] = lambda _host, _what: None,
) -> tuple[Outcome, ...]:
    """Measure `models` on every board, all boards at the same time. A board that fails leaves the others alone.

    FileNotFoundError for a file that cannot be opened here; ValueError for one that is no model. What an
    Outcome holds instead of a report: BoardError, or ValueError when the model or the wheel is at fault.
    on_progress: called from several threads with a host and what it is at.
    """
    contents = [_content(path) for path in models]
    for target in targets:
        target.wheels.stat()
    data = _head(Path(plan.data)) if plan.data else None
    sessions: list[Session] = []

    def one(target: Target) -> Outcome:
        try:
            session = Session(target.host, python=target.python)
            sessions.append(session)
            on_progress(target.host, "connecting")
            with session:
                return Outcome(target, _profile(session, target, models, contents, data, plan, on_progress))
        except (BoardError, ValueError) as error:
            return Outcome(target, error)

    pool = ThreadPoolExecutor(len(targets))
    try:
        return tuple(pool.map(one, targets))
    except BaseException:
        for session in sessions:
            session.abort()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _profile(
    session: Session,
    target: Target,
    models: Sequence[Path],
    contents: Sequence[bytes],
    data: bytes | None,
    plan: Plan,
    on_progress: Callable[[str, str], None],
) -> Report:
    host = session.host
    wheel, package = choose_wheel(session, target.wheels)
    check_room(session, package, sum(map(len, contents)) + len(data or b""))
    on_progress(host, f"sending {wheel.name}")
    session.put(wheel.name, package)
    session.unpack(wheel.name, "package")
    environment = {
        "PYTHONPATH": f"{session.facts.folder}/package",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    if data is not None and plan.data is not None:
        name = f"data/{Path(plan.data).name}"
        session.put(name, data)
        plan = replace(plan, data=name)
    reports: list[Report] = []
    skipped: list[Skipped] = []
    for number, (path, content) in enumerate(zip(models, contents)):
        name = f"{number}/{path.name}"
        session.put(name, content)
        on_progress(host, f"measuring {path.name}")
        done = session.run(
            [None, "-P", "-m", "edgelstm.devices.agent", f"--plan={plan.to_argument()}", "--", name],
            environment=environment,
            seconds=1.5 * (plan.seconds + plan.paced_seconds + plan.duration + plan.wait) + _SLACK,
            what=f"measuring {path.name}",
        )
        if done.code == ENGINE_MISSING and done.errors:
            skipped.append(Skipped(path.name, plain(done.errors[-1]).removeprefix(f"{number}/")))
            continue
        if done.code:
            problem = done.problem(f"measuring {path.name}").removeprefix(f"{number}/")
            if done.code == _MODEL_AT_FAULT and not any("Traceback" in line for line in done.errors):
                raise ValueError(f"{host}: {plain(problem)}")
            raise BoardError(host, problem)
        reports.append(_read_report(session, done.out, f"its report on {path.name}", content))
    on_progress(host, "done")
    try:
        return join(reports, skipped)
    except ImportError as error:
        raise BoardError(host, str(error)) from None


def _read_report(session: Session, text: bytes, what: str, model: bytes) -> Report:
    """The board's word, checked: a report, on the model that was sent, with text that can be printed."""
    where = f"{session.host}: {what}"
    try:
        report = parse_report(json.dumps(printable(json.loads(text))), where)
    except (ValueError, RecursionError) as error:
        raise BoardError(session.host, str(error).removeprefix(f"{session.host}: ")) from None
    if [run.model.sha256 for run in report.runs] != [hashlib.sha256(model).hexdigest()]:
        raise BoardError(session.host, f"{what} is on another model")
    return report


def _content(path: Path) -> bytes:
    """The model's bytes. A bad `.elstm` is found here, before any board is asked."""
    if path.suffix.lower() == ".elstm":
        from edgelstm.runtime import Model

        Model(path)
    return path.read_bytes()


def _head(path: Path) -> bytes:
    """The part of a file with frames that a profile uses: it may be a long recording."""
    with path.open("rb") as file:
        lines = b"".join(islice(file, MOST_DATA_FRAMES + 1))
    if len(lines) > _MOST_DATA:
        raise ValueError(f"{path}: more than {_MOST_DATA >> 20} MiB in its first {MOST_DATA_FRAMES} lines")
    return lines
