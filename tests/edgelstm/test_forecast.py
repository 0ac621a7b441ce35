"""Forecasts: what is told, beside what was to come and simple guesses, frame by frame; the shipped example."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data.npz_file import read_npz_file
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.evaluation import evaluate, evaluate_streamed
from edgelstm.judging import Errors, Quantiles, Said
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.tasks import Forecast, read_dataset
from edgelstm.training import parse_config, split, train

Command = Callable[..., object]

ROOT = Path(__file__).parents[2]
WEATHER = ROOT / "data" / "weather.npz"
HOURS = ("temperature +1", "temperature +6", "temperature +24")


def recordings(lengths: tuple[int, ...], seed: int = 0) -> Recordings:
    rng = np.random.default_rng(seed)
    whole = tuple(
        Recording(f"r{n}", rng.normal(size=(length, 2)).astype(np.float32)) for n, length in enumerate(lengths)
    )
    return Recordings(whole, ("a", "b"), ("m", "s"))


def answered(data: Recordings, outputs: int) -> list[Said]:
    """Nothing but zeros, at every frame."""
    return [
        Said(np.arange(1, len(r.frames) + 1), np.zeros((len(r.frames), outputs), np.float32)) for r in data.recordings
    ]


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=3),
    st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True),
    st.integers(0, 7),
    st.integers(0, 100),
)
def test_guesses_are_judged_by_what_came(lengths: list[int], ahead: list[int], season: int, seed: int) -> None:
    data = recordings(tuple(lengths), seed)
    task = Forecast(("b",), tuple(ahead), season=season)
    dataset = task.dataset(data)
    assert dataset.labels == tuple(f"b +{step}" for step in ahead)
    assert dataset.label_units == ("s",) * len(ahead)
    found = task.judge("float32", False, dataset, answered(data, len(ahead)))
    assert isinstance(found, Errors)
    for n, step in enumerate(ahead):
        rows = []
        for recording in data.recordings:
            x = recording.frames[:, 1].astype(float)
            for t in range(len(x) - step):
                then = t + step
                while season and then > t:  # the newest of its season that has come
                    then -= season
                if not season or then >= 0:
                    rows.append((x[t + step], x[t], x[then]))
        assert found.counts[n] == len(rows)
        if rows:
            truth, now, before = np.transpose(rows)
            assert found.rmse[n] == pytest.approx(np.sqrt((truth**2).mean()), rel=1e-5)
            assert found.guesses["persistence"][n] == pytest.approx(np.sqrt(((truth - now) ** 2).mean()), rel=1e-5)
            if season:
                of_season = np.sqrt(((truth - before) ** 2).mean())
                assert found.guesses["season"][n] == pytest.approx(of_season, rel=1e-5)
    assert ("nothing to judge by" in " ".join(found.remarks())) == (0 in found.counts)


def test_quantiles_are_outputs_of_their_own() -> None:
    data = recordings((30,))
    task = Forecast(("b", "a"), (1, 3), (0.1, 0.9))
    dataset = task.dataset(data)
    names = "b +1 q0.1,b +1 q0.9,a +1 q0.1,a +1 q0.9,b +3 q0.1,b +3 q0.9,a +3 q0.1,a +3 q0.9"
    assert ",".join(dataset.labels) == names
    frames = data.recordings[0].frames
    assert dataset.targets[0][0].tolist() == [frames[step, c] for step in (1, 3) for c in (1, 0) for _ in range(2)]
    found = task.judge("float32", False, dataset, answered(data, 8))
    assert isinstance(found, Quantiles)
    assert found.levels.tolist() == [0.1, 0.9] * 4
    assert parse_config('[task]\nkind = "forecast"\nquantiles = [0.5]').criterion == "quantile"
    with pytest.raises(ValueError, match=r"training.criterion: 'mse', expected quantile with task.quantiles"):
        parse_config('[task]\nkind = "forecast"\nquantiles = [0.5]\n[training]\ncriterion = "mse"')


def test_what_looks_beyond_every_recording_is_one_line(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "walks"
    folder.mkdir()
    for n, recording in enumerate(recordings((30, 30, 30, 30, 30)).recordings):
        rows = "\n".join(f"{a:.4f},{b:.4f}" for a, b in recording.frames)
        (folder / f"{n}.csv").write_text(f"a,b\n{rows}\n")
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        '[task]\nkind = "forecast"\ncolumns = ["a"]\nahead = [1, 40]\n[data]\nfile = "walks"\n'
        "[model]\nunits = [4]\n[training]\nepochs = 1\n"
    )
    ended = command("train", recipe, "-o", tmp_path / "m.npz")
    assert ended.code == 1
    assert ended.err.splitlines() == [
        "edgelstm: walks: a +40: no value to learn from, the longest recording has 30 frames there, expected more "
        "than it looks ahead"
    ]
    ended = command("train", recipe, "-o", tmp_path / "m.npz", "--set", 'task.columns=["c"]')
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert "walks: no column 'c' of numbers, expected one of a, b" in ended.err


@pytest.mark.skipif(not WEATHER.exists(), reason="data/weather.npz is made by `make data`")
def test_the_temperature_is_told_better_than_it_stays_and_than_yesterday() -> None:
    recipe = load_recipe("weather")
    recipe = replace(recipe, training=replace(recipe.training, epochs=8, patience=0))
    data, test = split(read_dataset(WEATHER, task=recipe.task), recipe)
    trained = train(data, recipe)
    model = calibrate(trained.model, trained.calibration)
    int8 = quantize(model)
    for found in (evaluate(model, test), evaluate(int8, test), evaluate_streamed(int8, test)):
        assert isinstance(found, Errors)
        assert found.outputs == HOURS
        assert (found.skill("persistence") > (0.25, 0.4, 0.1)).all()
        assert (found.skill("season") > (0.9, 0.1, 0.1)).all()


@pytest.mark.skipif(not WEATHER.exists(), reason="data/weather.npz is made by `make data`")
def test_the_example_shows_the_guesses_as_numpy_has_them() -> None:
    example = [sys.executable, str(ROOT / "examples" / "weather.py"), "--data", str(WEATHER), "--seeds"]
    shown = subprocess.run(example, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = {line[:22].strip(): [float(n) for n in line[22:].split()] for line in shown[1:]}
    x = [month.frames[:, 0].astype(float) for month in read_npz_file(WEATHER).recordings]
    last = [month[-round(0.2 * len(month)) :] for month in x]
    a_day = np.concatenate([month[24:] - month[:-24] for month in last])
    six = np.concatenate([month[24:] - month[18:-6] for month in last])
    assert rows["persistence"][1:] == pytest.approx([np.sqrt((six**2).mean()), np.sqrt((a_day**2).mean())], abs=6e-4)
    assert rows["same hour yesterday"] == pytest.approx([np.sqrt((a_day**2).mean())] * 3, abs=6e-4)
    assert (np.array(rows["linear, 24 hours"]) < rows["persistence"]).all()


@pytest.mark.skipif(not WEATHER.exists(), reason="data/weather.npz is made by `make data`")
def test_streams_tell_numbers_by_name(command: Command, tmp_path: Path) -> None:
    ended = command(
        "train", Path(load_recipe.__code__.co_filename).parent / "weather.toml", "--data", WEATHER,
        "-o", tmp_path / "w.npz", "--set", "training.epochs=1", "--set", "model.units=[6]",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert command("export", tmp_path / "w.npz", "-o", tmp_path / "w.elstm").code == 0
    names = read_dataset(WEATHER, task=Forecast()).feature_names
    (tmp_path / "now.csv").write_text(",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    answer = json.loads(command("stream", tmp_path / "w.elstm", tmp_path / "now.csv").out.splitlines()[-1])
    assert tuple(answer["values"]) == HOURS
    facts = json.loads(command("inspect", tmp_path / "w.elstm", "--json").out)
    assert facts["label_units"] == ["°C"] * 3
