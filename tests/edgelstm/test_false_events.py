"""False events an hour against misses: against what is counted by hand."""

from __future__ import annotations

import json
import wave
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.cli import main
from edgelstm.data import Dataset
from edgelstm.judging.evaluation import Said
from edgelstm.judging.false_events import THRESHOLDS, Point, chosen, curve, with_threshold
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.model_file import load_model, save_model
from edgelstm.records import to_json
from edgelstm.report import read_report
from edgelstm.report.page.false_events import false_events_page
from edgelstm.report.record import FalseEvents, WatchedLabel
from edgelstm.runtime.events.asked import changed_rules
from edgelstm.runtime.events.rule import Rule
from edgelstm.training.checkpoint import Epoch
from pages import Page

HOP = 10
RULE = Rule(0.5, 0.4, smooth=1, refractory=0.0)


def recorded(rows, labels):
    """A data set with recordings of the labels; what was said along each: rows of scores of "a"."""
    frames = tuple(np.zeros((HOP * len(row), 1), np.float32) for row in rows)
    y = np.array(["ab".index(label) for label in labels])
    dataset = Dataset(frames, y, ("a", "b"), np.arange(len(y)), ("x",), sample_rate=10.0)
    said = [Said(HOP * np.arange(1, len(row) + 1), np.array([[s, 1 - s] for s in row]), ()) for row in rows]
    return dataset, said


def test_what_is_found_and_what_is_false():
    rows = [[0, 0.9, 0, 0.9], [0, 0.6, 0], [0, 0.8, 0, 0], [0, 0, 0.3], [0.1, 0.7]]
    dataset, said = recorded(rows, "abbaa")
    points = {point.threshold: point for point in curve(dataset, said, HOP, "a", RULE)}
    hours = 70 / 10 / 3600
    assert points[0.5] == Point(0.5, 2, 3, 2, hours)
    assert points[0.65] == Point(0.65, 2, 3, 1, hours)
    assert points[0.75] == Point(0.75, 1, 3, 1, hours)
    assert points[0.85] == Point(0.85, 1, 3, 0, hours)
    assert points[0.95] == Point(0.95, 0, 3, 0, hours)
    assert points[0.85].misses == pytest.approx(2 / 3)
    assert points[0.5].false_an_hour == pytest.approx(2 / hours)


def test_what_begins_soon_behind_a_recording_is_its_own():
    dataset, said = recorded([[0, 0, 0], [0.9, 0, 0, 0.9]], "ab")
    (point,) = [point for point in curve(dataset, said, HOP, "a", RULE) if point.threshold == 0.5]
    assert (point.found, point.false) == (1, 1)


def test_an_event_that_stays_on_finds_each_recording_and_is_false_in_each_other():
    """Neighbours of one label are one event to a stream; what never ends finds all, and is wrong everywhere else."""

    def at_half(rows, labels, rule=RULE):
        points = curve(*recorded(rows, labels), HOP, "a", rule)
        (point,) = [point for point in points if point.threshold == 0.5]
        return point.found, point.false

    on, off = [0.9] * 4, [0.0] * 4
    assert at_half([on, on, on, off], "aaab") == (3, 0)
    assert at_half([on, on, on, on], "abba") == (2, 2)
    assert at_half([on, [0.9, 0, 0, 0], off], "aba") == (1, 0)  # the first answer behind it is its own still
    assert at_half([on, [0.9, 0, 0, 0], off], "aab") == (1, 0)
    assert at_half([[0.9], [0.9], [0.9]], "aba") == (2, 1)  # shorter than a mean


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.floats(0, 1), min_size=1, max_size=9)), max_size=6))
def test_the_chosen_point_keeps_to_the_limit_and_none_that_does_misses_less(parts):
    parts = [("a", [0.5]), ("b", [0.5]), *parts]
    dataset, said = recorded([row for _, row in parts], [label for label, _ in parts])
    points = curve(dataset, said, HOP, "a", RULE)
    assert [point.threshold for point in points] == list(THRESHOLDS)
    for most in (0.0, 100.0, 1e9):
        best = chosen(points, most)
        fitting = [point for point in points if point.false_an_hour <= most]
        assert not fitting or best in fitting
        assert all(best.misses <= point.misses for point in fitting)
        assert fitting or all(best.false <= point.false for point in points)


