"""A model is asked only about data that it was made for."""

from dataclasses import replace

import numpy as np
import pytest

from edgelstm.data import Dataset
from edgelstm.evaluation import (
    along_each,
    check_lengths,
    evaluate,
    evaluate_streamed,
    kept_for_testing,
    window_of_training,
)
from edgelstm.judging import Said
from edgelstm.layers import GRU, Context, Dense
from edgelstm.matching import match, match_features
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate, quantize
from edgelstm.tasks import CLASSIFY
from edgelstm.training import parse_config, split


def made(stride=1):
    gru = GRU(np.ones((6, 3 * stride)), np.eye(2).repeat(3, axis=0), np.zeros(6), np.zeros(2))
    layers = (*([Context(stride, stride)] if stride > 1 else []), gru, Dense(np.eye(2), np.zeros(2)))
    return Model(
        Normalize(np.zeros(3), np.ones(3)),
        layers,
        answer=Answer("last", 0, stride),
        labels=("still", "moving"),
        feature_names=("x", "y", "z"),
        sample_rate=50.0,
    )


def data(**changes):
    rng = np.random.default_rng(1)
    fields = {
        "sequences": tuple(rng.normal(size=(n, 3)).astype(np.float32) for n in (6, 9)),
        "y": np.array([0, 1]),
        "groups": np.array([0, 1]),
        "labels": ("still", "moving"),
        "feature_names": ("x", "y", "z"),
        "sample_rate": 50.0,
        "name": "walks",
    }
    return Dataset(**{**fields, **changes})


def test_what_fits_is_evaluated():
    assert evaluate(made(), data()).count == 2
    nameless = data(feature_names=(), sample_rate=0.0)
    assert evaluate(made(), nameless).count == 2


def told(**changes):
    """Counts by label, true and decided, of a model that tells x > 0 (moving) from x < 0."""
    found = evaluate(apart(), sides(**changes))
    return {
        (found.labels[truth], found.labels[decided]): int(found.confusion[truth, decided])
        for truth, decided in np.argwhere(found.confusion)
    }


def apart():
    """Decides by the sign of x alone: a gate that is open, a candidate of x."""
    W = np.zeros((6, 3))
    W[4:, 0] = -3, 3
    layers = (GRU(W, np.zeros((6, 2)), np.array([-4.0, -4, 0, 0, 0, 0]), np.zeros(2)), Dense(np.eye(2), np.zeros(2)))
    return replace(made(), layers=layers)


def sides(**changes):
    """x is 1 in the sequences that move, -1 in those that are still; y and z are the contrary."""
    x = [np.tile(np.array([side, -side, -side], np.float32), (4, 1)) for side in (1, -1, 1)]
    return data(**{"sequences": tuple(x), "y": np.array([1, 0, 1]), "groups": np.arange(3), **changes})


RIGHT = {("moving", "moving"): 2, ("still", "still"): 1}


def test_columns_and_labels_are_found_by_name():
    assert told() == RIGHT
    swapped = tuple(x[:, [2, 1, 0]] for x in sides().sequences)
    assert told(sequences=swapped, feature_names=("z", "y", "x")) == RIGHT
    assert told(labels=("moving", "still"), y=np.array([0, 1, 0])) == RIGHT
    only = sides(labels=("moving",), y=np.zeros(3, int))
    assert evaluate(apart(), only).confusion.tolist() == [[0, 0], [1, 2]]


def test_what_has_no_names_goes_by_place():
    assert told(feature_names=(), labels=("0", "1")) == RIGHT  # numbers stand for outputs
    swapped = tuple(x[:, [2, 1, 0]] for x in sides().sequences)
    assert told(feature_names=(), sequences=swapped) != RIGHT
    nameless = replace(apart(), labels=(), feature_names=())
    assert evaluate(nameless, sides(labels=("a", "b"))).accuracy == 1


