"""What names of files say by a pattern, and which patterns are proposed for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest

from edgelstm.data.file_names import check_pattern, group_hints, label_hints, said_by_names
from edgelstm.data.recordings import BadFilesError
from edgelstm.training import load_config

Command = Callable[..., Any]

LABELS, PEOPLE = ("sit", "walk"), ("anna", "bob", "zoë")


def files(pattern: str, takes: int = 2) -> tuple[list[str], list[str]]:
    """(names, labels) of all labels, people and takes."""
    found = [(pattern.format(l=label, p=who, n=n), label) for label, who, n in product(LABELS, PEOPLE, range(takes))]
    found = list(dict.fromkeys(found))
    return [name for name, _ in found], [label for _, label in found]


@pytest.mark.parametrize(
    ("name", "pattern", "said"),
    [
        ("walk.anna.0.csv", "{label}.{group}.{}", {"label": "walk", "group": "anna"}),
        ("anna_walk_01.csv.gz", "{group}_{label}_{}", {"label": "walk", "group": "anna"}),
        ("home/walk_01.csv", "{label}_{}", {"label": "walk"}),
        ("anna/walk_01.wav", "{group}/{label}_{}", {"label": "walk", "group": "anna"}),
    ],
)
def test_a_pattern_finds_what_a_name_says(name: str, pattern: str, said: dict[str, str]) -> None:
    assert said_by_names([PurePath(name)], pattern) == {name: said}


@pytest.mark.parametrize("pattern", ["walk", "{}", "{who}_{}", "{label}{group}", "{label}_{label}"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"^names: "):
        check_pattern(pattern)


def test_names_that_do_not_fit_are_listed() -> None:
    paths = [PurePath(name) for name in ("a_b_1.csv", "a.csv", "c_1.csv")]
    with pytest.raises(BadFilesError) as raised:
        said_by_names(paths, "{label}_{group}_{}")
    assert [problem.file for problem in raised.value.problems] == ["a.csv", "c_1.csv"]


@pytest.mark.parametrize(
    ("pattern", "by_name", "hints"),
    [
        ("{l}.{p}.{n}.csv", True, ["{label}.{group}.{}"]),
        ("{l}.{p}.csv", True, ["{label}.{group}"]),
        ("{p}_{n}.csv", False, ["{group}_{}"]),
        ("{p}_{l}_{n:02}.wav", False, ["{group}_{label}_{}"]),
        ("{l}.{n}.csv", True, []),
        ("{l}.take{n}.csv", True, []),
    ],
)
def test_parts_that_come_again_are_proposed_as_groups(pattern: str, by_name: bool, hints: list[str]) -> None:
    names, labels = files(pattern)
    assert [hint.pattern for hint in group_hints(names, labels, by_name)] == hints


def test_numbers_of_people_are_told_from_those_of_takes() -> None:
    names = [f"{label}-{who:02}-s{n}.csv" for label, who, n in product(LABELS, range(4), range(2))]
    labels = [name.partition("-")[0] for name in names]
    assert {hint.pattern for hint in group_hints(names, labels, False)} == {
        "{label}-{group}-{}",
        "{label}-{}-{group}",
    }
    alone = [f"{label}_{n:02}.csv" for label, n in product(LABELS, range(4))]
    assert group_hints(alone, [name.partition("_")[0] for name in alone], False) == []


def test_labels_are_proposed_from_words_alone() -> None:
    assert [h.pattern for h in label_hints(files("{p}_{l}_{n}.csv")[0])] == ["{label}_{}", "{}_{label}_{}"]
    assert label_hints([f"recording_{n}.csv" for n in range(8)]) == []
    assert label_hints([f"sequence {n}" for n in range(8)]) == []


def write(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(8)
    for name in names:
        (folder / name).write_text("x\n" + "".join(f"{v:.3f}\n" for v in rng.normal("walk" in name, 1, 60)))
    return folder


def test_what_is_proposed_is_an_option_that_works(tmp_path: Path, command: Command) -> None:
    """Nothing is guessed in silence: without the option there is no group, and no label."""
    data, recipe, model = (
        write(tmp_path / "data", files("{p}_{l}_{n}.csv")[0]),
        tmp_path / "r.toml",
        tmp_path / "m.npz",
    )
    refused = command("init", data, "-o", recipe)
    assert refused.code == 1
    assert len(refused.err) <= 400
    assert "--names '{}_{label}_{}' takes 'sit', 'walk'" in " ".join(refused.err.split())
    labelled = json.loads(command("data", "inspect", data, "--names", "{}_{label}_{}", "--json").out)
    assert (labelled["labels"], labelled["groups"]) == ({"sit": 6, "walk": 6}, {})
    (line,) = (text for text in labelled["warnings"] if text.startswith("a part of the files' names"))
    assert "--names '{group}_{label}_{}' takes 'anna', 'bob', 'zoë'" in line
    assert command("init", data, "--names", "{group}_{label}_{}", "-o", recipe).code == 0
    assert load_config(recipe).data.names == "{group}_{label}_{}"
    grouped = json.loads(command("data", "inspect", data, "--names", "{group}_{label}_{}", "--json").out)
    assert grouped["groups"] == {"anna": 4, "bob": 4, "zoë": 4}
    trained = command("train", recipe, "-o", model, "--set", "training.epochs=1", "--no-report")
    assert trained.code == 0, trained.err
    # Data for the model are read as those were that it learned from; what only streams needs no such names.
    assert command("evaluate", model, data).code == 0
    assert command("export", model, "--format", "elstm", "--data", write(tmp_path / "new", ["1.csv"])).code in (0, 3)
    assert command("init", data, "--names", "{label}_{}", "--label", "x", "-o", recipe, "--force").code == 1
    assert command("init", data, "--names", "{who}", "-o", recipe, "--force").code == 2
    assert command("data", "inspect", data / "anna_sit_0.csv", "--names", "{label}_{}").code == 1
