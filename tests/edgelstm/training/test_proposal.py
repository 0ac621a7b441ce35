"""Recipes that are proposed: they can be read, fit their data, and keep groups apart."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data import Dataset
from edgelstm.data.columns import Roles
from edgelstm.data.options import ReadOptions
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.evaluation import evaluate
from edgelstm.judging import Decisions
from edgelstm.tasks import Forecast, Frames, Regress, Tags, Task
from edgelstm.training import evaluation_set, parse_config, split, train
from edgelstm.training.proposal import propose
from edgelstm.training.proposed_recipe import recipe


def made(lengths: list[int], rate: float, groups: list[int] | None = None, names: tuple[str, ...] = ()) -> Dataset:
    return Dataset(
        sequences=tuple(np.full((length, 2), n, np.float32) for n, length in enumerate(lengths)),
        y=np.arange(len(lengths)) % 2,
        labels=("no", 'y"e\\s'),
        groups=np.arange(len(lengths)) if groups is None else np.array(groups),
        group_names=names,
        feature_names=("a", "b"),
        sample_rate=rate,
        name='dätä "x"',
    )


@given(
    st.lists(st.integers(1, 3000), min_size=8, max_size=40),
    st.sampled_from((0.0, 0.001, 1.0, 50.0, 16000.0)),
    st.integers(1, 12),
)
def test_a_proposal_is_a_recipe_that_fits(lengths: list[int], rate: float, groups: int) -> None:
    names = tuple(f"gröup {n}" for n in range(groups))
    dataset = made(lengths, rate, [n % groups for n in range(len(lengths))], names)
    options = ReadOptions(Roles(label="läbel", features=("a", "b")), missing="hold")
    config = parse_config(recipe(dataset, propose(dataset), "a/b.csv", options))
    assert config.data.read_options() == options
    assert config.data.window <= min(lengths)
    train, test = split(dataset, config)
    assert len(train) + len(test) == len(dataset)
    if 1 < groups < len(lengths):
        assert not set(train.all_groups) & set(test.all_groups)
    if config.data.validation_groups:
        assert set(map(str, config.data.validation_groups)) < set(train.all_groups)


def test_what_tells_nothing_apart_is_refused() -> None:
    alone = made([50] * 8, 1.0).subset([0, 2, 4, 6])
    with pytest.raises(ValueError, match=r"one class only \(no\)"):
        propose(alone)


@pytest.mark.parametrize(
    ("lengths", "rate", "window", "stride"),
    [
        ([150] * 30, 0.0, 0, 2),
        ([150] * 30, 50.0, 64, 4),  # of a signal with a rate a part is as good
        ([150] * 29 + [151], 0.0, 64, 4),  # and where a window holds much of each
        ([100] * 39 + [300], 0.0, 48, 4),
        ([1460] * 30, 0.0, 0, 16),
        ([100, *[300] * 39], 0.0, 0, 4),  # of which 48 frames are a small part
        ([100, *[300] * 39], 50.0, 48, 4),  # six seconds
        ([100, *[300] * 39], 30_000.0, 0, 4),  # ten thousandths of one
        ([100, *[300] * 9], 0.0, 48, 4),
        ([8000] * 30, 0.0, 400, 4),  # more steps than are learned along
        ([5000] * 18, 0.0, 400, 4),  # in 24 steps a state was learned that streams left
        ([5, *[3000] * 39], 0.0, 0, 4),  # no sequence is shorter than a stride
    ],
)
def test_recordings_that_are_events_stay_whole(lengths: list[int], rate: float, window: int, stride: int) -> None:
    """Half of a gesture is none."""
    dataset = made(lengths, rate)
    config = parse_config(recipe(dataset, propose(dataset), "x.npz", ReadOptions()))
    assert (config.data.window, config.answer.window, config.model.stride) == (window, window, stride)


def test_keys_can_be_set_otherwise() -> None:
    changes = ["training.epochs=3", "model.name = other", 'data.test_groups=["a", 2]', "answer.hop=5"]
    config = parse_config("[training]\nepochs = 9\nbatch = 7\n", "", changes)
    assert (config.training.epochs, config.training.batch, config.model.name) == (3, 7, "other")
    assert config.data.test_groups == ("a", 2)
    assert config.answer.hop == 5
    for change in ("epochs=3", "training.epochs", "training.=3", "a.b.c=1"):
        with pytest.raises(ValueError, match=r"--set .*expected a key and its value"):
            parse_config("", "", [change])
    with pytest.raises(ValueError, match=r"^--set training.epoch=3: training: unknown field 'epoch', perhaps 'epoch"):
        parse_config("", "r.toml", ["training.epoch=3"])


def test_what_is_wrong_is_said_of_the_option_or_of_the_recipe_that_says_it() -> None:
    with pytest.raises(ValueError, match=r"^--set training\.epochs=x: training\.epochs: "):
        parse_config("[training]\nepochs = 9\n", "r.toml", ["training.batch=3", "training.epochs=x"])
    with pytest.raises(ValueError, match=r"^--set training\.momentum=0\.5: training\.momentum: "):
        parse_config("", "r.toml", ["training.momentum=0.5"])
    with pytest.raises(ValueError, match=r"^r\.toml: training\.epochs: "):
        parse_config("[training]\nepochs = 'x'\n", "r.toml", ["training.batch=3"])


def test_the_text_is_toml() -> None:
    dataset = made([100] * 8, 50.0)
    values = tomllib.loads(recipe(dataset, propose(dataset), "x\ty.npz", ReadOptions()))
    assert values["data"]["file"] == "x\ty.npz"
    assert values["model"]["name"] == dataset.name


def test_groups_are_chosen_so_that_rare_labels_are_on_every_side() -> None:
    """Six sites, of which three have the rare label."""
    sites, rare = 6, (0, 2, 4)
    pairs = [(site, label) for site in range(sites) for label in range(3) if label < 2 or site in rare] * 4
    dataset = Dataset(
        tuple(np.zeros((100, 1), np.float32) for _ in pairs),
        np.array([label for _, label in pairs]),
        ("off", "on", "rare"),
        np.array([site for site, _ in pairs]),
        ("x",),
    )
    found = propose(dataset)
    assert set(found.test_groups) < {"0", "2", "4"}
    assert set(found.validation_groups) < {"0", "2", "4"}
    assert not set(found.test_groups) & set(found.validation_groups)


@pytest.mark.parametrize(
    ("task", "found"),
    [(Forecast(("a",), (1, 3)), ("a +1", "a +3")), (Regress(("b",), "frame"), ("b",)), (Frames(), ("off", "on"))],
)
def test_tasks_along_recordings_are_proposed(task: Task, found: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(900, 2)).astype(np.float32)
    sides = tuple(np.where(frames[:, 0] > 1, "on", "off").tolist())
    dataset = task.dataset(Recordings((Recording("r", frames, frame_labels=sides),), ("a", "b")))
    config = parse_config(recipe(dataset, propose(dataset, task), "a.csv", ReadOptions()))
    assert config.task == task
    assert dataset.labels == found
    train, test = split(dataset, config)
    assert (train.frames, test.frames) == (720, 180)
    np.testing.assert_array_equal(np.concatenate([*train.sequences, *test.sequences]), dataset.sequences[0])
    assert config.training.balance == ("weights" if task.kind == "frames" else "none")


@pytest.mark.parametrize(
    ("rate", "hours", "season"),
    [(1 / 3600, 900, 24), (1 / 600, 900, 144), (0.0, 900, 0), (50.0, 900, 0), (1 / 5000, 900, 0), (1 / 3600, 80, 0)],
)
def test_forecasts_are_judged_beside_yesterday_where_there_is_one(rate: float, hours: int, season: int) -> None:
    frames = np.random.default_rng(0).normal(size=(hours, 2)).astype(np.float32)
    task = Forecast(("a",), (1,))
    dataset = task.dataset(Recordings((Recording("r", frames),), ("a", "b"), sample_rate=rate))
    config = parse_config(recipe(dataset, propose(dataset, task), "a.csv", ReadOptions()))
    assert isinstance(config.task, Forecast)
    assert config.task.season == season
    assert config.augment.noise == 0  # which would hide how near now the next frame is


@pytest.mark.parametrize(("per", "label", "is_mixed"), [("recording", "a|b", True), ("frame", "a|b", False)])
def test_tags_of_recordings_are_mixed_as_classes_are(per: str, label: str, is_mixed: bool) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(200, 2)).astype(np.float32) for _ in range(12)]
    labels = (label, "a", "|")
    found = Recordings(tuple(Recording(f"r{n}", x, labels[n % 3]) for n, x in enumerate(frames)), ("x", "z"))
    task = Tags(per=per)
    dataset = task.dataset(found)
    config = parse_config(recipe(dataset, propose(dataset, task), "a.csv", ReadOptions()))
    assert bool(config.augment.mixup) == is_mixed


@pytest.mark.parametrize(("frames", "truncate"), [(900, 0), (40_000, 240)])
@pytest.mark.parametrize("task", [Forecast(("a",), (1,)), Regress(("b",), "frame"), Frames()])
def test_long_recordings_are_learned_along(task: Task, frames: int, truncate: int) -> None:
    x = np.random.default_rng(0).normal(size=(frames, 2)).astype(np.float32)
    sides = tuple(np.where(x[:, 0] > 1, "on", "off").tolist())
    dataset = task.dataset(Recordings((Recording("r", x, frame_labels=sides),), ("a", "b")))
    config = parse_config(recipe(dataset, propose(dataset, task), "a.csv", ReadOptions()))
    assert config.training.truncate == truncate
    assert bool(config.data.window) == (truncate == 0)


def test_frames_are_put_side_by_side_where_the_rate_is_high() -> None:
    found = []
    for rate in (1.0, 12.5, 25.0, 50.0, 100.0, 200.0, 1000.0, 0.0):
        data = made([4000] * 8, rate)
        config = parse_config(recipe(data, propose(data), "a.csv", ReadOptions()))
        found.append(config.model.stride)
        assert config.answer.hop * 4 == config.answer.window == config.data.window
        assert config.data.window <= 100 * config.model.stride
    assert found == [1, 1, 2, 4, 4, 8, 16, 4]


def test_noise_hides_nothing() -> None:
    """Beside a heater's amperes a tenth of the deviation is more than all that a laptop takes."""
    rng = np.random.default_rng(0)
    usual = made([100] * 40, 0.0)
    quiet = [rng.normal(size=(100, 2)).astype(np.float32) * (100 if n % 8 == 0 else 1) for n in range(40)]
    for sequences, noise in ((quiet, 0), ([x / max(x.std(), 1) for x in quiet], 0.1)):
        dataset = replace(usual, sequences=tuple(sequences))
        config = parse_config(recipe(dataset, propose(dataset), "a.csv", ReadOptions()))
        assert config.augment.noise == noise


