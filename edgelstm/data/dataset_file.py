"""The NPZ file that holds a data set.

| array                            | what                                                               |
|----------------------------------|--------------------------------------------------------------------|
| `X`                              | (sequences, frames, features), or (all frames, features) with `lengths` |
| `lengths`                        | (sequences,) frames of each, adding up to the rows of `X`          |
| `y`                              | what is true: see below; not needed by tasks that tell frames from frames |
| `labels`                         | (classes,) text: the names of classes, optional                    |
| `target_names`                   | (columns,) text: the names of numbers in `y`, optional             |
| `group` or `subject`             | (sequences,) whole numbers or text, optional: splits keep a group together |
| `feature_names`, `feature_units` | (features,) text, optional                                         |
| `sample_rate`                    | frames per second, optional                                        |
| `test`                           | (sequences,) true or 1 where the data's own split tests, optional  |
| `recording_names`                | (sequences,) text, optional                                        |
| `name`, `source`                 | text, optional                                                     |

`y` has a row for each sequence, (sequences,), or for each frame, (all frames,) or (sequences, frames). Whole numbers
are places in `labels`, -1 where there is none; without `labels` they, or text, or true and false, name the classes
themselves, whole numbers in their order. Real numbers, and those that have `target_names` or columns, (sequences,
columns), (all frames, columns) or (sequences, frames, columns), are numbers to be told, NaN where one is not known.
Text may be bytes in UTF-8.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import labelled
from edgelstm.data.npz_file import read_npz_file
from edgelstm.data.npz_writing import save_recordings
from edgelstm.data.recordings import Recording, Recordings


def load_dataset(path: Path | str, max_bytes: int | None = None) -> Dataset:
    """Read and check a data set with a class for each sequence. `max_bytes` bounds what the file may unpack
    to; without it, the room on the disk does.

    Raises FileNotFoundError or OSError without the file, ValueError (one line: file, field, what was found,
    what would be right) for anything that is no such data set.
    """
    path = Path(path)
    recordings = read_npz_file(path, max_bytes=max_bytes)
    try:
        return labelled(recordings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_dataset(dataset: Dataset, path: Path | str) -> None:
    """Write a data set with a class for each sequence so that `load_dataset` gives it back. The same data set gives
    the same bytes."""
    save_recordings(_recordings(dataset), path)


def _recordings(dataset: Dataset) -> Recordings:
    if dataset.targets is not None:
        raise ValueError(f"{dataset.name}: has targets, expected a class for each sequence: save its recordings")
    alone = dataset.is_each_alone or (
        np.array_equal(dataset.groups, np.arange(len(dataset))) and not dataset.group_names
    )
    return Recordings(
        tuple(
            Recording(
                dataset.group(place) if dataset.is_each_alone and dataset.group_names else f"sequence {place}",
                x,
                dataset.labels[dataset.y[place]],
                group=None if alone else dataset.group(place),
                test=None if dataset.test is None else bool(dataset.test[place]),
            )
            for place, x in enumerate(dataset.sequences)
        ),
        dataset.feature_names,
        dataset.feature_units,
        dataset.sample_rate,
        dataset.name,
        dataset.source,
        labels=dataset.labels,
    )
