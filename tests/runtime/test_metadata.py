"""What a file's metadata say of the model, from files that nobody vouches for."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export.metadata import metadata, metadata_json
from edgelstm.model import Answer
from edgelstm.runtime.layers import parts_of_calls, read_layers
from edgelstm.runtime.metadata import read_metadata
from edgelstm.runtime.states import read_integer_io, read_states
from random_layers import random_layers
from random_models import random_model


@pytest.fixture
def fields():
    return metadata(random_model(3, [16], [2], answer=Answer("mean", 8, 2)))


def test_what_the_exporter_writes_is_read(fields):
    description = read_metadata(json.dumps(fields))
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
        opened(fields | {field: value})


def test_a_window_that_would_take_all_memory_is_refused(fields):
    layers = [*fields["layers"][:-1], fields["layers"][-1] | {"channels": 1 << 14}]
    huge = {"outputs": 1 << 14, "layers": layers, "labels": []}
    huge["answer"] = {"pooling": "mean", "window": 1 << 20, "hop": 1}
    with pytest.raises(ValueError, match="window"):
        opened(fields | huge)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, b"\xff\xfe", "{" + " " * (1 << 22) + "}"])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(ValueError, match=r"^metadata: [^\n]*$"):
        read_metadata(text)


def places(value, path=()):
    """Every place in a JSON value, the whole of it too."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def opened(values):
    """The states of a file that says this."""
    description = read_metadata(json.dumps(values))
    layers = read_layers(description.metadata, description.features, description.outputs)
    read_integer_io(description.metadata, description.features)
    return read_states(description.metadata, layers)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), seed=st.integers(0, 9))
def test_whatever_stands_in_a_field_is_read_or_refused_in_one_line(data, seed):
    values = json.loads(metadata_json(random_layers(seed), of_file={"io": None}))
    parts = parts_of_calls(read_layers(values, values["features"], values["outputs"]))
    values["states"] = [
        {"name": name, "output": f"{name}_out", "type": "float32", "shape": [1, *shape]}
        | {"initial": 0.0, "scale": 1.0, "zero_point": 0}
        for name, (_, shape) in parts.items()
    ]
    assert len(opened(values)) == len(parts)
    path = data.draw(st.sampled_from(list(places(values))[1:]))
    target = values
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(JSON)
    problem = "metadata"
    try:
        opened(values)
    except ValueError as error:
        problem = str(error)
    assert problem.startswith("metadata")
    assert "\n" not in problem
    assert len(problem) < 2000
