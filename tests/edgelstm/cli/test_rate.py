"""A rate that is stated for data without times, and one that is at odds with their times."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.model_file import load_model

Command = Callable[..., Any]


def write(folder: Path, rate: float = 0) -> Path:
    """Eight recordings of 200 frames, with times where a rate is given."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    for n in range(8):
        x = rng.normal(n % 2, 0.3, 200).round(3).tolist()
        rows = [f"{k / rate},{v}" if rate else f"{v}" for k, v in enumerate(x)]
        (folder / f"{'ab'[n % 2]}.{n}.csv").write_text("\n".join(["time,x" if rate else "x", *rows]) + "\n")
    return folder


def test_a_stated_rate_goes_the_whole_road(tmp_path: Path, command: Command) -> None:
    data, recipe, model, file = (tmp_path / name for name in ("data", "r.toml", "m.npz", "m.elstm"))
    write(data)
    assert "--rate HZ states it" in command("data", "inspect", data).out
    assert json.loads(command("data", "inspect", data, "--rate", 20, "--json").out)["sample_rate"] == 20
    assert command("init", data, "--rate", 20, "-o", recipe).code == 0
    # Four seconds at 20 Hz, as of data that have times.
    assert "rate = 20 " in recipe.read_text()
    assert "window = 80  # frames that are learned from at a time: 4.00 s" in recipe.read_text()
    assert command("train", recipe, "-o", model, "--set", "training.epochs=1", "--no-report").code == 0
    assert load_model(model).sample_rate == 20
    assert command("evaluate", model, data).code == 0
    command("export", model, "--format", "elstm", "--precision", "float32", "--no-verify", "-o", file)
    answers = [json.loads(line) for line in command("stream", file, data / "a.0.csv").out.splitlines()]
    assert [answer["time"] for answer in answers] == [answer["frame"] / 20 for answer in answers] != []
    assert command("data", "convert", data, "--rate", 20, "-o", tmp_path / "x.npz").code == 0
    assert float(np.load(tmp_path / "x.npz")["sample_rate"]) == 20
    # The model's rate is that of data without times alone: others are held against it.
    other = command("evaluate", model, write(tmp_path / "timed", 50))
    assert (other.code, other.err.rpartition("timed: ")[2]) == (1, "sample_rate 50, the model's is 20\n")


def test_a_rate_at_odds_with_the_data_is_refused(tmp_path: Path, command: Command) -> None:
    data = write(tmp_path / "data", 50)
    refused = command("data", "inspect", data, "--rate", 20)
    assert refused.code == 1
    assert "50 frames per second as its times or its header say, expected the 20" in " ".join(refused.err.split())
    near = command("data", "inspect", data, "--rate", 51, "--json")
    assert json.loads(near.out)["sample_rate"] == pytest.approx(50)
    recipe = tmp_path / "r.toml"
    recipe.write_text('[data]\nfile = "data"\nrate = 20\n')
    assert command("train", recipe).err == refused.err
    assert command("data", "inspect", data, "--rate", 0).code == 2