def test_a_rule_moves_as_a_whole():
    moved = with_threshold(Rule(0.5, 0.3, smooth=7), 0.9)
    assert (moved.threshold, moved.ends_below, moved.smooth) == (0.9, 0.7, 7)
    assert with_threshold(Rule(), 0.05).ends_below == 0
    derived = with_threshold(Rule(smooth=7), 0.9)
    assert (derived.release, derived.ends_below) == (None, pytest.approx(0.8))
    again = changed_rules({"a": derived}, ["a:0.6"], ["a"])["a"]  # a release that nobody gave goes along
    assert (again.threshold, again.ends_below) == (0.6, pytest.approx(0.5))


def test_a_label_without_others_is_refused():
    with pytest.raises(ValueError, match="event a: no recordings of others"):
        curve(*recorded([[0.5]], "a"), HOP, "a", RULE)


@pytest.fixture
def ask(tmp_path, capfd):
    """Runs evaluate on a model and a folder of sounds: (exit code, stdout, stderr)."""
    rng = np.random.default_rng(3)
    lstm = LSTM(rng.normal(size=(32, 1)), rng.normal(0, 0.3, (32, 8)), rng.normal(size=32))
    layers = (lstm, Dense(rng.normal(size=(2, 8)), np.zeros(2)))
    answer, labels = Answer("mean", 20, 10), ("no", "yes")
    normalize = Normalize(np.zeros(1), np.full(1, 8000.0))
    model = Model(normalize, layers, "softmax", answer, labels=labels, feature_names=("sound",), sample_rate=8000.0)
    save_model(model, tmp_path / "model.npz")
    for label in labels:
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for number in range(3):
            with wave.open(str(tmp_path / "sounds" / label / f"{number}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(rng.integers(-9999, 9999, 300).astype("<i2").tobytes())

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", str(tmp_path / "model.npz"), str(tmp_path / "sounds"), "--all", *arguments])
        return ended.value.code or 0, *capfd.readouterr()

    call.path = tmp_path / "model.npz"
    return call


def test_the_chosen_threshold_is_kept_in_the_model(ask):
    code, out, err = ask("--events", "--event", "yes:smooth=2", "--json", "--store-events", "--most-false", "1e9")
    assert code == 0, err
    (found,) = json.loads(out).values()
    kept = load_model(ask.path).events
    assert list(kept) == ["yes"]
    assert (kept["yes"].threshold, kept["yes"].smooth) == (found["chosen"]["threshold"], 2)
    code, out, _ = ask("--events")
    assert code == 0
    assert out.startswith("yes: 3 recordings of it, ")
    assert len([line for line in out.splitlines() if line.endswith("chosen")]) == 1


@pytest.mark.parametrize("answers", [("--hop", "20"), ("--answer-window", "40"), ("--pooling", "last")])
def test_thresholds_of_other_answers_than_the_model_s_are_not_kept(ask, answers):
    before = ask.path.read_bytes()
    code, _, err = ask("--events", "--event", "yes:smooth=2", "--store-events", *answers)
    assert code == 2
    assert "--store-events: the model does not keep --hop" in err
    assert ask.path.read_bytes() == before
    assert ask("--events", "--event", "yes:smooth=2", "--store-events", "--hop", "10", "--most-false", "1e9")[0] == 0


def test_an_event_that_never_begins_is_not_kept(ask):
    before = ask.path.read_bytes()
    asked = ("--events", "--event", "yes:smooth=2,warm-up=9999", "--store-events")
    code, out, err = ask(*asked)
    assert code == 3
    assert ask.path.read_bytes() == before
    assert "not kept: yes" in err.replace("\n ", "")
    assert [line.split()[1:] for line in out.splitlines() if "chosen" in line] == [["100.0%", "0", "!", "chosen"]]
    assert "no threshold finds any at most 1 false an hour" in out
    code, out, err = ask(*asked, "--json")
    assert (code, ask.path.read_bytes()) == (3, before)
    assert "no threshold finds any at most 1 false an hour" in err
    assert json.loads(out)["yes"]["chosen"]["found"] == 0


def test_too_little_sound_is_told(ask):
    _, out, _ = ask("--events", "--event", "yes:smooth=2", "--most-false", "2")
    assert "too little to say: 112 ms of others; 2 false an hour needs 30.0 min" in out
    _, out, _ = ask("--events", "--event", "yes:smooth=2", "--most-false", "1e9")
    assert "too little" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--most-false", "2"), "--most-false: goes with --events"),
        (("--events", "--most-false", "nan"), "nan, expected a finite number"),
        (("--min-accuracy", "nan"), "nan, expected a finite number"),
    ],
)
def test_limits_that_say_nothing_are_refused(ask, arguments, said):
    code, _, err = ask(*arguments)
    assert code == 2
    assert said in err


