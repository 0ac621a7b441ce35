"""Real disks that are full, folders that take no files: one line with the file's name, and nothing half written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counts import FULL
from edgelstm.files import write_whole
from forks import Forks, forks
from writers import adapt, convert, export, make_inputs, profile, report, stream, train

COMMANDS: dict[str, tuple[list[str], str]] = {
    "export": (export(1, "m.elstm"), "m.elstm"),
    "export to C": (export(1, "m.c"), "m."),
    "export without proof": (export(1, "m.elstm", "--no-verify"), "m.elstm"),
    "train": (train(1), "model."),
    "report": (report(1), "page.html"),
    **({"profile": (profile(1), "r.json")} if FULL else {}),  # it takes seconds, and writes as report does
    "stream": (stream(1), "s.state"),
    "data convert": (convert(1), "all.npz"),
    "adapt": (adapt(1), "new."),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_inputs(tmp_path_factory.mktemp("disks"))


@pytest.fixture(scope="module")
def full(folder: Path) -> Iterator[Forks]:
    """Commands for which a disk is mounted at the folder, small and full."""
    own = "-m" if os.geteuid() == 0 else "-Urm"
    script = 'mount -t tmpfs -o size=64k disk "$0" && exec "$@"'
    mounted = ["unshare", own, "sh", "-c", script, str(folder)]
    if shutil.which("unshare") is None or subprocess.run([*mounted, "true"], capture_output=True).returncode:
        pytest.skip("no mounts of one's own can be made here")
    with forks(*mounted) as found:
        yield found


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_said_with_the_name_and_leaves_nothing(full: Forks, folder: Path, name: str) -> None:
    command, file = COMMANDS[name]
    seen, errors = full.seen(folder), folder.parent / "errors"
    for free in (0, 4096):  # nothing, or room for the first of the files
        (seen / "filler").write_bytes(bytes(65536 - free))
        errors.unlink(missing_ok=True)
        (code,) = full.run(folder, command)
        found = sorted(path.name for path in seen.iterdir())
        if code == 0:  # it fitted
            for path in set(found) - {"filler"}:
                shutil.rmtree(seen / path) if (seen / path).is_dir() else (seen / path).unlink()
            assert free
            continue
        assert code == 1
        (line,) = [
            line for line in errors.read_text().splitlines() if not line.startswith(("Note: ", "note: ", "  "))
        ]
        assert line.startswith(f"edgelstm: {file}")
        assert line.endswith(": no space left on device")
        if name == "train" and free and "model.run" in found:  # what a run that broke off may go on from
            shutil.rmtree(seen / "model.run")
            found.remove("model.run")
        assert found == ["filler"]


def held_to_permissions(program: str) -> subprocess.CompletedProcess[str]:
    """A Python program that permissions bind, as they do not bind root otherwise."""
    before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if before and (not shutil.which("setpriv") or subprocess.run([*before, "true"], capture_output=True).returncode):
        pytest.skip("root cannot give up its powers here")
    return subprocess.run([*before, sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_a_folder_that_takes_no_files_is_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    tmp_path.chmod(0o555)
    run = "from edgelstm.cli import main; main({!r})"
    page = tmp_path / "page.html"
    done = held_to_permissions(run.format(["report", str(tmp_path / "report.json"), "-o", str(page)]))
    program = f"from edgelstm.files import write_whole; write_whole({str(page)!r}, b'')"
    written = held_to_permissions(program)
    tmp_path.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert f"--output {page}: no files can be made in the folder {tmp_path}" in done.stderr
    assert written.stderr.splitlines()[-1] == f"PermissionError: [Errno 13] Permission denied: '{page}'"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_what_another_user_left_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / f".edgelstm-{'a' * 16}.part"
    left.write_bytes(b"half")
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    write_whole(tmp_path / "file", b"whole")
    assert left.exists()
    monkeypatch.undo()
    write_whole(tmp_path / "file", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
