"""A real PostgreSQL server, run as an ordinary user, on a socket in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _programs() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)  # Debian leaves them out of PATH


PROGRAMS = _programs()
needs_postgres = pytest.mark.skipif(PROGRAMS is None, reason="needs PostgreSQL's initdb (apt install postgresql)")


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server's database."""
    assert PROGRAMS is not None
    # The server refuses root, and no other user may look into the folders of root's tests.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    user = {"user": "nobody", "group": "nogroup", "extra_groups": ()} if os.geteuid() == 0 else {}
    try:
        if user:
            shutil.chown(folder, "nobody", "nogroup")
        data = folder / "data"

        def run(name: str, *arguments: object) -> None:
            subprocess.run(
                [PROGRAMS / name, *map(str, arguments)], cwd=folder, check=True, stdout=subprocess.DEVNULL, **user
            )

        run("initdb", "-D", data, "-A", "trust", "-U", "tests", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=30"
        run("pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        try:
            yield f"postgresql://tests@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
