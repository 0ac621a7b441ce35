"""Recordings that were learned from are known again, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data.dataset import Dataset
from edgelstm.data.known import MOST, known, marks_of
from edgelstm.model_file import load_model

NOTE = "note: {} of {} recordings begin as some that were learned from: it knows them already"


def made(count: int, length: int = 40, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    x = tuple(rng.normal(size=(length, 2)).astype(np.float32) for _ in range(count))
    return Dataset(x, np.arange(count) % 2, ("a", "b"), np.arange(count), ("x", "y2"))


def test_marks_know_those_that_they_are_of_and_no_others() -> None:
    some, others = made(20), made(20, seed=1)
    assert known(some, marks_of(some)) == 20
    assert known(some.subset([3, 7]), marks_of(some.subset([7, 9]))) == 1
    assert known(others, marks_of(some)) == 0
    assert len(marks_of(made(3 * MOST))) <= 8 * MOST
    still = Dataset((np.zeros((40, 2), np.float32),) * 2, np.zeros(2, int), ("a",), np.arange(2), ())
    assert marks_of(still) == marks_of(made(5, length=8)) == ""
    for damaged in (None, 3, "é", "abc", {}):
        assert known(some, damaged) == 0


@pytest.mark.parametrize("split", ["groups", "time"])
def test_a_renamed_copy_is_known_by_evaluate(command: Callable[..., Any], tmp_path: Path, split: str) -> None:
    data = tmp_path / "walks"
    data.mkdir()
    for n, x in enumerate(made(10, 60).sequences):
        rows = "\n".join(f"{a:.6f},{b:.6f}" for a, b in x)
        (data / f"{'ab'[n % 2]}.{n}.csv").write_text(f"a,b\n{rows}\n")
    recipe, model = tmp_path / "r.toml", tmp_path / "m.npz"
    recipe.write_text(f'[data]\nfile = "walks"\nsplit = "{split}"\n[model]\nunits = [4]\n[training]\nepochs = 1\n')
    done = command("train", recipe, "-o", model)
    assert done.code == 0, done.err
    tested = " ".join(command("evaluate", model, data).err.split())
    assert "learned from" not in tested
    data.rename(tmp_path / "others")
    said = " ".join(command("evaluate", model, tmp_path / "others").err.split())
    assert NOTE.format(8 if split == "groups" else 10, 10) in said
    assert command("export", model, "-o", tmp_path / "m.elstm", "--precision", "float32", "--no-verify").code == 0
    marks = load_model(model).provenance["seen"]
    assert marks.encode() not in (tmp_path / "m.elstm").read_bytes()
