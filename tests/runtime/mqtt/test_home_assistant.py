"""What Home Assistant is told keeps to its own rules, whatever labels are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.runtime.sinks.home_assistant import discovery, part_of_topic

PLATFORMS = {
    "sensor": {"name", "state_topic", "value_template", "expire_after", "unique_id", "platform"},
    "binary_sensor": {"name", "state_topic", "value_template", "unique_id", "platform"},
    "event": {"name", "state_topic", "value_template", "event_types", "unique_id", "platform"},
}
LABELS = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4, unique=True)


@given(LABELS, st.sampled_from(["softmax", "sigmoid", "linear", "anomaly"]))
def test_the_message_is_one_that_home_assistant_takes(labels, kind):
    topic, told = discovery("hall/cough", "model", "0.1.0", kind=kind, labels=labels, watched=labels)
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
    assert told["device"]["identifiers"]
    assert told["origin"]["name"] == "edgelstm"  # mandatory
    assert told["availability"] == [{"topic": "hall/cough/status"}]
    parts = told["components"]
    assert len({part["unique_id"] for part in parts.values()}) == len(parts)
    for part in parts.values():
        assert set(part) == PLATFORMS[part["platform"]]
        assert part["state_topic"].startswith("hall/cough/")
        assert not set(part["state_topic"]) & set("+#")
        # One expression, which no label can end.
        assert re.fullmatch(r"\{\{ (?:(?!\}\}|\{\{|\{%|%\}|\n).)* \}\}", part["value_template"])
    events = [part for part in parts.values() if part["platform"] == "event"]
    assert len({part["state_topic"] for part in events}) == len(labels)


def test_two_streams_of_one_model_are_two_devices():
    told = [discovery(prefix, "m", "1", kind="anomaly", labels=[], watched=[])[1] for prefix in ("hall/a", "hall/b")]
    assert [each["device"]["name"] for each in told] == ["m (hall/a)", "m (hall/b)"]


@given(LABELS)
def test_labels_have_parts_of_topics_of_their_own(labels):
    parts = [part_of_topic(label) for label in labels]
    assert len(set(parts)) == len(labels)
    assert all(re.fullmatch(r"[a-z0-9_]+", part) for part in parts)


@pytest.mark.parametrize(
    ("label", "literal"), [("cough", '"cough"'), ('a"}}', '"a\\U00000022\\U0000007d\\U0000007d"')]
)
def test_labels_are_literals_of_templates(label, literal):
    _, told = discovery("x", "m", "1", kind="sigmoid", labels=[label], watched=[])
    (part,) = told["components"].values()
    assert part["value_template"] == f"{{{{ value_json.probabilities[{literal}] }}}}"
    assert eval(literal) == label  # Python's literals are the template's
