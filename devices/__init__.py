"""What boards are and what a model costs on them. Needs numpy and the standard library only."""

from edgelstm.devices.machine.conditions import Conditions, read_conditions
from edgelstm.devices.machine.detect import Board, detect
from edgelstm.devices.machine.usage import Memory, read_memory
from edgelstm.devices.profiling.histogram import Spread
from edgelstm.devices.profiling.measure import Latency
from edgelstm.devices.profiling.plan import Plan
from edgelstm.devices.profiling.processes import profile
from edgelstm.devices.profiling.report import Report, read_report, write_report
from edgelstm.records import Unavailable

__all__ = [
    "Board",
    "Conditions",
    "Latency",
    "Memory",
    "Plan",
    "Report",
    "Spread",
    "Unavailable",
    "detect",
    "profile",
    "read_conditions",
    "read_memory",
    "read_report",
    "write_report",
]
