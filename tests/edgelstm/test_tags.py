"""The task `tags`: what data say, how it is counted, and the whole road from CSV files to a stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data.recordings import Recording, Recordings
from edgelstm.judging.tagging import best_thresholds, tagging
from edgelstm.model_file import load_model
from edgelstm.tasks import Tags
from edgelstm.training import parse_config

Command = Callable[..., Any]
FRAMES = np.zeros((3, 2), np.float32)
RECIPE = """
[task]
kind = "tags"
columns = ["loud", "rising"]
thresholds = "f1"

[data]
group = "who"
test_groups = ["c"]
validation_groups = ["b"]

[model]
units = [8]

[training]
epochs = 40
batch = 16
learning_rate = 0.02
balance = "weights"
"""


def recordings(*labels: str | None, frames: tuple[str, ...] = ()) -> Recordings:
    whole = [Recording(f"r{n}", FRAMES, label) for n, label in enumerate(labels)]
    if frames:
        whole.append(Recording("along", FRAMES, frame_labels=frames))
    return Recordings(tuple(whole), ("a", "b"))


def test_labels_list_names() -> None:
    dataset = Tags().dataset(recordings("rain|wind", "|", " wind ", "sun"))
    assert dataset.labels == ("rain", "sun", "wind")
    assert dataset.targets is not None
    truths = np.concatenate([dataset.targets[place] for place in range(4)])
    assert truths.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert len(set(dataset.y.tolist())) == 4  # splits keep sets of tags in proportion


def test_frames_list_names_and_those_without_a_label_are_not_known() -> None:
    dataset = Tags(per="frame", separator="+").dataset(recordings("b", frames=("a+b", "", "+")))
    assert dataset.targets is not None
    np.testing.assert_array_equal(dataset.targets[1], [[1, 1], [np.nan, np.nan], [0, 0]])
    np.testing.assert_array_equal(dataset.targets[0], [[0, 1]] * 3)


def test_columns_are_no_features() -> None:
    frames = np.array([[0.5, 1, 7], [0.2, 1, 9]], np.float32)
    found = Recordings((Recording("r", frames),), ("x", "hot", "y"), ("m", "", "s"))
    dataset = Tags(columns=("hot",)).dataset(found)
    assert (dataset.labels, dataset.feature_names, dataset.feature_units) == (("hot",), ("x", "y"), ("m", "s"))
    assert dataset.targets is not None
    assert dataset.targets[0].tolist() == [[1]]


@pytest.mark.parametrize(
    ("task", "labels", "frames", "said"),
    [
        (Tags(), (None,), (), "r0: has no label, expected names with '|' between them, '|' alone for none of them"),
        (Tags(), ("|",), (), "data: no label lists a name, expected some with '|' between them"),
        (Tags(), ("a",), ("a", "b", "a"), 'along: its label changes within it, expected one, or per = "frame"'),
        (Tags(columns=("c",)), ("a",), (), "data: no column 'c' of numbers, expected one of a, b"),
    ],
)
def test_data_without_tags_are_refused(
    task: Tags, labels: tuple[str | None, ...], frames: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match="^" + said.replace("|", r"\|")):
        task.dataset(recordings(*labels, frames=frames))


def test_a_truth_is_0_or_1() -> None:
    found = Recordings((Recording("r", np.array([[0, 2]], np.float32)),), ("x", "hot"))
    with pytest.raises(ValueError, match=r"^r: hot: 2, expected 0 or 1$"):
        Tags(columns=("hot",)).dataset(found)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ('[training]\nbalance = "sampling"', "training.balance: 'sampling', expected weights for tags"),
        ('[task]\nthresholds = "f1"', "task.thresholds: 'f1', expected half without data.validation"),
        ('[training]\ncriterion = "mse"', "training.criterion: 'mse', expected one of binary for tags"),
    ],
)
def test_what_does_not_go_with_tags(tables: str, said: str) -> None:
    text = tables if tables.startswith("[task]") else f"[task]\n{tables}"
    with pytest.raises(ValueError, match=said):
        parse_config(text.replace("[task]", '[task]\nkind = "tags"'))


def in_parts(answers: np.ndarray, truth: np.ndarray) -> Callable[[], list[tuple[np.ndarray, np.ndarray]]]:
    """Two rows, and the rest: counts do not depend on it."""
    return lambda: [(answers[:2], truth[:2]), (answers[2:], truth[2:])]


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_counted_one_by_one(seed: int) -> None:
    """Against a plain count."""
    rng = np.random.default_rng(seed)
    answers = rng.random((40, 3)).round(1)
    truth = rng.choice([0, 1, np.nan], (40, 3), p=[0.5, 0.3, 0.2])
    limits = (0.5, 0.3, 0.8)
    found = tagging("x", False, ("a", "b", "c"), in_parts(answers, truth), limits)
    right = said = true = exact = 0
    for row, wanted in zip(answers, truth):
        pairs = [(p >= limit, t == 1) for p, t, limit in zip(row, wanted, limits) if not np.isnan(t)]
        right += sum(a and b for a, b in pairs)
        said += sum(a for a, _ in pairs)
        true += sum(b for _, b in pairs)
        exact += bool(pairs) and all(a == b for a, b in pairs)
    assert (found.right.sum(), found.said.sum(), found.counts.sum(), found.exact) == (right, said, true, exact)
    assert found.micro_f1 == pytest.approx(2 * right / (said + true))
    assert found.macro_f1 == pytest.approx(np.mean(found.f1))


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_larger_f1_than_the_best(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = (rng.random((60, 2)) < 0.3).astype(np.float32)
    answers = (0.4 * truth + rng.random((60, 2))).round(1) / 2
    best = best_thresholds(answers, truth)
    for limit in np.linspace(0, 1, 101):
        other = tagging("x", False, ("a", "b"), in_parts(answers, truth), (limit, limit))
        assert (tagging("x", False, ("a", "b"), in_parts(answers, truth), best).f1 >= other.f1 - 1e-12).all()
    assert best_thresholds(answers, np.zeros_like(truth)) == (0.5, 0.5)


def test_what_is_never_found_is_told() -> None:
    truth = np.array([[1, 1], [0, 1], [0, 0]], np.float32)
    answers = np.array([[0.1, 0.9], [0.2, 0.9], [0.1, 0.9]])
    never, always = tagging("x", False, ("rare", "usual"), in_parts(answers, truth)).remarks()
    assert never.startswith("never found: 'rare'; training.balance")
    assert always == "always said: 'usual'"


def write_recordings(folder: Path) -> None:
    """Noise that may be loud, and that may rise: all four, by three people."""
    rng = np.random.default_rng(1)
    for n in range(72):
        loud, rising = n % 2, n % 6 == 0
        x = rng.normal(size=20) * (3 if loud else 0.5) + (np.linspace(0, 9, 20) if rising else 0)
        rows = "".join(f"{value:.3f},{loud},{int(rising)},{'abc'[n // 24]}\n" for value in x)
        (folder / f"r{n:02}.csv").write_text(f"x,loud,rising,who\n{rows}")


def test_from_csv_files_to_a_stream(command: Command, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_recordings(data)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    model, file = tmp_path / "model.npz", tmp_path / "model.elstm"
    ended = command("train", tmp_path / "recipe.toml", "--data", data, "-o", model, "--json")
    assert ended.code == 0, ended.err
    thresholds = load_model(model).thresholds
    assert len(thresholds) == 2
    assert thresholds != (0.5, 0.5)
    first, *_ = json.loads(ended.out)["evaluations"]
    assert first["macro_f1"] > 0.9 > first["majority"]
    assert [first["labels"][label]["threshold"] for label in ("loud", "rising")] == list(thresholds)

    assert command("export", model, "--format", "elstm", "-o", file).code == 0
    for path in (model, file):
        ended = command("evaluate", path, data, "--json")
        assert ended.code == 0, ended.err
        found = json.loads(ended.out)
        assert found[0]["answers"] == 24
        assert min(result["macro_f1"] for result in found) > 0.9
    ended = command("stream", file, data / "r30.csv")
    *_, last = ended.out.splitlines()
    answer = json.loads(last)
    assert set(answer["probabilities"]) == {"loud", "rising"}
    for label, threshold in zip(("loud", "rising"), thresholds):
        assert (label in answer["labels"]) == (answer["probabilities"][label] >= threshold)
