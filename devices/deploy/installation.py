"""Versions of a model on a board, run there by `edgelstm deploy` as a file of its own: the standard library only.

`python3 installation.py ORDER` does what the JSON file ORDER says and prints JSON. A deployment lies in
`~/.local/share/edgelstm/NAME`: `versions/NUMBER-HASH` with everything that one version needs, and `current`, a link
to the one that runs. A version is made beside, tested, and only then linked; where it does not start, the link goes
back. Each version names in the file `before` the one that ran well before it: a rollback goes along those, and so
never comes to one that was rolled back from. What a killed process left half-done the next order removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

KEPT = 5
"""Versions that stay: the current one and those before it."""
BEFORE, NEW = "before", "new"
"""Files of a version: which one ran well before it; and, until it was linked, that it never was."""
_VERSION = re.compile(r"\d{4,}-[0-9a-f]{8}")
_REMOVED = ".removed-"
_SECONDS = 120.0  # for systemd to start a service, or to say that it cannot


class Deployment:
    def __init__(self, name: str):
        self.name = name
        self.unit = f"edgelstm-{name}.service"
        self.root = home("XDG_DATA_HOME", ".local/share") / "edgelstm" / name
        self.link = self.root / "current"

    def versions(self) -> list[str]:
        """The oldest first."""
        found = [path.name for path in (self.root / "versions").glob("*") if _VERSION.fullmatch(path.name)]
        return sorted(found, key=number)

    def current(self) -> str:
        """Empty when none is."""
        try:
            return self.link.readlink().name
        except OSError:
            return ""

    def folder(self, version: str) -> Path:
        return self.root / "versions" / version

    def before(self, version: str) -> str:
        """The version that ran well before it; empty when there is none any more."""
        older = [one for one in self.versions() if number(one) < number(version)] if version else []
        try:
            named = (self.folder(version) / BEFORE).read_text().strip()
        except OSError:  # versions did not always say it
            named = older[-1] if older else ""
        return named if named in older else ""

    def switch(self, version: str) -> None:
        """In one step: at any moment `current` is a whole version."""
        beside = self.root / ".current"
        beside.unlink(missing_ok=True)
        beside.symlink_to(Path("versions", version))
        beside.replace(self.link)
        synced = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(synced)
        finally:
            os.close(synced)
        (self.folder(version) / NEW).unlink(missing_ok=True)

    def drop(self, version: str) -> None:
        """Nobody takes what is half removed for a version."""
        gone = self.root / "versions" / f".gone-{version}"
        with contextlib.suppress(OSError):
            self.folder(version).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def clean(self) -> None:
        """Remove what somebody who was killed left half-done."""
        for pattern in (".new-*", ".gone-*"):
            for left in (self.root / "versions").glob(pattern):
                shutil.rmtree(left, ignore_errors=True)
        for version in self.versions():
            if version == self.current():
                (self.folder(version) / NEW).unlink(missing_ok=True)
            elif (self.folder(version) / NEW).exists():
                self.drop(version)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes it meanwhile; what another one left half-done is removed."""
        self.root.mkdir(0o700, parents=True, exist_ok=True)
        lock = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.clean()
            yield
        except BlockingIOError:
            raise ValueError(f"{self.name}: somebody else is changing it at this moment") from None
        finally:
            os.close(lock)
            for folder in (self.root / "versions", self.root, self.root.parent):
                with contextlib.suppress(OSError):
                    folder.rmdir()  # where nothing is in it


def number(version: str) -> int:
    return int(version.partition("-")[0])


def home(variable: str, below: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given) if given.startswith("/") else Path.home() / below


def install(deployment: Deployment, order: dict[str, Any], sent: Path) -> dict[str, Any]:
    """Make a version of the files in `sent`, test it, and let it run."""
    before = deployment.current()
    mark = hashlib.sha256(
        b"".join(hashlib.sha256((sent / name).read_bytes()).digest() for name in [order["wheel"], *order["files"]])
    ).hexdigest()[:8]
    if before.endswith(f"-{mark}") and deployment.folder(before).is_dir():
        state = start(deployment, order["service"])
        if state["problem"] and state["systemd"]:
            raise ValueError(f"{deployment.name}: {before} does not start: {state['problem']}")
        return {"version": before, "before": before, **state}
    versions = deployment.versions()
    version = f"{number(versions[-1]) + 1 if versions else 1:04d}-{mark}"
    new = deployment.root / "versions" / f".new-{version}"
    try:
        new.mkdir(parents=True)
        with zipfile.ZipFile(sent / order["wheel"]) as wheel:
            wheel.extractall(new / "package")
        for name in order["files"]:
            shutil.copyfile(sent / name, new / name)
        write_run(new)
        (new / BEFORE).write_text(ran_well(deployment, order["service"]))
        (new / NEW).touch()
        self_test(new)
        os.sync()
        new.rename(deployment.folder(version))
    finally:
        shutil.rmtree(new, ignore_errors=True)
    result = change_to(deployment, version, order["service"])
    prune(deployment)
    return {"version": version, "before": before, **result}


