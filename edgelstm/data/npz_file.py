"""An NPZ data set as recordings; `edgelstm.data.dataset_file` explains its arrays."""

from __future__ import annotations

from pathlib import Path

from edgelstm.data.dataset_file import load_dataset
from edgelstm.data.options import ReadOptions
from edgelstm.data.recordings import Recording, Recordings


def read_npz_file(path: Path, _options: ReadOptions) -> Recordings:
    """Its sequences, each with its label and group."""
    dataset = load_dataset(path)
    alone = len(set(dataset.groups.tolist())) == len(dataset)
    return Recordings(
        tuple(
            Recording(
                f"sequence {place}",
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
    )
