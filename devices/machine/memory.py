"""How much memory this process takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgelstm.devices.machine.sysfs import Tree
from edgelstm.devices.record import Missing


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. Shared pages count fully in `resident`, divided by those who share them in `proportional`."""

    resident: int | Missing
    proportional: int | Missing
    peak: int | Missing  # the most that has been resident


def read_memory(root: str | Path = "/") -> Memory:
    """What Linux says in /proc/self; the resident size is the rollup's, exact where `status` may lag."""
    tree = Tree(root)
    rollup, status = "/proc/self/smaps_rollup", "/proc/self/status"
    resident = _kilobytes(tree, rollup, "Rss")
    return Memory(
        resident=_kilobytes(tree, status, "VmRSS") if isinstance(resident, Missing) else resident,
        proportional=_kilobytes(tree, rollup, "Pss"),
        peak=_kilobytes(tree, status, "VmHWM"),
    )


def _kilobytes(tree: Tree, path: str, name: str) -> int | Missing:
    text = tree.text(path)
    if isinstance(text, Missing):
        return text
    match = re.search(rf"^{name}:\s*(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else Missing(f"{path} has no {name}")
