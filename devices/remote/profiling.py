"""Profiles models on boards: everything is brought, measured there, fetched and removed again."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from edgelstm.devices.plan import Plan
from edgelstm.devices.profiling import MOST_DATA_FRAMES
from edgelstm.devices.remote.session import BoardError, Facts, Session, plain
from edgelstm.devices.report import Report, parse_report
from edgelstm.devices.wheels import check_wheel, find_wheel

LEAST_NUMPY = (1, 24)
_MARGIN = 1 << 20  # bytes that stay free on a board
_MOST_DATA = 64 << 20
_SLACK = 300.0  # seconds for starting Python, engines and large models on a slow board
_MODEL_AT_FAULT = 1  # the agent's exit code


@dataclass(frozen=True)
class Target:
    """A board and what to use there."""

    host: str  # as ssh takes it
    python: str = "python3"  # a name on its PATH, an absolute path, or one from the home folder
    wheels: Path = Path("dist")  # a wheel, or a folder with wheels for several kinds of boards


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
    wheel = bring_wheel(session, target.wheels, sum(map(len, contents)) + len(data or b""), on_progress)
    if data is not None and plan.data is not None:
        name = f"data/{Path(plan.data).name}"
        session.put(name, data)
        plan = replace(plan, data=name)
    runs: list[Any] = []
    for number, (path, content) in enumerate(zip(models, contents)):
        name = f"{number}/{path.name}"
        session.put(name, content)
        on_progress(host, f"measuring {path.name}")
        done = session.run(
            [None, "-P", "-m", "edgelstm.devices.agent", f"--plan={plan.to_argument()}", "--", name],
            environment=wheel,
            seconds=1.5 * (plan.seconds + plan.paced_seconds + plan.duration + plan.wait) + _SLACK,
            what=f"measuring {path.name}",
        )
        if done.code:
            problem = done.problem(f"measuring {path.name}").removeprefix(f"{number}/")
            if done.code == _MODEL_AT_FAULT and "Traceback" not in done.errors:
                raise ValueError(f"{host}: {plain(problem)}")
            raise BoardError(host, problem)
        report = _read_report(session, done.out, f"its report on {path.name}", content)
        runs += report.runs
    on_progress(host, "done")
    return Report(report.board, tuple(runs))


def bring_wheel(session: Session, wheels: Path, more: int, on_progress: Callable[[str, str], None]) -> dict[str, str]:
    """Check that EdgeLSTM can run on the board and bring it there; the environment that a program needs for it.

    more: bytes that will be sent besides.
    """
    facts, host = session.facts, session.host
    _check_numpy(host, facts)
    wheel = _wheel(host, facts, wheels)
    content = wheel.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    needed = len(content) + unpacked + more + _MARGIN
    if facts.free < needed:
        raise BoardError(
            host, f"{facts.free / 2**20:.1f} MiB free in {facts.folder}, {needed / 2**20:.1f} MiB are needed"
        )
    on_progress(host, f"sending {wheel.name}")
    session.put(wheel.name, content)
    session.unpack(wheel.name, "package")
    return {
        "PYTHONPATH": f"{facts.folder}/package",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _wheel(host: str, facts: Facts, wheels: Path) -> Path:
    """The wheel for the board's Python, looked into. ValueError for a wheel that was named and does not suit."""
    architecture = facts.architecture
    try:
        if wheels.is_dir():
            return find_wheel(architecture, facts.libc, [wheels])
    except (FileNotFoundError, ValueError) as error:
        raise BoardError(host, str(error)) from None
    try:
        needs = check_wheel(wheels, architecture).glibc
    except ValueError as error:
        raise ValueError(f"{host}: {error}") from None
    has = re.fullmatch(r"glibc (\d{1,3})\.(\d{1,3}).*", facts.libc)
    if not has or (int(has[1]), int(has[2])) < needs:
        raise BoardError(
            host, f"its C library is {facts.libc or 'unknown'}, {wheels} needs glibc {needs[0]}.{needs[1]}"
        )
    return wheels


def _check_numpy(host: str, facts: Facts) -> None:
    least = ".".join(map(str, LEAST_NUMPY))
    if not facts.numpy:
        raise BoardError(
            host, f"no numpy for {facts.executable}, {least} or newer is needed (Debian: apt install python3-numpy)"
        )
    numbers = [int(part) for part in facts.numpy.split(".")[:2] if part.isascii() and part.isdecimal()]
    if len(numbers) == 2 and tuple(numbers) < LEAST_NUMPY:
        raise BoardError(host, f"numpy {facts.numpy} for {facts.executable}, expected {least} or newer")


def _read_report(session: Session, text: bytes, what: str, model: bytes) -> Report:
    """The board's word, checked: a report, on the model that was sent, with text that can be printed."""
    where = f"{session.host}: {what}"
    try:
        report = parse_report(json.dumps(_printable(json.loads(text))), where)
    except (ValueError, RecursionError) as error:
        raise BoardError(session.host, str(error).removeprefix(f"{session.host}: ")) from None
    if [run.model.sha256 for run in report.runs] != [hashlib.sha256(model).hexdigest()]:
        raise BoardError(session.host, f"{what} is on another model")
    return report


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value, 4096)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): _printable(item) for key, item in value.items()}
    return value


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
