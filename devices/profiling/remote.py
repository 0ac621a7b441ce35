"""Profiles models on boards: everything is brought, measured there, fetched and removed again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from edgelstm.devices.frames import MOST_FRAMES
from edgelstm.devices.profiling.plan import BAD_CONTENT, ENGINE_MISSING, Plan
from edgelstm.devices.profiling.processes import AgentEnd, collect
from edgelstm.devices.profiling.report import Report
from edgelstm.devices.remote.session import BoardError, Session, printable
from edgelstm.devices.remote.target import Target, check_room, choose_wheel, see_wheels
from edgelstm.records import parse_json

_MOST_DATA = 64 << 20
_SLACK = 300.0  # seconds for starting Python, engines and large models on a slow board
_TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True)
class Outcome:
    """What came of one board: a report, or why there is none."""

    target: Target
    result: Report | BoardError | ValueError


@dataclass(frozen=True)
class _Given:
    """What every board gets."""

    paths: tuple[Path, ...]
    models: dict[Path, bytes]
    data: bytes | None
    plan: Plan


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
    data = _head(Path(plan.data)) if plan.data else None
    given = _Given(tuple(models), {path: _content(path) for path in models}, data, plan)
    for target in targets:
        see_wheels(target)
    sessions: list[Session] = []

    def one(target: Target) -> Outcome:
        try:
            session = Session(target.host, python=target.python)
            sessions.append(session)
            on_progress(target.host, "connecting")
            with session:
                return Outcome(target, _profile(session, target, given, on_progress))
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


def _profile(session: Session, target: Target, given: _Given, on_progress: Callable[[str, str], None]) -> Report:
    host, plan = session.host, given.plan
    wheel, package = choose_wheel(session, target.wheels)
    check_room(session, package, sum(map(len, given.models.values())) + len(given.data or b""))
    on_progress(host, f"sending {wheel.name}")
    session.put(wheel.name, package)
    session.unpack(wheel.name, "package")
    if given.data is not None and plan.data is not None:
        name = f"data/{Path(plan.data).name}"
        session.put(name, given.data)
        plan = replace(plan, data=name)

    def launch(path: Path, plan: Plan, tell: Callable[[str], None]) -> AgentEnd:
        return _launch(session, path.name, given.models[path], plan, tell)

    try:
        return collect(list(given.paths), plan, launch, lambda line: on_progress(host, line))
    except ImportError as error:  # no engine there
        raise BoardError(host, str(error)) from None
    except ValueError as error:
        raise ValueError(f"{host}: {error}") from None


def _launch(session: Session, name: str, model: bytes, plan: Plan, tell: Callable[[str], None]) -> AgentEnd:
    """The agent for one model on a board where EdgeLSTM is unpacked. BoardError where it ends as no agent does."""
    what, file = f"measuring {name}", f"model/{name}"
    session.put(file, model)
    done = session.run(
        [None, "-P", "-m", "edgelstm.devices.profiling.agent", f"--plan={plan.to_argument()}", "--", file],
        environment={
            "PYTHONPATH": f"{session.facts.folder}/package",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        seconds=1.5 * (plan.seconds + plan.paced_seconds + plan.duration + plan.wait) + _SLACK,
        what=what,
        tell=tell,
    )
    word = done.problem(what).removeprefix("model/")
    if done.code not in (0, BAD_CONTENT, ENGINE_MISSING) or _TRACEBACK in done.errors:
        raise BoardError(session.host, word)
    report = None if done.code else _report(session, done.out, name, model)
    return AgentEnd(done.code, report, word)


def _report(session: Session, text: bytes, name: str, model: bytes) -> Report:
    """The board's word: a report, on the model that was sent, with text that can be printed."""
    what = f"its report on {name}"
    try:
        report = Report.from_json(printable(parse_json(text, what)), what)
    except (ValueError, RecursionError) as error:
        raise BoardError(session.host, str(error)) from None
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
        lines = b"".join(islice(file, MOST_FRAMES + 1))
    if len(lines) > _MOST_DATA:
        raise ValueError(f"{path}: more than {_MOST_DATA >> 20} MiB in its first {MOST_FRAMES} lines")
    return lines
