"""The task `anomaly`: what is learned from, which threshold is found, and that it tells of what is odd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgelstm.data.recordings import Recording, Recordings
from edgelstm.evaluation import evaluate, evaluate_streamed, kept_for_testing
from edgelstm.judging import Events, Said
from edgelstm.model import Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize
from edgelstm.tasks import Anomaly, read_task
from edgelstm.training import evaluation_set, parse_config, split, train

RECIPE = """
[data]
window = 80
[model]
units = [10]
[training]
epochs = 25
batch = 8
learning_rate = 0.02
skip = 10
"""


def waves(frames: int, seed: int, odd: tuple[int, ...] = ()) -> Recording:
    """Two columns of one rhythm, in quite different units; `odd`: where the first is jerked for eight frames."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) + rng.uniform(0, 40)
    x = np.stack([np.sin(t / 5), 1000 + 50 * np.cos(t / 5)], axis=1) + [0.02, 1.0] * rng.standard_normal((frames, 2))
    labels = ["0"] * frames
    for start in odd:
        x[start : start + 8, 0] += [1, -1] * 4
        labels[start : start + 8] = ["1"] * 8
    return Recording(f"waves {seed}", x.astype(np.float32), frame_labels=tuple(labels), group=str(seed))


def data(task: Anomaly, *recordings: Recording):  # type: ignore[no-untyped-def]
    return task.dataset(Recordings(recordings, ("sine", "cosine"), sample_rate=10.0))


def learned(task: Anomaly, recipe: str = RECIPE) -> tuple[Model, NDArray[np.float32]]:
    config = replace(parse_config(recipe), task=task)
    trained = train(data(task, waves(900, 1, odd=(300,)), waves(600, 2)), config)
    return calibrate(trained.model, trained.calibration), trained.model.normalize.mean


@pytest.fixture(scope="module")
def model() -> Model:
    return learned(Anomaly(settle=10))[0]


def test_what_is_odd_is_told_and_what_is_normal_is_not(model: Model) -> None:
    task = model.task
    assert isinstance(task, Anomaly)
    dataset = data(task, waves(1500, 11, odd=(200, 700, 1200)), waves(900, 12))
    for engine in (model, quantize(model)):
        for found in (evaluate(engine, dataset), evaluate_streamed(engine, dataset)):
            assert isinstance(found, Events)
            assert (found.at_threshold.events, found.at_threshold.found, found.at_threshold.false) == (3, 3, 0)
            assert max(found.at_threshold.delays) <= 8


def test_a_model_travels_with_its_threshold(model: Model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(model.task, Anomaly)
    assert model.task.learned is not None
    save_model(model, tmp_path / "m.npz")
    assert load_model(tmp_path / "m.npz").task == model.task
    assert read_task(model.task.to_json(), "task") == model.task


def test_reconstruction_through_a_narrow_layer_breaks_where_columns_part() -> None:
    recipe = RECIPE.replace("units = [10]", "units = [10]\nhidden = [2]")
    model, _ = learned(Anomaly(method="reconstruct", rows=3, settle=10, over=3, margin=1.5), recipe)
    task = model.task
    assert isinstance(task, Anomaly)
    assert model.outputs == 6
    found = evaluate(model, data(task, waves(1500, 11, odd=(200, 700, 1200))))
    assert isinstance(found, Events)
    assert found.at_threshold.found == 3
    assert found.at_threshold.false <= 1


def test_the_threshold_is_the_quantile_of_what_was_held_out() -> None:
    """Beside numpy, with answers that are always 0: every change is an error."""
    task = Anomaly(columns=("sine",), ahead=2, over=1, settle=5, quantile=0.9, margin=2.0)
    held_out = data(task, waves(200, 3))
    said = [Said(np.arange(1, 201), np.zeros((200, 1), np.float32))]
    found = task.finish(np.array([0.1]), np.array([3.0]), held_out, said).learned
    assert found is not None
    x = held_out.sequences[0][:, 0].astype(np.float64)
    far = ((x[7:] - x[5:-2]) - 0.1) / 3.0  # told after more than 5 frames
    error = np.sqrt((far**2).mean())
    assert found.error == pytest.approx([error], rel=1e-6)
    assert found.threshold == pytest.approx(2 * np.quantile(np.abs(far) / error, 0.9), rel=1e-6)


def test_learns_from_normal_stretches_alone() -> None:
    task = Anomaly(settle=10)
    whole = data(task, waves(300, 4, odd=(100, 116)), waves(50, 5))
    found = task.to_learn(whole)
    assert [len(x) for x in found.sequences] == [100, 300 - 124, 50]  # 8 frames between two are too few
    assert np.array_equal(found.sequences[1], whole.sequences[0][124:])
    with pytest.raises(ValueError, match="no stretch of more than"):
        replace(task, settle=500).to_learn(whole)


def test_recordings_with_nothing_normal_are_tested_on() -> None:
    task = Anomaly(settle=5)
    labels = ["normal"] * 10 + ["bearing worn"] * 4
    whole = [replace(waves(60, n), frame_labels=None, label=label, group=None) for n, label in enumerate(labels)]
    dataset = data(task, *whole)
    fit, test = split(dataset, replace(parse_config(RECIPE), task=task))
    assert fit.y.max() == 0
    assert test.y.sum() == 4
    assert len(fit) + len(test) == len(dataset)
    provenance = {"data": dataset.name, "config": {"data": {"test": 0.2}}}
    again = kept_for_testing(dataset, provenance, task)
    assert [x.tobytes() for x in again.sequences] == [x.tobytes() for x in test.sequences]
    assert evaluation_set(test, replace(parse_config(RECIPE), task=task)) is test


def test_which_label_is_normal() -> None:
    def labelled(*labels: str, **settings: str) -> list[int]:
        recordings = (replace(waves(9, n), frame_labels=None, label=label) for n, label in enumerate(labels))
        return [int(t.max()) for t in data(Anomaly(**settings), *recordings).targets.truth]  # type: ignore[arg-type]

    assert labelled("Normal", "stall") == [0, 1]
    assert labelled("0", "1") == [0, 1]
    assert labelled("good", "bad", normal="good") == [0, 1]
    with pytest.raises(ValueError, match=r"labels 'bad', 'good', expected task.normal"):
        labelled("good", "bad")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("[answer]\npooling = 'mean'\n", "answer.pooling: 'mean', expected last for anomaly"),
        ("[task]\nkind = 'anomaly'\nmethod = 'guess'\n", "task.method"),
        ("[task]\nkind = 'anomaly'\nquantile = 1.5\n", "task.quantile"),
        ("[task]\nkind = 'anomaly'\nahead = 0\n", "task.ahead"),
    ],
)
def test_a_wrong_recipe_is_named(change: str, wanted: str) -> None:
    text = RECIPE + change if "[task]" in change else RECIPE + "[task]\nkind = 'anomaly'\n" + change
    with pytest.raises(ValueError, match=wanted):
        parse_config(text)


def test_columns_that_are_chosen_are_all_that_is_told() -> None:
    task = Anomaly(columns=("cosine",), ahead=3)
    dataset = data(task, waves(50, 6))
    assert dataset.labels == ("cosine +3",)
    assert dataset.targets is not None
    x = dataset.sequences[0]
    assert np.array_equal(dataset.targets[0][:-3, 0], x[3:, 1] - x[:-3, 1])
    assert np.isnan(dataset.targets[0][-3:]).all()
