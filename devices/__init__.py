"""What boards are and what a model costs on them. Needs numpy and the standard library only."""

from edgelstm.devices.conditions import Conditions, read_conditions
from edgelstm.devices.detect import Board, detect
from edgelstm.devices.histogram import Spread
from edgelstm.devices.measure import Latency
from edgelstm.devices.memory import Memory, read_memory
from edgelstm.devices.plan import Plan
from edgelstm.devices.processes import profile
from edgelstm.devices.record import Missing
from edgelstm.devices.report import Report, read_report, write_report

__all__ = [
    "Board",
    "Conditions",
    "Latency",
    "Memory",
    "Missing",
    "Plan",
    "Report",
    "Spread",
    "detect",
    "profile",
    "read_conditions",
    "read_memory",
    "read_report",
    "write_report",
]
