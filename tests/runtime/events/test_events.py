"""Laws of events: what begins, ends; what rests, rests; labels know nothing of one another."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.records import from_json, to_json
from edgelstm.runtime.events.asked import changed_anomaly_rules, changed_rules
from edgelstm.runtime.events.events import Events
from edgelstm.runtime.events.rule import Rule

HOP, RATE = 4, 20.0
# Sixteenths add up exactly.
SCORES = st.lists(st.tuples(st.integers(0, 16), st.integers(0, 16)), max_size=60)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    threshold, smooth = draw(st.integers(1, 16)), draw(st.integers(1, 6))
    return Rule(
        threshold / 16,
        draw(st.none() | st.integers(0, threshold).map(lambda n: n / 16)),
        smooth,
        draw(st.none() | st.integers(1, smooth)),
        draw(st.sampled_from([0, 0.5, 1.5, 4])),
        draw(st.integers(0, 8)),
    )


def found(rules, scores, gaps=()):
    """(place, event) of answers that come every HOP frames; gaps are places before which one lies."""
    events, all_ = Events(rules, RATE), []
    for place, pair in enumerate(scores):
        if place in gaps:
            all_ += [(place, event) for event in events.reset(HOP * place)]
        given = {label: score / 16 for label, score in zip("ab", pair)}
        all_ += [(place, event) for event in events.update(HOP * (place + 1), given)]
    return all_


@given(rules(), rules(), SCORES, st.sets(st.integers(0, 60), max_size=3))
def test_laws(a, b, scores, gaps):
    both = found({"a": a, "b": b}, scores, gaps)
    for column, (label, rule) in enumerate({"a": a, "b": b}.items()):
        own = [(place, event) for place, event in both if event.label == label]
        assert own == found({label: rule}, scores, gaps)
        assert [event.kind for _, event in own] == ["start", "end"] * (len(own) // 2) + ["start"] * (len(own) % 2)
        starts = [event.frame for _, event in own if event.kind == "start"]
        assert all(Fraction(y - x) >= Fraction(rule.refractory) * int(RATE) for x, y in pairwise(starts))
        for place, event in own:
            since = max((gap for gap in gaps if gap <= place), default=0)
            if event.kind == "start":
                row = [scores[at][column] for at in range(max(since, place + 1 - rule.smooth), place + 1)]
                assert Fraction(sum(row), 16 * rule.smooth) >= Fraction(rule.threshold)
                assert sum(value >= 16 * rule.threshold for value in row) >= (rule.least or min(3, rule.smooth))
                assert place - since >= rule.warm_up
        # Nothing goes on through a gap, and what is on is above the release.
        on = False
        for place in range(len(scores)):
            before = [event for at, event in own if at == place]
            if place in gaps:
                assert not on or before[0].kind == "end"
                on = False
            for event in before:
                on = event.kind == "start"
            since = max((gap for gap in gaps if gap <= place), default=0)
            row = [scores[at][column] for at in range(max(since, place + 1 - rule.smooth), place + 1)]
            assert not on or Fraction(sum(row), 16 * rule.smooth) >= Fraction(rule.ends_below)


def test_a_spike_is_no_event_and_a_wavering_end_is_one():
    scores = [0, 0, 16, 0, 0, *[14] * 6, 7, 9, 6, 3, 1, 0]
    events = [(event.kind, place) for place, event in found({"a": Rule()}, [(s, 0) for s in scores])]
    assert events == [("start", 6), ("end", 15)]


def test_without_a_rate_there_is_no_rest():
    events = Events({"a": Rule(smooth=1, refractory=9)}, 0)
    kinds = [[event.kind for event in events.update(n, {"a": n % 2})] for n in range(1, 5)]
    assert kinds == [["start"], ["end"], ["start"], ["end"]]


def test_what_is_asked_for_changes_what_is_kept():
    own = {"yes": Rule(0.7, least=2)}
    asked = ["no:threshold=0.8,smooth=9", ":refractory=4,warm-up=3", "yes:0.9"]
    assert changed_rules(own, asked, ("yes", "no")) == {
        "yes": Rule(0.9, least=2, refractory=4, warm_up=3),
        "no": Rule(0.8, smooth=9, refractory=4, warm_up=3),
    }
    assert changed_rules({}, ["a:b", "a:b:0.6"], ("a:b",))["a:b"] == Rule(0.6)  # labels may have colons
    assert changed_rules({}, (), ("yes",)) == {}


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("maybe", "event: 'maybe', expected one of yes, no"),
        (":0.7", "event: ':0.7' before any label, expected LABEL:0.7"),
        ("yes:loud=3", "event yes: 'loud', expected one of threshold, release, smooth, least, refractory, warm-up"),
        ("yes:smooth=2.5", "event yes: smooth: '2.5', expected a whole number"),
        ("yes:threshold=high", "event yes: threshold: 'high', expected a number"),
        ("yes:threshold=nan", "event yes: threshold: nan, expected "),
        ("yes:smooth=2,least=3", r"event yes: least: 3, expected at most smooth \(2\)"),
        ("yes:release=0.6", r"event yes: release: 0.6, expected at most the threshold \(0.5\)"),
        ("yes:80", "event yes: threshold: 80, expected at most 1, as probabilities are"),
        ("yes:threshold=1.01,release=0.5", "event yes: threshold: 1.01, expected at most 1"),
        ("yes:0,5", "event yes: threshold: given twice, expected once, and a point in 0.5"),
        ("yes:warm_up=1,warm-up=2", "event yes: warm-up: given twice"),
        ("yes:warm_up=-1", "event yes: warm-up: -1, expected "),
        ("yes:smooth=0", "event yes: smooth: 0, expected 1 to 10,?000"),
    ],
)
def test_what_is_no_rule_is_refused_in_one_line(asked, problem):
    with pytest.raises(ValueError, match=f"^{problem}[^\n]*$"):
        changed_rules({}, [asked], ("yes", "no"))


def test_scores_of_anomalies_may_be_larger_than_probabilities():
    assert changed_anomaly_rules({}, ["anomaly:80"]) == {"anomaly": Rule(80.0)}
    assert changed_rules({}, ["yes:1"], ("yes",)) == {"yes": Rule(1.0)}
    earlier = {"yes": Rule(2.0)}  # of a file that was made before
    assert changed_rules(earlier, [":smooth=9"], ("yes",)) == {"yes": Rule(2.0, smooth=9)}


@given(rules())
def test_rules_are_kept_as_json(rule):
    assert from_json(Rule, to_json(rule), "rule") == rule
