"""Python environments with other versions of an engine than the tests run with, made when a test first asks.

    old = other_environment("onnxruntime-1.15", "onnxruntime==1.15.1", "numpy==1.26.4", "click==8.1.7")
    old.edgelstm("verify", "model.onnx", "--against", "model.npz")

They lie in build/environments and are kept between test runs.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("edgelstm", "edgelstm.export", "edgelstm.runtime", "edgelstm.devices")


# Engines of the last numpy before 2, in one environment; they have wheels up to Python 3.11.
OLD_ENGINES = ("onnxruntime==1.15.1", "tflite-runtime==2.14.0", "numpy==1.26.4", "click==8.1.7")


@dataclass(frozen=True)
class OtherEnvironment:
    """A Python of its own beside a copy of the package that is being tested, and nothing else of this one."""

    python: Path
    package: Path  # the folder that holds edgelstm/

    def run(self, *arguments: str | Path, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """`python ARGUMENTS`; with `check`, a failure fails the test and shows what was said."""
        # Bytecode of what is imported is kept, as pip compiles none: all of numpy takes ten seconds.
        variables = {"PYTHONPATH": str(self.package), "PYTHONDONTWRITEBYTECODE": "", "PYTHONSAFEPATH": "1"}
        command = [str(self.python), *map(str, arguments)]
        environment = os.environ | variables
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment, check=False)
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)
        return done

    def edgelstm(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The command `edgelstm ARGUMENTS`."""
        return self.run("-c", "from edgelstm.cli import main; main()", *arguments, check=check)


def other_environment(name: str, *requirements: str) -> OtherEnvironment:
    """An environment with exactly these packages, each `name==version`, and the package under test. Skips the test,
    with what pip said, where they cannot be had."""
    problem = _installed(name, requirements)
    if problem:
        pytest.skip(f"environment {name}: {problem}")
    return OtherEnvironment(_folder(name) / "bin" / "python", package_copy())


def old_engines() -> OtherEnvironment:
    """onnxruntime 1.15.1, the oldest that files are for, and tflite-runtime 2.14."""
    return other_environment("old-engines", *OLD_ENGINES)


def _folder(name: str) -> Path:
    return ROOT / "build" / "environments" / name


@cache
def _installed(name: str, requirements: Iterable[str]) -> str:
    """Why the environment cannot be had; empty when it can. Asked once, so that an unreachable index costs once."""
    folder = _folder(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    wanted = "\n".join([sys.version, *requirements])
    stamp = folder / "installed"
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test runs may be at work side by side
        if stamp.exists() and stamp.read_text() == wanted:
            return ""
        shutil.rmtree(folder, ignore_errors=True)
        pip = ["pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
        # Without dependencies: an engine's wheel asks for more than its runtime imports.
        install = [*pip, "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:", *requirements]
        for command in (["venv", "--without-pip", str(folder)], install):
            done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
            if done.returncode:
                said = done.stderr.strip().splitlines()
                return f"{command[0]} failed: {said[-1] if said else f'exit {done.returncode}'}"
        stamp.write_text(wanted)
    return ""


@cache
def package_copy() -> Path:
    """A folder with a copy of the installed package, or of what an editable install gathers, and the library. With
    the bytecode that lies there: compiling it all takes longer than most programs of tests."""
    folder = Path(tempfile.mkdtemp(prefix="edgelstm-package-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for package in PACKAGES:
        into = folder.joinpath(*package.split("."))
        with as_file(files(package) / "__init__.py") as first:
            kept_out = shutil.ignore_patterns("core", "binding")
            shutil.copytree(first.parent, into, ignore=kept_out, dirs_exist_ok=True)
    with as_file(files("edgelstm.runtime") / "libedgelstm.so") as library:
        shutil.copy2(library, folder / "edgelstm" / "runtime")
    return folder
