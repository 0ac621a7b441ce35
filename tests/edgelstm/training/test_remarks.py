"""What is legal and most likely not meant is said, with the remedy; nothing is said of what is well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data import Dataset, save_dataset
from edgelstm.judging import Decisions

Command = Callable[..., Any]
RECIPE = "[data]\nfile = 'data.npz'\ntest_groups = [1]\n[training]\nepochs = 1\n[model]\nunits = [2]\n"


def made(counts: dict[str, int], frames: int = 12, features: int = 2, short: int = 0) -> Dataset:
    """So many recordings of each class, half of them in group 1; the first `short` of these have but 3 frames."""
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(len(counts)), list(counts.values()))
    groups = np.arange(len(y)) % 2
    lengths = np.full(len(y), frames)
    lengths[np.flatnonzero(groups == 1)[:short]] = 3
    return Dataset(
        tuple(rng.normal(size=(n, features)).astype(np.float32) for n in lengths), y, tuple(counts), groups, ()
    )


@pytest.fixture
def train(command: Command, tmp_path: Path) -> Callable[..., Any]:
    """`edgelstm train` on these data by the recipe, with more keys of [training] and more tables."""

    def run(dataset: Dataset, keys: str = "", tables: str = "", options: tuple[str, ...] = ()) -> Any:
        save_dataset(dataset, tmp_path / "data.npz")
        recipe = RECIPE.replace("[training]\n", f"[training]\n{keys}\n") + tables
        (tmp_path / "recipe.toml").write_text(recipe)
        return command("train", tmp_path / "recipe.toml", "-o", tmp_path / "model.npz", *options)

    return run


GOOD = {"left": 20, "right": 20}


def words(text: str) -> str:
    return " ".join(text.split())


def test_nothing_is_said_of_what_is_well(train: Callable[..., Any]) -> None:
    ended = train(made(GOOD))
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize(
    ("dataset", "keys", "tables", "said"),
    [
        (made(GOOD), "loss = 'last'", "[answer]\npooling = 'mean'", 'training.loss: "last" trains the newest scores'),
        (made(GOOD), "loss = 'mean'", "[answer]\npooling = 'mean+max'\nhop = 0", '"mean+max" fits itself alone'),
        (
            made(GOOD, frames=6, features=9),
            "",
            "",
            "9 features, but at most 6 frames in a recording; if X is (cases,",
        ),
        (
            made({"left": 80, "rare": 4}),
            "",
            "",
            "far fewer recordings than of 'left' (40): 'rare'; the accuracy says",
        ),
        (
            made(GOOD),
            "truncate = 13",
            "[answer]\nhop = 1",
            "training.truncate: 13, but no recording has more than 12",
        ),
        (made({"left": 20, "right": 20, "up": 0}), "", "", "no recording to train on: 'up'"),
        (made({"left": 20, "Left ": 20, "right": 20}), "", "", "labels 'left' and 'Left ' differ in case or spaces"),
    ],
)
def test_what_is_most_likely_not_meant_is_said(
    train: Callable[..., Any], dataset: Dataset, keys: str, tables: str, said: str
) -> None:
    ended = train(dataset, keys, tables)
    assert ended.code == 0, ended.err
    assert said in words(ended.err)
    remarks = json.loads(train(dataset, keys, tables, ("--json",)).out)["remarks"]
    (remark,) = (line for line in remarks if "along a stream" not in line)  # that is of what was learned
    assert said in remark


def test_a_class_that_is_never_found_is_told() -> None:
    """An accuracy of 95 % shows nothing of it; a class that the test has not is no failure."""
    confusion = np.array([[38, 2, 0, 0], [0, 18, 0, 0], [2, 1, 0, 0], [0, 0, 0, 0]])
    found = Decisions("float32", False, ("left", "right", "rare\x1b", "absent"), confusion)
    assert "never found: 'rare?'" in found.remarks()
    assert not Decisions("float32", False, ("left", "right"), confusion[:2, :2]).remarks()


@pytest.mark.parametrize(
    ("counts", "decided", "said"),
    [
        ((9, 9), 0, "that tells classes apart"),
        ((9, 2), 1, "that tells classes apart"),
        ((9, 2), 0, "but which class is most frequent; training.balance"),
    ],
)
def test_the_most_frequent_class_is_spoken_of_where_it_is_answered(
    counts: tuple[int, int], decided: int, said: str
) -> None:
    confusion = np.zeros((2, 2), np.int64)
    confusion[:, decided] = counts
    (told,) = (line for line in Decisions("float32", False, ("a", "b"), confusion).remarks() if "every" in line)
    assert f"nothing was learned {said}" in told
    assert ("training.balance" in told) == ("training.balance" in said)
    streamed = Decisions("float32", True, ("a", "b"), confusion).remarks()
    assert not any("learned" in line for line in streamed), "fresh recordings may all be told rightly"
    assert any(line.startswith("every answer of the stream is") for line in streamed)


def test_what_is_said_of_every_precision_is_said_once(train: Callable[..., Any]) -> None:
    told = words(train(made({"left": 40, "rare": 2}), "", "[answer]\nhop = 12").out)
    assert "int8" in told
    assert "as deployed" in told
    assert told.count("always the most frequent class would be right in") == 1


@pytest.mark.parametrize("counts", [{"left": 20}, {"left": 20, "right": 0}])
def test_one_class_alone_is_refused(train: Callable[..., Any], counts: dict[str, int]) -> None:
    ended = train(made(counts))
    assert ended.code == 1
    assert "all that is trained on is 'left', expected two classes or more" in ended.err


@pytest.mark.parametrize(
    ("keys", "tables", "said"),
    [
        ("", "[augment]\nmirror = [7]", "augment.mirror: [7], expected some of the features 0 to 1"),
        ("", "[augment]\ntriads = [[0, 1, 2]]\nscale = 0.1", "augment.triads: [0, 1, 2], expected three of"),
        ("patience = 3", "", "training.patience: 3, expected 0 without data.validation"),
    ],
)
def test_what_the_data_do_not_have_names_recipe_and_key(
    train: Callable[..., Any], tmp_path: Path, keys: str, tables: str, said: str
) -> None:
    ended = train(made(GOOD), keys, tables)
    assert ended.code == 1
    assert ended.err.startswith(f"edgelstm: {tmp_path / 'recipe.toml'}: {said}")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("test_groups = [9]", "data.test_groups: group 9: not in data, expected one of 0, 1"),
        ("test_groups = [1]\nwindow = 99", "data.window: windows: 99 frames, expected at most 12"),
        ("test_groups = [1]\nvalidation_groups = [7]", "data.validation_groups: group 7"),
    ],
)
def test_groups_and_windows_that_the_data_do_not_have(command: Command, tmp_path: Path, data: str, said: str) -> None:
    save_dataset(made(GOOD), tmp_path / "data.npz")
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace("test_groups = [1]", data))
    ended = command("train", path, "-o", tmp_path / "model.npz")
    assert ended.code == 1
    assert ended.err.startswith(f"edgelstm: {path}: {said}")


def test_short_recordings_are_counted(command: Command, tmp_path: Path) -> None:
    save_dataset(made(GOOD, short=3), tmp_path / "data.npz")
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace("test_groups = [1]", "test_groups = [1]\nwindow = 10"))
    ended = command("train", path, "-o", tmp_path / "model.npz")
    assert "data.window: 3 of 20 test recordings have fewer than 10 frames" in words(ended.err)
    assert "of 17" in ended.out


def test_symbols_may_be_more_than_a_text_has(command: Command, tmp_path: Path) -> None:
    lines = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}x" for n in range(200)]
    (tmp_path / "t.csv").write_text("name\n" + "\n".join(lines) + "\n")
    recipe = tmp_path / "r.toml"
    assert command("init", tmp_path / "t.csv", "--task", "text", "--columns", "name", "-o", recipe).code == 0
    ended = command("train", recipe, "-o", tmp_path / "m.npz", "--set", "training.epochs=1", "--no-report")
    assert ended.code == 0, ended.err
    assert "exchanged" not in ended.err
    assert "transpose" not in ended.err
