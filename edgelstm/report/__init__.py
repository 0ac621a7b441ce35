"""What became of a training: a record of figures, and the page that shows it."""

from edgelstm.report.building import Asked, Engine, History, build
from edgelstm.report.record import ModelReport, read_report, write_report

__all__ = ["Asked", "Engine", "History", "ModelReport", "build", "read_report", "write_report"]
