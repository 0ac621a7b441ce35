"""A model is asked only about data that it was made for."""

from dataclasses import replace

import numpy as np
import pytest

from edgelstm.data import Dataset
from edgelstm.evaluation import check_features, check_fits, check_lengths, evaluate
from edgelstm.layers import GRU, Context, Dense
from edgelstm.model import Answer, Model, Normalize


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
    assert evaluate(made(), data()).sequences == 2
    nameless = data(feature_names=(), sample_rate=0.0)
    assert evaluate(made(), nameless).sequences == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feature_names": ("x", "z", "y")}, r"walks: feature_names\[1\] is 'z', expected 'y' as the model has it"),
        ({"labels": ("moving", "still")}, r"walks: labels\[0\] is 'moving', expected 'still' as the model has it"),
        ({"sample_rate": 100.0}, "walks: sample_rate 100, the model's is 50"),
    ],
)
def test_what_is_named_otherwise_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        check_fits(made(), data(**changes))


def test_features_alone_may_come_with_other_labels():
    check_features(made(), data(labels=("a", "b")))


def test_sequences_shorter_than_the_stride_are_refused_by_place():
    check_lengths(made(6), data())
    with pytest.raises(ValueError, match="walks: sequence or window 0 has 6 frames, expected at least 7"):
        check_lengths(made(7), data())
    with pytest.raises(ValueError, match="at least 7: the model's scores come every 7 frames"):
        evaluate(replace(made(7)), data())