def test_the_page_tells_what_json_does(ask, tmp_path):
    page = tmp_path / "events.html"
    code, out, err = ask("--events", "--event", "yes:smooth=1", "--json", "--report", str(page))
    assert code == 0, err
    assert str(page) in err
    (found,) = json.loads(out).values()
    shown = Page(page.read_text(encoding="utf-8"))
    shown.check_self_contained()
    told = [f"{point['threshold']:g}" for point in found["points"]]
    assert [word for word in shown.words if word in told] == told
    assert shown.words.count("chosen") == 1


def test_the_model_s_report_shows_what_was_found_and_stays_of_the_model(ask):
    folder, sounds = ask.path.with_suffix(".run"), ask.path.parent / "sounds"
    folder.mkdir()
    epoch = Epoch(1, 1, 0.7, None, None, best=True, seconds=2.0)
    run = {"history": to_json((epoch,)), "model_sha256": sha256(ask.path.read_bytes()).hexdigest()}
    (folder / "run.json").write_text(json.dumps(run))
    with pytest.raises(SystemExit) as ended:
        main(["report", str(ask.path), str(sounds), "--all"])
    assert not ended.value.code
    assert read_report(folder / "report.json").false_events is None
    code, out, err = ask(
        "--events", "--event", "yes:smooth=2,least=1", "--json", "--store-events", "--most-false", "1e9"
    )
    assert code == 0, err
    assert f"{folder / 'report.html'}: shows them" in err
    (found,) = json.loads(out.splitlines()[-1]).values()
    shown = read_report(folder / "report.json")
    assert shown.about.sha256 == sha256(ask.path.read_bytes()).hexdigest()
    (label,) = shown.false_events.labels
    points = [{**to_json(one), "misses": one.misses, "false_an_hour": one.false_an_hour} for one in label.points]
    assert (label.label, points, points[label.chosen]) == ("yes", found["points"], found["chosen"])
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    page.check_self_contained()
    assert "False events" in page.text
    with pytest.raises(SystemExit) as ended:  # another one shows what the model keeps
        main(["report", str(ask.path), str(sounds), "--all"])
    assert not ended.value.code
    again = read_report(folder / "report.json")
    assert again.false_events.labels == (label,)
    assert [one.loss for one in again.epochs] == [0.7]  # the run's, though the file is another one now


def test_the_curve_is_drawn_where_the_points_are():
    """Shares across, logarithms up; no false event as half of one."""
    points = [Point(n / 10, 9 - n, 9, max(24 - 4 * n, 0), 2.0) for n in range(10)]
    shown = Page(false_events_page("model", FalseEvents("data", 1.0, (WatchedLabel("a", tuple(points), 3),))))
    (line,) = (of for name, of in shown.elements if name == "polyline")
    x, y = np.array([pair.split(",") for pair in line["points"].split()], float).T
    for places, values in ((x, np.arange(10)), (y, np.log([24, 20, 16, 12, 8, 4, 0.5, 0.5, 0.5, 0.5]))):
        slope, start = np.polyfit(values, places, 1)
        np.testing.assert_allclose(places, start + slope * values, atol=0.1)
    (mark,) = (of for name, of in shown.elements if name == "rect")
    assert float(mark["x"]) < x[3] < float(mark["x"]) + float(mark["width"])


def test_names_on_the_page_stay_text():
    hostile = "<script>alert(1)</script>"
    points = [Point(n / 10, 9 - n, 9, 30, 2.0) for n in range(10)]
    text = false_events_page(hostile, FalseEvents(hostile, 1.0, (WatchedLabel(hostile, tuple(points), 0),)))
    shown = Page(text)
    shown.check_self_contained()
    assert hostile in shown.text
    assert hostile not in text
    assert "No threshold has at most 1 false events an hour." in shown.text


def test_what_is_asked_wrongly_is_one_line(ask):
    for arguments, problem in (
        (("--event", "yes"), "--event: goes with --events"),
        (("--report", "events.html"), "--report: goes with --events"),
        (("--events", "--report", "events.txt"), "--report events.txt: suffix .txt, expected .html"),
        (("--events", "--event", "maybe"), "--event: 'maybe', expected one of no, yes"),
        (("--events", "--pooling", "last", "--answer-window", "0", "--hop", "0"), "--events: the model answers at"),
    ):
        code, out, err = ask(*arguments)
        assert (code, out) == (2, "")
        assert problem in err.splitlines()[-1]
