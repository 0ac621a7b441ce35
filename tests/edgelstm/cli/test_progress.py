"""How far judging has come is told: a line now and then, a bar on a terminal, and never a frame too many."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.cli.show import progress
from edgelstm.cli.show.progress import JudgingBar, TrainingBar
from edgelstm.data import Dataset, save_dataset
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.model_file import save_model
from edgelstm.quantization import calibrate
from edgelstm.training import Epoch
from random_models import random_model


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_off_a_terminal_a_line_comes_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with JudgingBar(1000, clock) as bar:
        for second in range(1, 26):
            clock.now = second
            bar.update(40)
    assert capsys.readouterr().err.splitlines() == [
        "judged 400 of 1,000 frames  15 s left",
        "judged 800 of 1,000 frames  5 s left",
    ]


def test_on_a_terminal_a_bar_is_drawn_and_wiped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = Clock()
    with JudgingBar(1000, clock) as bar:
        for quarter in range(1, 41):
            clock.now = quarter / 4
            bar.update(25)
    drawn, wiped = capsys.readouterr().err.rsplit("\r", 1)
    first, *_, last = drawn.split("\r")[1:]
    assert first.split() == ["██··················", *["judged", "100", "of", "1,000", "frames", "9", "s", "left"]]
    assert last.split()[0] == "█" * 20
    assert max(map(len, drawn.split("\r"))) <= 80
    assert wiped == "\x1b[K"
    clock.now = 0.0
    with JudgingBar(10, clock) as bar:
        clock.now = 0.5
        bar.update(10)
    assert not capsys.readouterr().err


def trained(clock: Clock, seconds: int, each: int) -> None:
    """Two epochs of so many seconds, with a step at the end of every `each` of them, after as long a preparation."""
    with TrainingBar(clock) as bar:
        clock.now += seconds
        for epoch in (1, 2):
            for second in range(each, seconds + 1, each):
                clock.now += each
                bar.step(epoch, 2, second / seconds)
            bar.update(Epoch(epoch, 2, 0.5, None, None, True, float(seconds)))


def test_an_epoch_of_minutes_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(Clock(), 70, 2)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1/2: 3%",
        "epoch 1/2: 46%  108 s left",
        "epoch 1/2: 89%  78 s left",
        "epoch 2/2: 31%  loss 0.500  48 s left",
        "epoch 2/2: 74%  loss 0.500  18 s left",
        "epoch 2/2  loss 0.500  0 s left",
    ]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    trained(Clock(), 70, 2)
    drawn = capsys.readouterr().err
    assert drawn.count("\r") == 2 * (35 + 1)
    assert "█████··············· epoch 1/2: 51%  104 s left" in drawn
    assert max(map(len, drawn.split("\r"))) <= 80


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("suffix", [".npz", ".elstm"])
def test_what_is_told_comes_to_all_that_is_judged(
    suffix: str, streamed: bool, command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    x = tuple(rng.normal(size=(n, 3)).astype(np.float32) for n in (50, 9, 70))
    save_dataset(Dataset(x, np.arange(3) % 2, ("a", "b"), np.arange(3), ("p", "q", "r")), tmp_path / "data.npz")
    model = replace(
        random_model(3, [4], [2]), labels=("a", "b"), feature_names=("p", "q", "r"), answer=Answer("last", 0, 1)
    )
    path = tmp_path / f"m{suffix}"
    if suffix == ".npz":
        save_model(calibrate(model, x), path)
    else:
        path.write_bytes(encode(model))
    for name in ("_AT_ONCE", "_DRAWN_EVERY"):
        monkeypatch.setattr(progress, name, 0.0)
    monkeypatch.setattr(progress._Line, "EVERY", 0.0)
    monkeypatch.setattr("edgelstm.evaluation.LONG", 20)
    ended = command("evaluate", path, tmp_path / "data.npz", *["--streamed"] * streamed)
    assert ended.code == 0, ended.err
    told = re.findall(r"judged (\S+) of (\S+) frames", ended.err)
    every = 129 * (3 if suffix == ".npz" else 1) * (2 if streamed else 1)
    assert told[-1] == (str(every), str(every))
    assert len(told) >= 3
