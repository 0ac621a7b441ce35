"""How a process and its machine stand at a moment."""

from __future__ import annotations

import re
import resource
from dataclasses import dataclass
from pathlib import Path

from edgelstm.devices.machine.conditions import Conditions, read_conditions
from edgelstm.devices.machine.sysfs import Tree
from edgelstm.records import Unavailable


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. Shared pages count fully in `resident`, divided by those who share them in `proportional`."""

    resident: int | Unavailable
    proportional: int | Unavailable
    peak: int | Unavailable  # the most that has been resident


@dataclass(frozen=True, slots=True)
class Usage:
    """What has befallen this process since it began, as getrusage counts it."""

    minor_faults: int  # pages the system had to bring, from memory
    major_faults: int  # from storage
    preemptions: int  # the system gave the core to another: involuntary context switches


@dataclass(frozen=True, slots=True)
class Moment:
    memory: Memory
    usage: Usage
    conditions: Conditions


def read_memory(root: str | Path = "/") -> Memory:
    """What Linux says in /proc/self; the resident size is the rollup's, exact where `status` may lag."""
    tree = Tree(root)
    rollup, status = "/proc/self/smaps_rollup", "/proc/self/status"
    resident = _kilobytes(tree, rollup, "Rss")
    return Memory(
        resident=_kilobytes(tree, status, "VmRSS") if isinstance(resident, Unavailable) else resident,
        proportional=_kilobytes(tree, rollup, "Pss"),
        peak=_kilobytes(tree, status, "VmHWM"),
    )


def read_usage() -> Usage:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(now.ru_minflt, now.ru_majflt, now.ru_nivcsw)


def read_moment() -> Moment:
    return Moment(read_memory(), read_usage(), read_conditions())


def grown(before: int | Unavailable, after: int | Unavailable) -> int | Unavailable:
    """How much more a figure is than it was."""
    if isinstance(before, Unavailable):
        return before
    return after if isinstance(after, Unavailable) else after - before


def _kilobytes(tree: Tree, path: str, name: str) -> int | Unavailable:
    text = tree.text(path)
    if isinstance(text, Unavailable):
        return text
    match = re.search(rf"^{name}:\s*(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else Unavailable(f"{path} has no {name}")