def prune(deployment: Deployment) -> None:
    """Keep the current version and those that rollbacks would come to; then, where there is room, the newest."""
    kept: list[str] = []
    version = deployment.current()
    while version and len(kept) < KEPT:
        kept.append(version)
        version = deployment.before(version)
    others = [one for one in reversed(deployment.versions()) if one not in kept]
    for one in others[KEPT - len(kept) :]:
        deployment.drop(one)


def ran_well(deployment: Deployment, service: bool) -> str:
    """The version to go back to from the next one: the current one, unless it fails where another did not."""
    now = deployment.current()
    if service and deployment.before(now) and not no_systemd():
        found = show(deployment)
        if found.get("ActiveState") == "failed" or found.get("SubState") == "auto-restart":
            return deployment.before(now)
    return now


def rollback(deployment: Deployment, order: dict[str, Any]) -> dict[str, Any]:
    """Back to the version that ran well before the current one."""
    now = deployment.current()
    older = deployment.before(now)
    if not older:
        raise ValueError(f"{deployment.name}: no version before {now or 'the first'}, nothing was changed")
    self_test(deployment.folder(older))
    return {"version": older, "before": now, **change_to(deployment, older, order["service"], keep=True)}


def change_to(deployment: Deployment, version: str, service: bool, *, keep: bool = False) -> dict[str, Any]:
    """Link a version and start it; where it does not start, back to the one before, and it is removed."""
    before = deployment.current()
    deployment.switch(version)
    state = start(deployment, service)
    if not state["problem"] or not state["systemd"]:
        return state
    if before:
        deployment.switch(before)
        again = start(deployment, service)
        after = f"{before} runs again" if not again["problem"] else f"nor does {before} now: {again['problem']}"
    else:
        remove_unit(deployment)
        deployment.link.unlink()
        after = "nothing of it is left"
    if not keep:
        deployment.drop(version)
    raise ValueError(f"{deployment.name}: {version} does not start: {state['problem']}; {after}")


def write_run(folder: Path) -> None:
    """A program that starts the version it lies in, for systemd and for people."""
    run = folder / "run"
    run.write_text(
        "#!/bin/sh\n# made by edgelstm deploy: starts the service of this version\n"
        'here=$(dirname "$(readlink -f "$0")")\n'
        "export OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1\n"
        f'PYTHONPATH="$here/package" exec {shlex.quote(sys.executable)} '
        '-P -m edgelstm.devices.deploy.service "$@" "$here"\n'
    )
    run.chmod(0o755)


def self_test(folder: Path) -> None:
    """ValueError where this version does not come to the laptop's answers."""
    done = subprocess.run(  # noqa: S603
        [folder / "run", "--self-test"], stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, timeout=_SECONDS
    )
    if done.returncode:
        raise ValueError(last_line(done.stderr) or f"self-test ended with {done.returncode} and no word")


def start(deployment: Deployment, service: bool) -> dict[str, Any]:
    """(Re)start the service: `systemd`, whether there is one; `problem`, why it does not run; `linger`."""
    if not service:
        return {"systemd": False, "problem": "", "linger": False}
    problem = no_systemd()
    if problem:
        return {"systemd": False, "problem": problem, "linger": False}
    unit = units() / deployment.unit
    if unit.is_symlink() or (unit.exists() and not unit.is_file()):  # a link to /dev/null masks a unit
        return {"systemd": True, "problem": f"{unit}: no regular file, expected one or none", "linger": False}
    write_unit(unit, unit_text(deployment))
    for words in (["daemon-reload"], ["reset-failed", deployment.unit], ["enable", deployment.unit]):
        done = systemctl(*words)
        if done.returncode and words[0] != "reset-failed":  # it fails where there is nothing to forget
            return {"systemd": True, "problem": last_line(done.stderr), "linger": False}
    done = systemctl("restart", deployment.unit)
    problem = ""
    if done.returncode:
        problem = show(deployment).get("StatusText") or last_line(done.stderr)
    return {"systemd": True, "problem": problem, "linger": lingers()}


def write_unit(unit: Path, text: str) -> None:
    """Whole or not at all. Only who holds the deployment writes it."""
    unit.parent.mkdir(parents=True, exist_ok=True)
    beside = unit.with_name(f".{unit.name}.part")
    beside.unlink(missing_ok=True)
    with beside.open("x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(unit)


def unit_text(deployment: Deployment) -> str:
    run = str(deployment.link / "run").replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return (
        f"# made by edgelstm deploy\n[Unit]\nDescription=EdgeLSTM {deployment.name}\n"
        "StartLimitIntervalSec=0\n\n"
        f'[Service]\nType=notify\nExecStart="{run}"\nRestart=on-failure\nRestartSec=5\nNoNewPrivileges=yes\n\n'
        "[Install]\nWantedBy=default.target\n"
    )


def units() -> Path:
    return home("XDG_CONFIG_HOME", ".config") / "systemd" / "user"


def systemctl(*words: str) -> subprocess.CompletedProcess[bytes]:
    return command("systemctl", "--user", *words)


def command(*words: str) -> subprocess.CompletedProcess[bytes]:
    """A system's program; one that is not there ends with 127, one that hangs with 124."""
    environment = {"XDG_RUNTIME_DIR": f"/run/user/{os.getuid()}", **os.environ}
    try:
        return subprocess.run(  # noqa: S603
            words, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=_SECONDS
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 127, b"", f"no {words[0]} there".encode())
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, b"", f"{words[0]} took over {_SECONDS:.0f} s".encode())