def beeps(levels: np.ndarray, is_square: np.ndarray) -> Dataset:
    """Recordings of 64 frames, sines and squares, each as loud as its level."""
    rng = np.random.default_rng(3)
    waves = [np.sin(np.arange(64) * 0.4 + phase) for phase in rng.uniform(0, 6, len(levels))]
    shapes = [np.sign(wave) if square else wave for wave, square in zip(waves, is_square)]
    noisy = [shape + 0.05 * rng.normal(size=64) for shape in shapes]
    sequences = tuple((level * x).astype(np.float32)[:, None] for level, x in zip(levels, noisy))
    return Dataset(sequences, is_square.astype(np.int64), ("sine", "square"), np.arange(len(levels)), ())


def test_shapes_are_told_whatever_their_level() -> None:
    levels = 10.0 ** np.random.default_rng(1).uniform(-3, 1, 80)
    dataset = beeps(levels, np.arange(80) % 2 == 1)
    proposal = propose(dataset)
    text = recipe(dataset, proposal, "x", ReadOptions())
    config = parse_config(text, changes=["training.epochs=40", "training.patience=0"])
    assert [layer.kind for layer in config.model.hidden_layers] == ["context", "context", "layer_norm", "lstm"]
    fit, test = split(dataset, config)
    found = evaluate(train(fit, config).model, evaluation_set(test, config))
    assert isinstance(found, Decisions)
    assert found.accuracy > 0.9
    assert not propose(beeps(np.ones(80), np.arange(80) % 2 == 1)).quiet
    assert not propose(beeps(levels, levels > 0.1)).quiet  # the level tells it


def test_few_recordings_are_changed_and_lengths_are_sorted() -> None:
    little, much = made([*range(7, 30)] * 4, 0.0), made([*range(7, 30)] * 200, 0.0)
    found = [parse_config(recipe(data, propose(data), "a.csv", ReadOptions())) for data in (little, much)]
    assert [(one.augment.mixup, one.augment.shift) for one in found] == [(0.4, 0.2), (0, 0)]
    assert [one.training.buckets for one in found] == [8, 64]
    same = made([20] * 40, 0.0)
    assert "buckets" not in recipe(same, propose(same), "a.csv", ReadOptions())


def test_slow_rates_are_told_as_people_say_them() -> None:
    data = made([400] * 8, 1 / 86400)
    text = recipe(data, propose(data), "a.csv", ReadOptions())
    assert "a frame every 24.0 h" in text
    assert "e+" not in text
    assert "e-" not in text
