"""Packages that the project needs, a line each, for pip: needs.py NAME…

A name is an extra of pyproject.toml, or `build` for what builds the project without isolation. What it needs to run
comes first.
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BUILDERS = ("scikit-build-core", "cmake", "ninja")
"""Of `dev`."""


def needs(names: list[str]) -> list[str]:
    """An extra of an extra is taken apart. KeyError: no such extra."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    extras["build"] = [need for need in extras["dev"] if need.startswith(BUILDERS)]
    found: dict[str, None] = dict.fromkeys(project["dependencies"])
    waiting = list(names)
    while waiting:
        for need in extras[waiting.pop()]:
            if inner := re.fullmatch(rf"{project['name']}\[(.+)\]", need):
                waiting += inner[1].split(",")
            else:
                found[need] = None
    return list(found)


if __name__ == "__main__":
    print("\n".join(needs(sys.argv[1:])))
