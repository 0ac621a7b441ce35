"""Data for a model that is there: read as the data were that it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from edgelstm.data.columns import Roles
from edgelstm.data.dataset import Dataset
from edgelstm.data.file_names import MOST_LETTERS, check_pattern
from edgelstm.data.labelled import from_recordings, labelled
from edgelstm.data.options import DEFAULTS, MAX_RATE, LabelFrom, ReadOptions
from edgelstm.data.times import Missing
from edgelstm.tasks import Task, read_dataset


def read_again(path: Path | str, provenance: object, features: tuple[str, ...], task: Task) -> Dataset:
    """The recordings at `path`, of any format, with what `task` makes of them. Errors as of `read_dataset`.

    provenance: the model's, whose recipe names the columns of labels, groups and times, and says what becomes of
    gaps; where it says nothing, columns are found by their names. features: the model's names; CSV files with a
    header have to have them all, and may have others.
    """
    options = options_of(provenance)
    options = replace(options, names=options.names if Path(path).is_dir() else "")
    found = read_dataset(path, replace(options, roles=replace(options.roles, features=features)), task)
    return replace(found, sample_rate=found.sample_rate or stated_rate(provenance))


def read_frames_again(path: Path | str, provenance: object, features: tuple[str, ...], task: Task) -> Dataset:
    """The same for those who ask for no truth: labels are taken where there are some, for the sake of variety, and no
    column but those of features has to be there."""
    options = options_of(provenance)
    roles = replace(options.roles, features=features)
    free = replace(options, roles=roles, label_from="auto", names="", may_lack=("time", "label", "group", "series"))
    recordings = task.taken(task.recordings(path, free))
    recordings = replace(recordings, sample_rate=recordings.sample_rate or stated_rate(provenance))
    if all(recording.label is not None for recording in recordings.recordings):
        return labelled(recordings)
    return from_recordings(recordings, np.zeros(len(recordings.recordings), np.int64), ("",))


def options_of(provenance: object) -> ReadOptions:
    """What a recipe said of how its data are read. A provenance may hold anything."""
    said = _within(_within(provenance, "config"), "data")

    def column(role: str) -> str:
        name = said.get(role)
        return name if isinstance(name, str) else ""

    label_from, missing = said.get("label_from"), said.get("missing")
    return ReadOptions(
        Roles(column("time"), column("label"), column("group"), column("series")),
        label_from if label_from in get_args(LabelFrom) else DEFAULTS.label_from,  # type: ignore[arg-type]
        missing if missing in get_args(Missing) else DEFAULTS.missing,  # type: ignore[arg-type]
        names=_pattern(said.get("names")),
    )


def _pattern(names: object) -> str:
    """What names of files say; "" for what is no pattern."""
    if isinstance(names, str) and len(names) <= MOST_LETTERS:
        with suppress(ValueError):
            check_pattern(names)
            return names
    return ""


def stated_rate(provenance: object) -> float:
    """Frames per second of data that do not say theirs, as a recipe stated it; 0 where it did not."""
    rate = _within(_within(provenance, "config"), "data").get("rate")
    return float(rate) if isinstance(rate, (int, float)) and 0 <= rate <= MAX_RATE else 0.0


def _within(value: object, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
