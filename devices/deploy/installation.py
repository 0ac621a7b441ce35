"""Versions of a model on a board, run there by `edgelstm deploy` as a program of its own: the standard library only.

`python3 installation.pyz ORDER` does what the JSON file ORDER says and prints JSON. Where a deployment lies and what
is in it, `versions.py` says; `services.py` is what it asks systemd for. The three are sent as one file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgelstm.devices.deploy.services import (
    SECONDS,
    journal,
    last_line,
    lingers,
    no_systemd,
    remove_unit,
    show,
    start,
)
from edgelstm.devices.deploy.versions import BEFORE, NEW, Deployment, home, number

KEPT = 5
"""Versions that stay: the current one and those before it."""
_REMOVED = ".removed-"


def install(deployment: Deployment, order: dict[str, Any], sent: Path) -> dict[str, Any]:
    """Make a version of the files in `sent`, test it, and let it run."""
    before = deployment.current()
    mark = hashlib.sha256(
        b"".join(hashlib.sha256((sent / name).read_bytes()).digest() for name in what_is_sent(order, sent))
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
        take_secrets(deployment, order, sent, new)
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


def what_is_sent(order: dict[str, Any], sent: Path) -> list[str]:
    secrets = [name for name in order.get("secrets", ()) if (sent / name).is_file()]
    return [order["wheel"], *order["files"], *secrets]


def take_secrets(deployment: Deployment, order: dict[str, Any], sent: Path, new: Path) -> None:
    """Passwords and the like, which nobody else may read: those that were sent; else those of the version before,
    as the order names them."""
    for name in order.get("secrets", ()):
        found = next((path for path in (sent / name, deployment.link / name) if path.is_file()), None)
        if found is not None:
            with os.fdopen(os.open(new / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(found.read_bytes())


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
        [folder / "run", "--self-test"], stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, timeout=SECONDS
    )
    if done.returncode:
        raise ValueError(last_line(done.stderr) or f"self-test ended with {done.returncode} and no word")


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
