"""All layers learned from clips: the trainer's passes are the model's own equations, and what they bring is real."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.adaptation.fine_tuning import Body, Run
from edgelstm.adaptation.head import Head, losses
from edgelstm.data import Dataset, save_dataset
from edgelstm.forward import final_answer, forward
from edgelstm.layers import GRU, LSTM, Context, Conv, Dense
from edgelstm.model import Answer, Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate
from edgelstm.runtime.engines.elstm import Model as Opened
from in_process import Ended, run
from random_models import random_model, random_signal

FEATURES, LABELS, CLIPS = 3, ("a", "b", "c"), 40


def head_of(model: Model) -> Head:
    last = model.layers[-1]
    assert isinstance(last, Dense)
    return Head(last.W.astype(np.float64), last.b.astype(np.float64))


def of_all_kinds(answer: Answer) -> Model:
    """Every kind that trains, whose scores come every second frame."""
    rng = np.random.default_rng(3)

    def weights(*shape: int) -> np.ndarray:
        return rng.normal(size=shape) / np.sqrt(shape[-1])

    model = random_model(FEATURES, [4], [3], seed=1)
    gru = GRU(weights(15, 6), weights(15, 5), weights(15), np.zeros(5), "before")
    layers = (
        *(
            Context(4, 2),
            Conv(weights(6, 2, FEATURES), weights(6), 2, 1, "relu"),
            Dense(weights(6, 12), weights(6), "relu"),
        ),
        *(gru, LSTM(weights(16, 5), weights(16, 4), weights(16)), Dense(weights(3, 4), weights(3))),
    )
    return calibrate(replace(model, layers=layers, ranges=None, covariances={}, answer=answer), model.examples)


@pytest.mark.parametrize("answer", [Answer("last", 0, 2), Answer("mean", 0, 0), Answer("mean+max", 8, 4)])
def test_scores_and_what_they_cost_are_those_of_float64(answer: Answer) -> None:
    model = of_all_kinds(answer)
    sequences = [random_signal(n, FEATURES, n) for n in (20, 31, 2)]
    body, head = Body(model), head_of(model)
    taken = body.taken(sequences)
    parameters = body.parameters(head)
    expected = np.array([final_answer(forward(model, x).scores, model.run_answer) for x in sequences])
    np.testing.assert_allclose(body.scores(parameters, taken), expected, atol=1e-5)
    assert body.with_weights(parameters, taken).layers[3].reset == "before"  # type: ignore[attr-defined]
    truth = np.eye(3)
    x = np.zeros((31, FEATURES, 3), np.float32)
    for n, one in enumerate(taken):
        x[: len(one), :, n] = one
    lengths = np.array([20, 31, 2])
    learned = body.network.learn(
        parameters, x, body.objective(), truth.astype(np.float32), lengths, memories=body.memories
    )
    assert learned.loss == pytest.approx(losses(expected, truth, "softmax").mean(), rel=1e-5)


def test_what_is_not_known_moves_nothing_and_seeds_are_fixed() -> None:
    model = random_model(FEATURES, [6], [3], seed=2, activation="sigmoid")
    body = Body(model)
    taken = body.taken([random_signal(20, FEATURES, n) for n in range(9)])
    truth = np.full((9, 3), np.nan)
    begun = body.parameters(head_of(model))

    def after(truth: np.ndarray) -> dict[str, np.ndarray]:
        made = Run(body, head_of(model), taken, truth, 3e-3, 0)
        made.until(2)
        return made.parameters

    assert all(np.array_equal(value, begun[name]) for name, value in after(truth).items())
    truth[:, 1] = 1
    one, other = after(truth), after(truth)
    assert all(np.array_equal(value, other[name]) for name, value in one.items())
    assert not np.array_equal(one["lstm0.R"], begun["lstm0.R"])


@pytest.fixture
def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """old.npz, whose recurrent layer is not that of the model that tells what is true of clips.npz."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edgelstm.adaptation.learning.STRENGTHS", (0.01,))  # which is test_adapting's
    monkeypatch.setattr("edgelstm.adaptation.fine_tuning.RATES", (1e-2,))
    true = random_model(FEATURES, [3], [3], seed=4, answer=Answer("mean", 0, 0), gain=1.5)
    true = replace(true, labels=LABELS, name="m")
    lstm = true.layers[0]
    assert isinstance(lstm, LSTM)
    old = replace(true, layers=(replace(lstm, W=lstm.W[:, [1, 0, 2]]), *true.layers[1:]), ranges=None, covariances={})
    old = calibrate(old, shifted(20, 9))
    save_model(old, "old.npz")
    sequences = shifted(CLIPS, 1)
    save_dataset(of_truth(true, sequences), Path("clips.npz"))
    return true


