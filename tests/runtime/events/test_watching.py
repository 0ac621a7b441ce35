"""Events that go on over a restart, and rules that change while a stream runs."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.export.elstm import encode
from edgelstm.runtime import Model
from edgelstm.runtime.events.events import Event, Events
from edgelstm.runtime.events.hangup import Hangup
from edgelstm.runtime.events.rule import Rule
from edgelstm.runtime.events.watching import Watching
from random_models import random_model

RULES = {"a": Rule(0.5, smooth=3, refractory=0.2, warm_up=2), "b": Rule(0.7, 0.3, smooth=1)}
SCORES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40)


def told(events, scores, first=0):
    return [e for n, (a, b) in enumerate(scores) for e in events.update(10 * (first + n), {"a": a, "b": b})]


@given(SCORES, st.data())
def test_saved_and_restored_anywhere_events_are_those_of_the_whole(scores, data):
    cut, moved = data.draw(st.integers(0, len(scores))), data.draw(st.integers(-100, 100)) * 10
    before, after = Events(RULES, 50.0), Events(RULES, 50.0)
    found = told(before, scores[:cut])
    after.restore(before.save(10 * cut), 10 * cut + moved)  # a later run counts from elsewhere
    later = [
        e for n, (a, b) in enumerate(scores[cut:]) for e in after.update(10 * (cut + n) + moved, {"a": a, "b": b})
    ]
    found += [Event(e.kind, e.label, e.frame - moved, e.score) for e in later]
    assert found == told(Events(RULES, 50.0), scores)


@pytest.mark.parametrize(
    "saved",
    [b"", b"[]", b'{"labels": {"a": 1}}', b'{"labels": {"a": {"newest": ["x"], "seen": 1, "ago": 1, "is_on": true}}}',
     b'{"labels": {"a": {"newest": [], "seen": -1, "ago": 1, "is_on": true}}}',
     b'{"labels": {"a": {"newest": [7.5], "seen": 1, "ago": 1, "is_on": true}}}',
     b'{"labels": {"a": {"newest": [-0.5], "seen": 1, "ago": 1, "is_on": true}}}'],
)  # fmt: skip
def test_what_is_no_state_is_refused_and_changes_nothing(saved):
    events, before = Events(RULES, 50.0), Events(RULES, 50.0).save(0)
    with pytest.raises(ValueError, match="events"):
        events.restore(saved, 0)
    assert events.save(0) == before


def test_scores_of_anomalies_may_be_of_any_size():
    events = Events({"anomaly": Rule(1.0)}, 50.0)
    events.update(1, {"anomaly": 7.5})
    again = Events({"anomaly": Rule(1.0)}, 50.0)
    again.restore(events.save(1), 1, math.inf)
    assert again.save(1) == events.save(1)


def test_changed_rules_keep_what_was_seen_and_end_what_is_not_watched_any_more():
    events = Events(RULES, 0.0)
    assert [e.label for e in told(events, [(1, 1)] * 5)] == ["b", "a"]
    assert [(e.kind, e.label) for e in events.change({"a": Rule(0.9, 0.5, smooth=5)}, 50)] == [("end", "b")]
    assert events.update(50, {"a": 0.9, "b": 1}) == []  # a is on still
    assert [e.kind for e in told(events, [(0, 0)] * 5, 6)] == ["end"]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(random_model(2, [4], [2], seed=1)))
    return Model(path)


def test_a_hangup_has_the_file_read_anew_and_what_is_wrong_changes_nothing(model, tmp_path):
    file, lines, changed = tmp_path / "events", [], []
    label = model.output_names[0]
    file.write_text(f"{label}:0.6\n")
    with Hangup() as hangup:
        watching = Watching(model, [], file, lines.append, hangup=hangup)
        watching.attach(lambda: 7, changed.append)
        assert watching.rules[label].threshold == 0.6
        for text in (f"{label}:0.7,least=2", "nobody", "\udcff"):
            file.write_text(text, errors="surrogateescape")
            os.kill(os.getpid(), signal.SIGHUP)
            watching.apply()
        file.unlink()
        os.kill(os.getpid(), signal.SIGHUP)
        watching.apply()
    assert [rules[label].threshold for rules in changed] == [0.7]
    assert lines[0] == f"events: {label} from 0.7, below 0.6 no more, 2 of 5, 1.5 s apart"
    assert lines[1:] == [
        f"events stay as they were: {problem}"
        for problem in (
            f"{file}: line 1: event: 'nobody', expected one of {', '.join(model.output_names)}",
            f"{file}: not UTF-8, expected text",
            f"{file}: no such file or directory",
        )
    ]
    watching.apply()
    assert len(lines) == 4


def test_what_is_said_counts_from_the_loop_on_and_later_words_above_earlier_ones(model):
    lines, changed = [], []
    first, second = model.output_names
    watching = Watching(model, [f"{first}:0.6"], None, lines.append)
    watching.attach(lambda: 0, changed.append)
    watching.say(f"{second}:0.9\n{first}:least=1")
    assert changed == []
    for text in ("what?", f"{first}:0.8"):
        watching.apply()
        watching.say(text)
    watching.apply()
    watching.apply()
    assert [(rules[first].threshold, rules[first].reached) for rules in changed] == [(0.6, 1), (0.8, 1)]
    assert changed[-1][second].threshold == 0.9
    assert [line.split(":")[0] for line in lines] == ["events", "events stay as they were", "events"]
    assert lines[1].startswith("events stay as they were: PREFIX/set: event: 'what?', expected one of ")


def test_a_wrong_line_is_named_by_file_and_number(model, tmp_path):
    file, label = tmp_path / "events", model.output_names[0]
    file.write_text(f"\ufeff{label}:0.7\n# of the hall\n\n{label}:80\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"^{file}: line 4: event {label}: threshold: 80, expected at most 1"):
        Watching(model, [], file, [].append)
    file.write_text(f"\ufeff{label}:0.7\n", encoding="utf-8")
    assert Watching(model, [], file, [].append).rules[label].threshold == 0.7


def test_what_is_no_regular_file_is_refused_and_not_waited_for(model, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, kind in ((tmp_path / "pipe", "a named pipe"), ("/dev/zero", "a device"), (tmp_path, "a folder")):
        for is_optional in (False, True):
            with pytest.raises(ValueError, match=f"^{name}: {kind}, expected a regular file$"):
                Watching(model, [], Path(name), [].append, is_optional=is_optional)


def test_a_file_that_may_be_missing_may_come_later(model, tmp_path):
    watching = Watching(model, [], tmp_path / "events", [].append, is_optional=True)
    assert watching.rules == {}
    with pytest.raises(FileNotFoundError):
        Watching(model, [], tmp_path / "events", [].append)
