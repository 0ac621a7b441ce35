"""What a deployment asks systemd for, on a board. The standard library only: see `installation.py`."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Any

from edgelstm.devices.deploy.versions import Deployment, home

WATCHDOG = 60
"""Seconds without a word from the service's loop after which systemd starts it again."""
SECONDS = 120.0
"""For systemd to start a service, or to say that it cannot."""


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
        f'[Service]\nType=notify\nExecStart="{run}"\nExecReload=kill -HUP $MAINPID\n'
        "Restart=on-failure\nRestartSec=5\n"
        f"WatchdogSec={WATCHDOG}\n"
        "NoNewPrivileges=yes\n\n"
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
            words, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=SECONDS
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 127, b"", f"no {words[0]} there".encode())
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, b"", f"{words[0]} took over {SECONDS:.0f} s".encode())


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