def no_systemd() -> str:
    """Why there is no systemd for this user; empty where there is one."""
    done = systemctl("show-environment")
    return last_line(done.stderr) or "systemctl --user fails" if done.returncode else ""


def lingers() -> bool:
    """Whether this user's services run without a login, and so after a restart of the board."""
    done = command("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value")
    return done.stdout.strip() == b"yes"


def journal(deployment: Deployment, lines: int) -> str:
    """A user's own journal; where it is not kept apart, the system's."""
    for selection in (["--user", "--unit"], ["--user-unit"]):
        done = command("journalctl", *selection, deployment.unit, "--no-pager", "--output=cat", f"--lines={lines}")
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.decode("utf-8", "replace")
    return ""


def show(deployment: Deployment) -> dict[str, str]:
    """What systemd knows of the service."""
    names = "ActiveState,SubState,NRestarts,ActiveEnterTimestamp,StatusText"
    done = systemctl("show", deployment.unit, f"--property={names}")
    return dict(line.partition("=")[::2] for line in done.stdout.decode("utf-8", "replace").splitlines())


def status(deployment: Deployment) -> dict[str, Any]:
    now, problem = deployment.current(), no_systemd()
    shown = {} if problem else show(deployment)
    settings: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        settings = json.loads((deployment.folder(now) / "service.json").read_bytes())
    return {
        "name": deployment.name,
        "current": now,
        "versions": deployment.versions(),
        "settings": settings,
        "systemd": not problem,
        "problem": problem or shown.get("StatusText", ""),
        "active": shown.get("ActiveState", ""),
        "state": shown.get("SubState", ""),
        "restarts": shown.get("NRestarts", ""),
        "since": shown.get("ActiveEnterTimestamp", ""),
        "linger": lingers(),
        "run": str(deployment.link / "run"),
    }


def logs(deployment: Deployment, order: dict[str, Any]) -> dict[str, Any]:
    """The journal's last lines, and those of the file that the answers go to."""
    text = journal(deployment, order["lines"])
    output = status(deployment)["settings"].get("output", "")
    answers = ""
    if output:
        with contextlib.suppress(OSError), Path(output).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 512 * order["lines"]))
            answers = "\n".join(file.read().decode("utf-8", "replace").splitlines()[-order["lines"] :])
    return {"journal": text, "output": output, "answers": answers}


def remove(deployment: Deployment) -> dict[str, Any]:
    remove_unit(deployment)
    versions = deployment.versions()
    gone = deployment.root.with_name(f"{_REMOVED}{deployment.name}")  # a name that no deployment can have
    shutil.rmtree(gone, ignore_errors=True)
    deployment.root.rename(gone)
    shutil.rmtree(gone)
    return {"removed": versions}


def remove_unit(deployment: Deployment) -> None:
    systemctl("disable", "--now", deployment.unit)
    for name in (deployment.unit, f".{deployment.unit}.part"):
        (units() / name).unlink(missing_ok=True)
    systemctl("daemon-reload")
    for folder in (units() / "default.target.wants", units(), units().parent):
        with contextlib.suppress(OSError):
            folder.rmdir()  # where nothing is in it


def last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def act(order: dict[str, Any], sent: Path) -> dict[str, Any]:
    everything = home("XDG_DATA_HOME", ".local/share") / "edgelstm"
    for left in everything.glob(f"{_REMOVED}*"):
        shutil.rmtree(left, ignore_errors=True)
    names = sorted(path.name for path in everything.glob("*") if (path / "versions").is_dir())
    if order["do"] == "list":
        return {"deployments": [status(Deployment(name)) for name in names]}
    deployment = Deployment(order["name"])
    if order["do"] != "install" and order["name"] not in names:
        others = f"only {', '.join(names)}" if names else "nothing is"
        raise ValueError(f"{order['name']}: not deployed there, {others}")
    if order["do"] == "logs":
        return logs(deployment, order)
    with deployment.held():
        if order["do"] == "install":
            return install(deployment, order, sent)
        if order["do"] == "rollback":
            return rollback(deployment, order)
        return remove(deployment)


def main(arguments: Sequence[str]) -> int:
    order = Path(arguments[0])
    try:
        print(json.dumps(act(json.loads(order.read_bytes()), order.parent)))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(where + (error.strerror or str(error)).lower(), file=sys.stderr)
        return 1
    except (ValueError, zipfile.BadZipFile, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
