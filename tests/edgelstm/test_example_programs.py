"""The parts of example programs that figures rest on: 5-grams are distributions, power lies where it is."""

from __future__ import annotations

import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgelstm.data import load_dataset
from edgelstm.tasks import Frames

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WATCH = EXAMPLES.parent / "data" / "watch.npz"


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["WittenBell", "KneserNey"])
def test_what_a_5_gram_gives_to_all_symbols_adds_up_to_one(kind: str) -> None:
    texts = [np.random.default_rng(seed).integers(0, 6, 200).tolist() for seed in (1, 2)]
    model = getattr(example("docstrings"), kind)(texts, 7)
    for context in [(), (3,), tuple(texts[0][50:54]), (6, 6, 6, 6), (0, 6, 1, 2), tuple(texts[1][:3])]:
        given = [model.probability(context, symbol) for symbol in range(7)]
        assert sum(given) == pytest.approx(1)
        assert min(given) > 0


def test_the_docstrings_of_a_wheel_are_texts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("a/b.py", '"""Says b."""\ndef c():\n    """Says c."""\n')
        wheel.writestr("a/tests/d.py", '"""Says d."""\n')
        wheel.writestr("a/e.py", "e = 1\n")
    assert example("docstrings").extract(tmp_path / "a.whl", tmp_path / "texts") == 1
    assert (tmp_path / "texts" / "a.b.txt").read_text() == "Says b.\n\nSays c.\n"


def test_recordings_of_gait_are_stretches_of_the_experiment(tmp_path: Path) -> None:
    """Trembling of 5 Hz, then steps of 1 Hz; power of each lies in its band once 4 seconds are its own."""
    seconds = np.arange(64 * 20) / 64
    vertical = np.where(seconds < 10, 300 * np.sin(2 * np.pi * 5 * seconds), 300 * np.sin(2 * np.pi * seconds))
    annotation = np.where(seconds < 1, 0, np.where(seconds < 10, 2, 1))
    rows = [f"{1000 * t:.0f} 0 {v:.0f} {' '.join('0' * 7)} {a}" for t, v, a in zip(seconds, vertical, annotation)]
    (tmp_path / "S01R02.txt").write_text("\n".join(rows) + "\n")
    freezing = example("freezing")
    dataset = freezing.read(tmp_path)
    assert (dataset.labels, dataset.frames, dataset.all_groups) == (("freezing", "walking"), 64 * 19, ("S01",))
    assert freezing.truth(dataset).sum() == 64 * 9
    high, low = freezing.power(dataset.sequences[0]).T
    assert high[64 * 8] > 50 * low[64 * 8]
    assert low[-1] > 50 * high[-1]
    assert freezing.f1(np.array([1, 1, 0], bool), np.array([1, 0, 0], bool)) == pytest.approx(2 / 3)


@pytest.mark.skipif(not WATCH.exists(), reason="data/watch.npz is made by `make data`")
def test_sessions_hold_every_recording_once_and_linear_rules_are_judged() -> None:
    sessions = example("sessions")
    watch = load_dataset(WATCH)
    for task in sessions.TASKS.values():
        data = sessions.sessions(watch, task)
        assert data.all_groups == watch.all_groups
        for place in range(len(data)):
            rows = np.concatenate([watch.sequences[n] for n in np.flatnonzero(watch.in_groups([data.group(place)]))])
            assert np.array_equal(np.sort(data.sequences[place], axis=0), np.sort(rows, axis=0))
        some, test = data.subset(~data.in_groups([1, 3])), data.subset(data.in_groups([1]))
        linear = sessions.judged_linear(1, some, data.subset(data.in_groups([3])), test, task)
        assert 0.6 < linear.headline.value < 0.99
    counts = np.bincount(sessions.sessions(watch, Frames()).targets[0])
    assert counts.tolist() == [
        sum(
            len(watch.sequences[n])
            for n in np.flatnonzero(watch.in_groups(["1"]))
            if watch.labels[watch.y[n]] == label
        )
        for label in sorted(watch.labels)
    ]