def test_units_go_with_their_columns():
    swapped = tuple(x[:, [2, 1, 0]] for x in sides().sequences)
    found = match(apart(), sides(sequences=swapped, feature_names=("z", "y", "x"), feature_units=("m", "s", "g")))
    assert (found.feature_names, found.feature_units) == (("x", "y", "z"), ("g", "s", "m"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feature_names": ("x", "u", "y")}, "walks: feature_names: 'u', expected the model's features: x, y, z"),
        ({"feature_names": ("x", "y", "y")}, "walks: feature_names: 'y' occurs twice, expected each name once"),
        ({"labels": ("moving", "flying")}, "walks: labels: 'flying', expected the model's labels: still, moving"),
        ({"labels": ("0", "1", "2")}, "walks: 3 labels, the model has 2 outputs"),
        ({"sample_rate": 100.0}, "walks: sample_rate 100, the model's is 50"),
        (
            {"sequences": data().sequences[0][None, :, :2], "y": [0], "groups": [0], "feature_names": ("x", "y")},
            "walks: feature_names: no 'z', which the model takes",
        ),
        (
            {"sequences": data().sequences[0][None, :, :2], "y": [0], "groups": [0], "feature_names": ()},
            "walks: 2 features, the model takes 3",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes, said):
    with pytest.raises(ValueError, match=said):
        match(made(), data(**changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": ("still", "still")}, "the model: labels: 'still' occurs twice"),
        ({"feature_names": ("x", "y", "x")}, "the model: feature_names: 'x' occurs twice"),
    ],
)
def test_names_that_a_model_has_twice_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        match(replace(made(), **changes), data())


@pytest.mark.parametrize("names", [(), ("Ann", "Bo", "Cy", "Di")])
def test_what_training_kept_for_testing_is_found_again(names):
    """By the recipe's groups, by their names too, or by its share: as training split the data."""
    many = data(
        sequences=tuple(np.full((5, 3), n, np.float32) for n in range(8)),
        y=np.arange(8) % 2,
        groups=np.arange(8) // 2,
        group_names=names,
    )
    groups = [names[2] if names else 2]
    for recipe in (f"[data]\ntest_groups = {groups}\n", "[data]\ntest = 0.3\nwindow = 4\n", "[data]\n"):
        config = parse_config(recipe)
        provenance = {"data": "walks", "config": config.to_json()}
        _, test = split(many, config)
        found = kept_for_testing(many, provenance)
        assert [x[0, 0] for x in found.sequences] == [x[0, 0] for x in test.sequences]
        assert 0 < len(found) < len(many)
        assert window_of_training(many, provenance) == ((4, 4) if "window" in recipe else (0, 0))
        assert len(kept_for_testing(many, {**provenance, "data": "others"})) == len(many)


def test_features_alone_may_come_with_other_labels():
    match_features(made(), data(labels=("a", "b")))


def test_a_stream_is_judged_by_the_recording_in_which_each_answer_falls():
    """Recordings of 5, 4 and 6 frames, an answer after every second: at 2 and 4, 6 and 8, 10 to 14."""
    lengths, y = (5, 4, 6), np.array([1, 0, 1])
    x = tuple(
        np.tile(np.array([side, 0, 0], np.float32), (n, 1)) for n, side in zip(lengths, (1, -1, 1), strict=True)
    )
    recordings = data(sequences=x, y=y, groups=np.arange(3))
    model = replace(apart(), answer=Answer("last", 0, 2))
    for found in (
        evaluate_streamed(model, recordings),
        evaluate_streamed(quantize(calibrate(model, x)), recordings),
    ):
        assert found.streamed
        assert found.confusion.tolist() == [[2, 0], [0, 5]]
    late = np.eye(2)[[1, 1, 1, 0, 0, 1, 1]]  # what one would answer that is one answer behind
    said = along_each(Said(2 * np.arange(1, 8), late), recordings)
    assert [one.at.tolist() for one in said] == [[2, 4], [1, 3], [1, 3, 5]]
    assert CLASSIFY.judge("late", True, recordings, said).confusion.tolist() == [[1, 1], [1, 4]]
    with pytest.raises(ValueError, match="streamed: the model answers only when asked"):
        evaluate_streamed(replace(model, answer=Answer("mean", 0, 0)), recordings)


def test_sequences_shorter_than_the_stride_are_refused_by_place():
    check_lengths(made(6), data())
    with pytest.raises(ValueError, match="walks: sequence or window 0 has 6 frames, expected at least 7"):
        check_lengths(made(7), data())
    with pytest.raises(ValueError, match="at least 7: the model's scores come every 7 frames"):
        evaluate(replace(made(7)), data())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_answers_that_overflow_are_no_decisions(value):
    answers = np.array([[0, 1], [value, 0]], np.float32)
    with pytest.raises(ValueError, match=r"^float32: answer 1 is not finite, the model overflows on these data$"):
        CLASSIFY.judge("float32", False, data(), [Said(np.array([n]), a[None]) for n, a in zip((6, 9), answers)])


def test_what_is_measured_in_other_units_is_refused():
    model = replace(made(), feature_units=("m", "m", "g"), label_units=("bar", ""))
    told_units = {"feature_units": ("m", "", "g"), "label_units": ("bar", "m")}
    assert match(model, data(**told_units)).feature_units == ("m", "", "g")  # what says nothing contradicts nothing
    assert match(model, data()).features == 3
    with pytest.raises(ValueError, match=r"walks: 'y' is in ft, the model knows it in m$"):
        match_features(model, data(feature_units=("m", "ft", "g")))
    swapped = data(feature_names=("z", "y", "x"), feature_units=("g", "m", "m"))
    assert match_features(model, swapped).feature_units == ("m", "m", "g")
    with pytest.raises(ValueError, match=r"walks: 'still' is in psi, the model knows it in bar$"):
        match(model, data(label_units=("psi", "")))
