"""The demo's smartwatch recordings as a folder of CSV files, for the tutorial in docs/training.md.

    python examples/watch_as_csv.py data/watch.npz exercises

Each recording is a file, its exercise before the first dot of the name, its person in a column.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

from edgelstm.data import load_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    dataset = load_dataset(options.data)
    options.folder.mkdir(exist_ok=True)
    columns = [f"{name} [{unit}]" for name, unit in zip(dataset.feature_names, dataset.feature_units)]
    numbers: Counter[str] = Counter()
    for place, (frames, y) in enumerate(zip(dataset.sequences, dataset.y)):
        label = dataset.labels[y].replace(" ", "_")
        numbers[label] += 1
        path = options.folder / f"{label}.{numbers[label]}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["time", "person", *columns])
            for n, frame in enumerate(frames):
                time = f"{n / dataset.sample_rate:.2f}"
                writer.writerow([time, dataset.group(place), *(f"{value:.6g}" for value in frame)])


if __name__ == "__main__":
    main()
