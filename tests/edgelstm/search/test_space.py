"""What is tried, and the recipes that come of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import searching
from edgelstm import records
from edgelstm.search.checks import check_values
from edgelstm.search.proposed_table import search_table
from edgelstm.search.shape import Shape, with_choices
from edgelstm.search.space import proposed, read_space
from edgelstm.search.toml import to_toml
from edgelstm.training.config import parse_config

BASE = '[data]\nfile = "x.npz"\nwindow = 20\n[answer]\npooling = "mean"\nwindow = 20\nhop = 10\n'

plain = st.recursive(
    st.booleans() | st.integers(-(1 << 40), 1 << 40) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), st.dictionaries(st.text(max_size=6), plain, max_size=3), max_size=3))
def test_a_recipes_values_come_back_from_their_text(values):
    assert records.parse_toml(to_toml(values), "") == values


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"unit": [1]}, "search.unit: nothing that can be tried, perhaps 'units'"),
        ({"training": {"learning_rat": [1]}}, "search.training.learning_rat: nothing that can be tried"),
        ({"training": {"seed": [1]}}, "search.training.seed: nothing that can be tried"),
        ({"data": {"file": ["a"]}}, "search.data.file: nothing that can be tried"),
        ({"units": 3}, "search.units: 3, expected a list of values, or low and high"),
        ({"units": []}, "search.units: [], expected a list of values"),
        ({"units": [8, 8]}, "search.units: a value twice"),
        ({"units": {"low": 8}}, "search.units: low 8, high None; expected two numbers"),
        ({"units": {"low": 9, "high": 8}}, "low 9, high 8"),
        ({"units": {"low": 0, "high": 8, "log": True}}, "search.units.low: 0, expected above 0 with log"),
        ({"units": {"low": 1, "high": 8, "log": True, "step": 2}}, "search.units.step: 2"),
        ({"units": {"low": 1, "hihg": 8}}, "search.units: unknown field 'hihg'"),
        ({"units": [8], "model": {"units": [[8]]}}, "model.units and kind, units"),
        ({}, "search: nothing, expected what to try"),
    ],
)
def test_what_cannot_be_tried_is_named(table, said):
    with pytest.raises(ValueError, match=re.escape(said)) as found:
        read_space(table, "recipe.toml")
    assert str(found.value).startswith("recipe.toml: ")
    assert "\n" not in str(found.value)


def layers_of(text: str, chosen: dict[str, object]) -> list[object]:
    config = parse_config(text)
    values = with_choices(records.parse_toml(text, ""), config.model, chosen)
    return [dict(layer) for layer in Shape.of(parse_config(to_toml(values)).model).layers]


def test_shapes_change_what_they_name_and_leave_the_rest():
    text = BASE + "[model]\nunits = [16, 16]\nhidden = [9]\n"
    dense = {"kind": "dense", "units": 9, "activation": "relu"}
    assert layers_of(text, {"units": 24}) == [{"kind": "lstm", "units": 24}] * 2 + [dense]
    assert layers_of(text, {"layers": 1, "kind": "gru"}) == [{"kind": "gru", "units": 16, "reset": "after"}, dense]
    stacked = layers_of(text, {"stack": 5})
    assert stacked == [{"kind": "context", "rows": 5, "hop": 5}, *[{"kind": "lstm", "units": 16}] * 2, dense]
    again = BASE + '[model]\nlayers = [{kind="context",rows=5,hop=5},{kind="gru",units=8,reset="before"}]\n'
    assert layers_of(again, {"stack": 1, "units": 4}) == [{"kind": "gru", "units": 4, "reset": "before"}]


def test_answers_come_no_more_often_than_scores_do():
    text = '[data]\nfile = "x"\n[answer]\nhop = 1\n'
    values = with_choices(records.parse_toml(text, ""), parse_config(text).model, {"stack": 4})
    assert parse_config(to_toml(values)).answer.hop == 4


@pytest.mark.parametrize(
    "recipe", sorted(Path(__file__).parents[3].glob("edgelstm/recipes/*.toml")), ids=lambda p: p.stem
)
def test_what_is_proposed_holds_the_recipe_itself_and_can_be_read(recipe):
    text = recipe.read_text()
    config = parse_config(text)
    space = proposed(config, 40)
    assert read_space(space.to_json(), "") == space
    assert read_space(records.parse_toml(search_table(config, 40), "")["search"], "") == space  # what init writes
    own = space.own(config)
    assert own
    assert "training.learning_rate" in own
    # A value at either end is one that recipes can have, with nothing else changed.
    for knob in space.knobs:
        for value in knob.ends():
            parse_config(to_toml(with_choices(records.parse_toml(text, ""), config.model, {knob.name: value})))


def test_a_search_begins_with_the_recipe_and_then_its_other_shapes():
    config = parse_config(BASE + "[model]\nunits = [8]\n")
    table = {"kind": ["lstm", "gru"], "units": {"low": 4, "high": 9}, "stack": [1, 2, 5], "layers": [1, 2]}
    space = read_space(table, "")
    assert space.starts(config, 1) == [space.own(config)]
    starts = space.starts(config, 10)  # not the layers too, of which there were 12
    read = [(json.loads(one["kind"]), json.loads(one["stack"]), one["units"], one["layers"]) for one in starts]
    assert read[0] == ("lstm", 1, 8, "1")
    assert sorted(read) == [(kind, stack, 8, "1") for kind in ("gru", "lstm") for stack in (1, 2, 5)]
    assert [one[:2] for one in read[-2:]] == [("gru", 2), ("gru", 5)]
    other = read_space({**table, "stack": [2, 5]}, "")  # of these the recipe has none
    assert len(other.starts(config, 4)) == 4
    assert all(len(one) == 4 for one in other.starts(config, 4))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kind = ["rnn"]', 'search.kind: "rnn": expected one of lstm, gru'),
        ("units = [4, 4.5]", "search.units: 4.5: "),
        ("units = { low = 1.5, high = 8 }", "search.units: 1.5: "),
        ("stack = [1, 0]", "search.stack: 0: expected a whole number from 1"),
        ('layers = ["x"]', 'search.layers: "x": expected a whole number from 1'),
        ("training.batch = { low = 1.5, high = 9.5 }", "search.training.batch: 1.5: "),
        ("training.dropout = [0.1, 7.0]", "search.training.dropout: 7.0: "),
    ],
)
def test_a_value_that_no_recipe_takes_is_refused_before_any_trial(tmp_path, line, said):
    text = f"{searching.RECIPE.partition('[search]')[0]}[search]\n{line}\n"
    plan = searching.plan_of(searching.write_recipe(tmp_path, text), "")
    space = read_space(plan.values["search"], "recipe.toml")
    with pytest.raises(ValueError, match=re.escape(said)) as found:
        check_values(space, plan)
    assert "\n" not in str(found.value)


def test_a_value_that_goes_with_another_choice_alone_is_tried(tmp_path):
    text = f"{searching.RECIPE.partition('[search]')[0]}[search]\nstack = [1, 4]\ndata.window = [0, 8, 10]\n"
    plan = searching.plan_of(searching.write_recipe(tmp_path, text), "")
    check_values(read_space(plan.values["search"], "recipe.toml"), plan)
