import json

import pytest

from edgelstm.export.metadata import metadata
from edgelstm.model import Answer
from edgelstm.runtime.description import Description
from random_models import random_model


@pytest.fixture
def fields():
    return metadata(random_model(3, [16], [2], answer=Answer("mean", 8, 2)))


def test_what_the_exporter_writes_is_read(fields):
    description = Description.from_json(json.dumps(fields))
    assert (description.features, description.outputs, description.stride) == (3, 2, 1)
    assert (description.pooling, description.window, description.hop) == ("mean", 8, 2)
    assert description.labels == ("class 0", "class 1")
    assert description.metadata == json.loads(json.dumps(fields))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("features", 0),
        ("features", True),
        ("features", 1 << 30),
        ("features", "3"),
        ("outputs", None),
        ("labels", ["one"]),
        ("labels", [1, 2]),
        ("labels", {"a": 1, "b": 2}),
        ("feature_names", "abc"),
        ("precision", "float16"),
        ("activation", ["softmax"]),
        ("stride", 2),
        ("stride", True),
        ("layers", []),
        ("answer", "mean"),
        ("answer", {"pooling": "max", "window": 0, "hop": 1}),
        ("answer", {"pooling": "mean", "window": 8, "hop": 0}),
        ("answer", {"pooling": "mean", "window": 9, "hop": 2}),
        ("answer", {"pooling": "last", "window": 2, "hop": 1}),
        ("answer", {"pooling": "mean", "window": -2, "hop": 1}),
    ],
)
def test_a_wrong_field_is_named_in_one_line(fields, field, value):
    with pytest.raises(ValueError, match=rf"^metadata: {field}[^\n]*expected[^\n]*$"):
        Description.from_json(json.dumps(fields | {field: value}))


def test_a_window_that_would_take_all_memory_is_refused(fields):
    layers = [*fields["layers"][:-1], fields["layers"][-1] | {"channels": 1 << 14}]
    huge = {"outputs": 1 << 14, "layers": layers, "labels": []}
    huge["answer"] = {"pooling": "mean", "window": 1 << 20, "hop": 1}
    with pytest.raises(ValueError, match="window"):
        Description.from_json(json.dumps(fields | huge))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, b"\xff\xfe", "{" + " " * (1 << 22) + "}"])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(ValueError, match=r"^metadata: [^\n]*$"):
        Description.from_json(text)
