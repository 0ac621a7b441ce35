"""Forecasts of columns with a trend: taken and told by how they change, judged and streamed in the data's values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.data import store
from edgelstm.data.changes import by_change, momentum
from edgelstm.data.dataset import Dataset
from edgelstm.data.pieces import Piece
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.export.elstm import encode
from edgelstm.judging import Errors, Said
from edgelstm.model import Answer
from edgelstm.tasks import Forecast
from random_models import random_model

Command = Callable[..., object]

FRAMES = np.cumsum(np.random.default_rng(3).normal(0.5, 1, (60, 3)), axis=0).astype(np.float32)
TASK = Forecast(("c", "a"), (1, 3), changes=("b", "c"))
SOURCE = replace(
    random_model(3, [6], [4], answer=Answer("last", 0, 1), activation="linear"),
    task=TASK,
    feature_names=("a", "b", "c"),
    labels=("c +1", "a +1", "c +3", "a +3"),
    sample_rate=0.0,
)


def walks(lengths: tuple[int, ...], seed: int) -> Recordings:
    rng = np.random.default_rng(seed)
    whole = tuple(
        Recording(f"r{n}", (100 * rng.normal(size=2) + rng.normal(size=(length, 2))).astype(np.float32))
        for n, length in enumerate(lengths)
    )
    return Recordings(whole, ("a", "b"))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=3), st.integers(0, 100), st.booleans())
def test_changes_are_judged_as_the_values_that_they_come_to(lengths: list[int], seed: int, cut: bool) -> None:
    data = walks(tuple(lengths), seed)
    by_values = Forecast(("b", "a"), (1, 2), season=3)
    by_changes = replace(by_values, changes=("b",))
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=(len(r.frames), 4)) for r in data.recordings]
    at = [np.arange(1, len(v) + 1) for v in values]
    changed = [
        v - np.stack([r.frames[:, 1], 0 * r.frames[:, 1]] * 2, axis=1) for v, r in zip(values, data.recordings)
    ]
    here, there = by_changes.dataset(data), by_values.dataset(data)
    if cut:  # pieces know what was measured in them
        here, there = (x.pieces(_wholes(x)) for x in (here, there))
    found = by_changes.judge("float32", False, here, [Said(*pair) for pair in zip(at, changed)])
    wanted = by_values.judge("float32", False, there, [Said(*pair) for pair in zip(at, values)])
    assert isinstance(found, Errors)
    assert isinstance(wanted, Errors)
    assert found.counts.tolist() == wanted.counts.tolist()
    for one, other in ((found.rmse, wanted.rmse), (found.mae, wanted.mae), (found.spread, wanted.spread)):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    for guess, errors in wanted.guesses.items():
        np.testing.assert_allclose(found.guesses[guess], errors, rtol=1e-6)


def _wholes(dataset: Dataset) -> list[Piece]:
    return [Piece(place, 0, int(length)) for place, length in enumerate(dataset.lengths)]


def test_differences_do_not_depend_on_how_much_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    data = walks((1, 50, 7), 1)
    whole = by_change(data, (1,))
    monkeypatch.setattr(store, "CHUNK", 24)  # three frames
    for parted, at_once, raw in zip(by_change(data, (1,)).recordings, whole.recordings, data.recordings):
        wanted = raw.frames.copy()
        wanted[:, 1] = np.diff(raw.frames[:, 1], prepend=raw.frames[:1, 1])
        assert np.array_equal(at_once.frames, wanted)
        assert np.array_equal(parted.frames, wanted)


def test_momentum_is_that_of_whole_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    sequences = []
    for length in (1, 2, 3, 400):
        noise = rng.normal(size=length)
        columns = [noise, np.sin(np.arange(length) / 9), np.cumsum(noise), np.zeros(length), np.arange(length)]
        sequences.append(np.stack(columns, axis=1).astype(np.float32))
    data = Dataset(tuple(sequences), np.zeros(4, int), ("x",), np.arange(4), ())
    found = momentum(data)
    changes = [np.diff(x.astype(np.float64), axis=0) for x in sequences]
    both = sum((c[1:] * c[:-1]).sum(axis=0) for c in changes)
    alone = sum((c[1:] ** 2).sum(axis=0) for c in changes)
    np.testing.assert_allclose(found, np.divide(both, alone, out=np.zeros(5), where=alone > 0), rtol=1e-12)
    assert found[0] == pytest.approx(-0.5, abs=0.1)  # of white noise
    assert found[1] > 0.99
    assert abs(found[2]) < 0.1
    assert found[4] == 1
    monkeypatch.setattr(store, "CHUNK", 100)
    np.testing.assert_allclose(momentum(data), found, rtol=1e-12)


def test_what_is_smooth_is_told_by_its_changes_from_its_past(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    smooth, noisy = np.sin(np.arange(800) / 5), rng.normal(size=800)
    path = tmp_path / "both.csv"
    np.savetxt(path, np.column_stack([smooth, noisy]), fmt="%.5f", delimiter=",", header="smooth,noisy", comments="")
    for column, changes in (("smooth", '["smooth"]'), ("noisy", "[]")):
        made = command("init", path, "--task", "forecast", "--columns", column, "-o", tmp_path / f"{column}.toml")
        assert made.code == 0, made.err
        text = (tmp_path / f"{column}.toml").read_text()
        assert f"changes = {changes}" in text
        assert ('kind = "context", rows = 24 }' in text) == (column == "smooth")


def test_a_trend_is_proposed_and_told_in_the_values_of_the_data(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    t = np.arange(600)
    rises = 300 + 0.1 * t + 2 * np.sin(t / 3) + 0.05 * rng.normal(size=600)
    level = np.sin(t / 7) + 0.05 * rng.normal(size=600)
    path = tmp_path / "trend.csv"
    np.savetxt(path, np.column_stack([rises, level]), fmt="%.5f", delimiter=",", header="rises,level", comments="")
    recipe, model, file = tmp_path / "r.toml", tmp_path / "m.npz", tmp_path / "m.elstm"
    made = command("init", path, "--task", "forecast", "--ahead", "5", "--columns", "rises", "-o", recipe)
    assert made.code == 0, made.err
    assert 'changes = ["rises"]' in recipe.read_text()
    done = command("train", recipe, "-o", model, "--set", "training.epochs=60", "--json")
    assert done.code == 0, done.err
    for found in json.loads(done.out)["evaluations"]:  # float32 and int8
        assert found["outputs"]["rises +5"]["guesses"]["persistence"]["skill"] > 0.25
    assert command("export", model, "-o", file).code == 0
    judged = json.loads(command("evaluate", file, path, "--all", "--json").out)[0]["outputs"]["rises +5"]
    answers = [json.loads(line) for line in command("stream", file, path).out.splitlines()]
    told = np.array([answer["values"]["rises +5"] for answer in answers])
    came = np.loadtxt(path, delimiter=",", skiprows=1)[5:, 0]
    rmse = np.sqrt(((told[:595] - came) ** 2).mean())  # as far as it is known what came
    assert rmse == pytest.approx(judged["rmse"], rel=1e-4)
    assert "taken and told, not values, of rises" in " ".join(command("inspect", file).out.split())


def test_streams_answer_with_what_is_known_and_the_change_wherever_they_are_split(
    command: Command, tmp_path: Path
) -> None:
    file, state = tmp_path / "m.elstm", tmp_path / "state"
    file.write_bytes(encode(SOURCE))
    for name, frames in {"all": FRAMES, "first": FRAMES[:23], "rest": FRAMES[23:]}.items():
        np.savetxt(tmp_path / f"{name}.csv", frames, fmt="%.9g", delimiter=",", header="a,b,c", comments="")
    taken = FRAMES.copy()
    taken[:, 1:] = np.diff(FRAMES[:, 1:], axis=0, prepend=FRAMES[:1, 1:])
    (scores,) = forward.scores(SOURCE, [taken])
    wanted = scores + np.stack([FRAMES[:, 2], np.zeros(60)] * 2, axis=1)

    def values(*arguments: object) -> np.ndarray:
        ended = command("stream", file, *arguments)
        assert ended.code == 0, ended.err
        return np.array([list(json.loads(line)["values"].values()) for line in ended.out.splitlines()])

    whole = values(tmp_path / "all.csv")
    np.testing.assert_allclose(whole, wanted, rtol=1e-4, atol=1e-4)
    parts = [values(tmp_path / f"{name}.csv", "--state", state) for name in ("first", "rest")]
    assert np.array_equal(np.concatenate(parts), whole)
    state.write_bytes(state.read_bytes().replace(b'"beside"', b'"beside_"'))
    ended = command("stream", file, tmp_path / "rest.csv", "--state", state)
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"changes": ("d",)}, "changes: 'd', expected features of the model"),
        ({"columns": ("d", "a")}, "columns: 'd', expected features of the model"),
        ({"ahead": (1,)}, "columns: these make 2 outputs, expected 4 as the model has"),
    ],
)
def test_what_a_file_says_of_changes_is_checked(
    command: Command, tmp_path: Path, changed: dict[str, tuple], said: str
) -> None:
    file = tmp_path / "m.elstm"
    file.write_bytes(encode(replace(SOURCE, task=replace(TASK, **changed))))
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,3\n")
    ended = command("stream", file, tmp_path / "x.csv")
    assert (ended.code, ended.err.splitlines()) == (1, [f"edgelstm: {file}: metadata: task: {said}"])
