"""How a process and its machine stand at a moment."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from edgelstm.devices.machine.conditions import Conditions, read_conditions
from edgelstm.devices.machine.memory import Memory, read_memory


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


def read_usage() -> Usage:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(now.ru_minflt, now.ru_majflt, now.ru_nivcsw)


def read_moment() -> Moment:
    return Moment(read_memory(), read_usage(), read_conditions())