def shifted(count: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        random_signal(24, FEATURES, 100 * seed + n) + rng.normal(0, 1.5, FEATURES).astype(np.float32)
        for n in range(count)
    )


def of_truth(model: Model, sequences: tuple[np.ndarray, ...]) -> Dataset:
    y = np.array([forward(model, x).scores.mean(axis=0).argmax() for x in sequences])
    return Dataset(sequences, y, LABELS, np.arange(len(y)), ("x0", "x1", "x2"), sample_rate=50.0)


def adapt(*more: str) -> Ended:
    """One label is nobody's here."""
    outputs = ["-o", "new.npz", "--elstm", "new.elstm", "--accept-harm"]
    return run("adapt", "old.npz", "--data", "clips.npz", *outputs, "--json", *more)


def decisions(file: str, sequences: tuple[np.ndarray, ...]) -> np.ndarray:
    stream, found = Opened(file).stream(), []
    for x in sequences:
        stream.reset()
        stream.push(x)
        found.append(stream.answer().argmax())
    return np.array(found)


def test_layers_learn_what_the_last_one_cannot(spoilt: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = shifted(100, 2)
    y = of_truth(spoilt, fresh).y
    alone = json.loads(adapt().out)
    last_alone = (decisions("new.elstm", fresh) == y).mean()
    ended = adapt("--layers")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert report["head"] == alone["int8"]
    assert report["int8"]["right"] > alone["int8"]["right"]
    assert report["rounds"] > 0
    said = decisions("new.elstm", fresh)
    assert (said == y).mean() > last_alone + 0.08
    new, old = load_model("new.npz"), load_model("old.npz")
    assert not np.array_equal(new.layers[0].R, old.layers[0].R)  # type: ignore[attr-defined]
    monkeypatch.setenv("EDGELSTM_TRAINING", "numpy")
    assert "numpy learns instead" in adapt("--layers").err
    other = load_model("new.npz")
    for x in fresh[:10]:
        np.testing.assert_allclose(*(forward(model, x).scores for model in (new, other)), atol=1e-4)
    assert np.array_equal(decisions("new.elstm", fresh), said)


def test_where_layers_bring_nothing_the_last_one_is_taken_and_it_is_said(
    spoilt: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    del spoilt
    adapt()
    alone = load_model("new.npz")
    monkeypatch.setattr("edgelstm.adaptation.fine_tuning.RATES", (0.0,))
    ended = run("adapt", "old.npz", "--data", "clips.npz", "-o", "new.npz", "--layers", "--accept-harm")
    assert "no better on clips held out than the last one alone" in " ".join(ended.out.split())
    found = load_model("new.npz")
    assert found.provenance["adapted"]["rounds"] == 0
    assert np.array_equal(found.layers[-1].W, alone.layers[-1].W)  # type: ignore[attr-defined]


def test_layers_that_cannot_be_trained_are_named(spoilt: Model) -> None:
    lstm = spoilt.layers[0]
    assert isinstance(lstm, LSTM)
    held = replace(lstm, h0=np.ones(3, np.float32))
    save_model(replace(load_model("old.npz"), layers=(held, *spoilt.layers[1:])), "old.npz")
    ended = adapt("--layers")
    assert ended.code == 1
    assert "lstm0: its 'h0' cannot be trained; without --layers its last layer can" in ended.err
