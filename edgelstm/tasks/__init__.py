"""What a model is for: a file for each task, all of the type `Task`, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from edgelstm import records
from edgelstm.data.dataset import Dataset
from edgelstm.data.options import DEFAULTS, ReadOptions
from edgelstm.records import Tagged
from edgelstm.tasks.anomaly import Anomaly
from edgelstm.tasks.classify import CLASSIFY, Classify
from edgelstm.tasks.forecast import Forecast
from edgelstm.tasks.frames import Frames
from edgelstm.tasks.regress import Regress
from edgelstm.tasks.tags import Tags
from edgelstm.tasks.task import Task
from edgelstm.tasks.text import Text

TASKS: Mapping[str, type[Task]] = {
    task.kind: task for task in (Classify, Frames, Tags, Regress, Forecast, Anomaly, Text)
}

TaskEntry = Annotated[Task, Tagged("kind", TASKS)]
"""For the records that hold a task: its kind, and the settings of its class."""


def read_task(values: object, where: str) -> Task:
    """The task that JSON values describe, as `Task.to_json` gives them; nothing is a classification, as in files of
    before there were others. ValueError, one line that begins with `where`."""
    if values is None or values == {}:
        return CLASSIFY
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: {type(values).__name__}, expected an object")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in TASKS:
        raise ValueError(f"{where}.kind: {kind!r:.40}, expected one of {', '.join(TASKS)}")
    return records.from_json(TASKS[kind], {k: v for k, v in values.items() if k != "kind"}, where, strict=False)


def read_dataset(path: Path | str, options: ReadOptions = DEFAULTS, task: Task = CLASSIFY) -> Dataset:
    """The recordings at `path` with what `task` makes of them; where options name features, the columns that are to
    be told are read beside them. ValueError where they do not have it; else as
    `edgelstm.data.read.read_recordings`."""
    features = options.roles.features
    if features:
        features = (*features, *(name for name in task.columns_to_tell if name not in features))
    return task.dataset(task.recordings(path, replace(options, roles=replace(options.roles, features=features))))


__all__ = [
    "CLASSIFY",
    "TASKS",
    "Anomaly",
    "Classify",
    "Forecast",
    "Frames",
    "Regress",
    "Tags",
    "Task",
    "TaskEntry",
    "Text",
    "read_dataset",
    "read_task",
]
