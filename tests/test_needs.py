"""tools/needs.py against what the package's own metadata says, as its build made it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

NEEDS = Path(__file__).parents[1] / "tools/needs.py"


def told(*names: str) -> set[str]:
    return set(
        subprocess.run([sys.executable, NEEDS, *names], capture_output=True, text=True, check=True).stdout.split()
    )


def required(extra: str) -> set[str]:
    """By the metadata, extras of extras taken apart."""
    found = set()
    for line in requires("edgelstm") or []:
        need, _, condition = (part.strip() for part in line.partition(";"))
        if condition and f'"{extra}"' not in condition.replace("'", '"'):
            continue
        inner = re.fullmatch(r"edgelstm\[(.+)\]", need)
        found |= required(inner[1]) if inner else {need}
    return found


@pytest.mark.parametrize("extra", ["trainer", "toolchain", "dev"])
def test_an_extra_is_what_the_metadata_says(extra: str) -> None:
    assert extra in metadata("edgelstm").get_all("Provides-Extra", [])
    assert told(extra) == required(extra)


def test_what_builds_the_project_is_there_before_it_is_built() -> None:
    assert {re.split("[<>=~]", need)[0] for need in told("build")} >= {"scikit-build-core", "cmake", "ninja"}
