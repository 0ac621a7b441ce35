"""Puts models on boards as services, with versions: what `edgelstm deploy` does, from the laptop."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from edgelstm.devices.deploy.settings import SECRETS, SELF_TEST, SETTINGS, SelfTest, Settings, as_today, write
from edgelstm.devices.frames import noise
from edgelstm.devices.remote.session import BoardError, Session, plain, printable
from edgelstm.devices.remote.target import Target, check_room, choose_wheel, see_wheels
from edgelstm.devices.wheels.running import is_of_another_build
from edgelstm.records import Unavailable, from_json, to_json

_PROGRAM = "installation.pyz"
SELF_TEST_FRAMES = 16
_SECONDS = 600.0  # starting and, where that fails, going back, on a slow board
T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


@dataclass(frozen=True)
class Deployed:
    """What came of a change."""

    version: str
    before: str  # the version that ran before; empty when none did
    systemd: bool  # whether a service runs it
    problem: str  # why none does; empty also where none was asked for
    linger: bool  # whether it runs without a login


@dataclass(frozen=True)
class Status:
    """A deployment as it is."""

    name: str
    current: str  # version; empty when none is
    versions: tuple[str, ...]  # the oldest first
    settings: Settings | Unavailable
    systemd: bool
    problem: str  # why there is no systemd, or what the service said last: why it failed, else how it does
    active: str  # as systemd says: active, inactive, failed, activating
    state: str
    restarts: str
    since: str
    linger: bool
    run: str  # the program that starts it by hand


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"name {name[:60]!r}: expected up to 48 letters a-z, digits and hyphens")
    return name


def name_of(model: Path) -> str:
    """A deployment's name by its model's file."""
    return re.sub(r"[^a-z0-9]+", "-", model.stem.lower()).strip("-")[:48] or "model"


def deploy(
    target: Target,
    model: Path,
    settings: Settings | None,
    name: str,
    *,
    service: bool = True,
    secrets: Mapping[str, bytes] = {},
    beside: Mapping[str, bytes] = {},
    tell: Callable[[str], None] = lambda _line: None,
) -> Deployed:
    """Send a model and what it needs; test it there; then let it run in the place of the version before.

    settings: None takes those of the version that is there. secrets: of `SECRETS`, what they hold; those that are
    not given stay as they are there. beside: further files of the version, by name. What fails, fails before the
    running version is touched, or brings it back.

    FileNotFoundError, ImportError, ValueError for what is wrong here with the files; BoardError for the rest.
    """
    content, test = model.read_bytes(), self_test(model)
    see_wheels(target)
    tell("connecting")
    with Session(target.host, python=target.python) as session:
        if settings is None:
            found = {one.name: one for one in _statuses(session)}.get(name)
            if found is None or isinstance(found.settings, Unavailable):
                raise ValueError(f"{target.host}: {name} is not there yet, say where its frames come from (--source)")
            settings = found.settings
        settings = replace(settings, model=model.name, sha256=hashlib.sha256(content).hexdigest())
        wheel, package = choose_wheel(session, target.wheels)
        check_room(session, package, 3 * len(content))
        tell(f"sending {wheel.name} and {model.name}")
        sent = {wheel.name: package, model.name: content, SETTINGS: write(settings), SELF_TEST: write(test)}
        sent |= beside
        sent |= {name: secrets[name] for name in SECRETS if name in secrets}
        for file, data in sent.items():
            session.put(file, data)
        tell("testing and starting it")
        order: dict[str, Any] = {"do": "install", "name": name, "wheel": wheel.name, "service": service}
        order["secrets"] = SECRETS if settings.has_broker else ()
        try:
            return _deployed(session, order | {"files": [model.name, SETTINGS, SELF_TEST, *beside]})
        except BoardError as error:
            if not is_of_another_build(package):
                raise
            hint = f"{wheel.name} is of another build than the edgelstm here; in a checkout: make wheels"
            raise BoardError(session.host, f"{str(error).removeprefix(f'{session.host}: ')}; {hint}") from None


def rollback(target: Target, name: str, *, service: bool = True) -> Deployed:
    """Back to the version before, which is tested again first."""
    with Session(target.host, python=target.python) as session:
        return _deployed(session, {"do": "rollback", "name": name, "service": service})


def status(target: Target) -> tuple[Status, ...]:
    """Every deployment on the board."""
    with Session(target.host, python=target.python) as session:
        return _statuses(session)


def logs(target: Target, name: str, lines: int) -> str:
    """The last lines of the service: of its journal, and of the file its answers go to."""
    with Session(target.host, python=target.python) as session:
        found = _act(session, {"do": "logs", "name": name, "lines": lines})
    texts = [found.get("journal"), found.get("answers")]
    return "\n".join(plain(line, 4096) for text in texts if isinstance(text, str) for line in text.splitlines())


def remove(target: Target, name: str) -> None:
    """Stop it and leave nothing of it."""
    with Session(target.host, python=target.python) as session:
        _act(session, {"do": "remove", "name": name})


def self_test(path: Path) -> SelfTest:
    """What the model at `path` makes here of enough frames for an answer."""
    from edgelstm.runtime.engines.open import open_model

    model = open_model(path, bare=True)
    return SelfTest.of(model, noise(model, max(SELF_TEST_FRAMES, model.stride)))


def _deployed(session: Session, order: dict[str, Any]) -> Deployed:
    return _read(session, Deployed, _act(session, order))


def _statuses(session: Session) -> tuple[Status, ...]:
    found = _act(session, {"do": "list"}).get("deployments")
    return tuple(_status(session, one) for one in (found if isinstance(found, list) else []))


def _status(session: Session, found: Any) -> Status:
    if isinstance(found, dict):
        try:
            found = {**found, "settings": to_json(from_json(Settings, as_today(found.get("settings")), "settings"))}
        except ValueError as error:  # perhaps of another version of EdgeLSTM
            found = {**found, "settings": to_json(Unavailable(str(error)))}
    return _read(session, Status, found)


def _read(session: Session, kind: type[T], value: Any) -> T:
    try:
        return from_json(kind, printable(value), "what it says")
    except ValueError as error:
        raise BoardError(session.host, str(error)) from None


def _act(session: Session, order: dict[str, Any]) -> dict[str, Any]:
    """Let installation.py do it on the board."""
    session.put(_PROGRAM, _program())
    session.put("order.json", json.dumps(order).encode())
    done = session.run([None, _PROGRAM, "order.json"], seconds=_SECONDS, what=order["do"], at_home=True)
    if done.code:
        raise BoardError(session.host, done.problem(order["do"]))
    try:
        answer = json.loads(done.out)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise BoardError(session.host, f"{order['do']}: what it answers makes no sense")
    return answer


def _program() -> bytes:
    """What runs on the board: the standard library only, in one file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as program:
        for package in ("edgelstm", "edgelstm/devices", "edgelstm/devices/deploy"):
            program.writestr(f"{package}/__init__.py", "")
        for name in ("installation.py", "services.py", "versions.py"):
            source = files("edgelstm.devices.deploy").joinpath(name).read_bytes()
            program.writestr(f"edgelstm/devices/deploy/{name}", source)
        start = "import sys\nfrom edgelstm.devices.deploy.installation import main\nsys.exit(main(sys.argv[1:]))\n"
        program.writestr("__main__.py", start)
    return content.getvalue()
