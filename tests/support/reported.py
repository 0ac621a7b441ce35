"""A small model and data for every task, as reports are made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate
from edgelstm.tasks import Anomaly, Classify, Forecast, Frames, Regress, Tags, Task, Text
from edgelstm.tasks.anomaly import Learned

TASKS: dict[str, Task] = {
    "classify": Classify(),
    "frames": Frames(),
    "tags": Tags(),
    "tags of frames": Tags(per="frame"),
    "regress": Regress(),
    "regress frames": Regress(per="frame"),
    "forecast": Forecast(ahead=(1, 3, 6), season=10),
    "quantiles": Forecast(ahead=(2,), quantiles=(0.1, 0.5, 0.9)),
    "anomaly": Anomaly(settle=5, slack=2, learned=Learned((0.0,) * 3, (1.0,) * 3, (1.0,) * 3, 1.2)),
    "text": Text(),
}


@dataclass(frozen=True)
class Reported:
    model: Model
    dataset: Dataset


def reported(kind: str, name: str = "thing", *, recordings: int = 9, frames: int = 60, seed: int = 0) -> Reported:
    """A model of random weights, calibrated, and data that it fits. name: what names of all kinds begin with."""
    rng = np.random.default_rng(seed)
    task = TASKS[kind]
    columns = ("a", "b", "c") if kind != "text" else tuple(f"{name}{n}" for n in range(5))
    dataset = task.dataset(_recordings(task, columns, name, recordings, frames, rng))
    outputs, width = len(dataset.labels), 6
    lstm = LSTM(
        rng.normal(size=(4 * width, dataset.features)) * 0.4,
        rng.normal(size=(4 * width, width)) * 0.4,
        rng.normal(size=4 * width) * 0.1,
    )
    dense = Dense(rng.normal(size=(outputs, width)), rng.normal(size=outputs) * 0.1)
    model = Model(
        Normalize(np.zeros(dataset.features), np.ones(dataset.features)),
        (lstm, dense),
        activation=task.activation,
        answer=Answer("mean", 20, 5) if task.pools and not task.each_frame else Answer("last", 0, 2),
        task=task,
        labels=dataset.labels,
        label_units=dataset.label_units,
        feature_names=dataset.feature_names,
        name=name,
        provenance={"data": name, "config": {"training": {"epochs": 3, "note": name}}},
    )
    return Reported(calibrate(replace(model, feature_units=dataset.feature_units), dataset.sequences), dataset)


def _recordings(
    task: Task, columns: tuple[str, ...], name: str, count: int, frames: int, rng: np.random.Generator
) -> Recordings:
    found = []
    for n in range(count):
        x = np.cumsum(rng.normal(size=(frames, len(columns))), axis=0).astype(np.float32) / 4
        recording = Recording(f"{name}{n}", x, group=f"{name} group {n % 3}")
        if isinstance(task, Text):
            one_hot = np.eye(len(columns), dtype=np.float32)[rng.integers(len(columns), size=frames)]
            recording = replace(recording, frames=one_hot)
        elif isinstance(task, Classify):
            recording = replace(recording, label=f"{name} {n % 4}")
        elif isinstance(task, Frames):
            recording = replace(recording, frame_labels=[f"{name} {(t // 20 + n) % 3}" for t in range(frames)])
        elif isinstance(task, Anomaly):
            labels = ["odd" if n == 1 and 30 <= t < 36 else "normal" for t in range(frames)]
            x[30:36] += 5 * (n == 1)
            recording = replace(recording, frame_labels=labels)
        elif isinstance(task, Tags | Regress):
            rows = frames if task.each_frame else 1
            values = rng.normal(size=(rows, 2))
            targets = (values > 0) if isinstance(task, Tags) else values
            recording = replace(recording, targets=targets.astype(np.float32))
        found.append(recording)
    told = (f"{name} fan", f"{name} pump") if isinstance(task, Tags | Regress) else ()
    units = () if isinstance(task, Text) else ("g", "g", "bar")
    return Recordings(tuple(found), columns, units, 10.0, name, target_names=told)
