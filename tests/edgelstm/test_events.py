"""Alarms against events: cases that are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.judging.events import Count, Events, Scored, count, events


def make(scores: str, truth: str, hop: int = 1) -> Scored:
    """scores: a digit for each answer, `-` for none; truth: `.` normal, `#` anomalous, `?` not known."""
    values = np.array([np.nan if letter == "-" else float(letter) for letter in scores])
    frames = np.array([{".": 0, "#": 1, "?": -1}[letter] for letter in truth], np.int8)
    return Scored(hop * np.arange(1, len(values) + 1), values, frames)


@pytest.mark.parametrize(
    ("scores", "truth", "slack", "wanted"),
    [
        # (events, found, false alarms, delays)
        ("0000055000", ".....##...", 0, (1, 1, 0, (0,))),
        ("0000005000", ".....##...", 0, (1, 1, 0, (1,))),
        ("0000000500", ".....##...", 0, (1, 0, 1, ())),  # it comes too late
        ("0000000500", ".....##...", 1, (1, 1, 0, (2,))),
        ("0000500000", ".....##...", 1, (1, 1, 0, (0,))),  # and one early
        ("5555555555", ".....##...", 1, (1, 0, 1, ())),  # it stood there all the time
        ("5050000000", ".....##...", 0, (1, 0, 2, ())),
        ("5050000000", ".....##...", 1, (1, 0, 1, ())),  # goes on
        ("0050505050", "..######..", 0, (1, 1, 1, (0,))),  # an event counts once; what begins behind it is false
        ("0500000050", ".#......#.", 0, (2, 2, 0, (0, 0))),
        ("5000000000", "?....##...", 0, (1, 0, 0, ())),  # not known: nobody's
        ("-----5----", ".....#....", 0, (1, 1, 0, (0,))),
        ("0000000000", "..........", 5, (0, 0, 0, ())),
    ],
)
def test_counted_by_hand(scores: str, truth: str, slack: int, wanted: tuple[object, ...]) -> None:
    found = count([make(scores, truth)], 1.0, slack)
    assert (found.events, found.found, found.false, found.delays) == wanted


def test_shares_of_a_count() -> None:
    found = Count(events=4, found=3, false=1, delays=(0, 2, 4), normal=1000, alarmed=0)
    assert (found.precision, found.recall) == (0.75, 0.75)
    assert found.f1 == pytest.approx(2 * 0.75 * 0.75 / 1.5)
    assert Count(0, 0, 0, (), 10, 0).f1 is None


def test_answers_of_every_other_frame_are_at_theirs() -> None:
    found = count([make("00500", "....##....", hop=2)], 1.0, 0)
    assert (found.found, found.delays) == (1, (1,))


def test_an_hour_and_a_thousand_frames() -> None:
    one = make("50000" * 20, "." * 100)
    assert events("float32", False, [one], 1.0, 0, 0.0).headline.value == pytest.approx(200.0)
    (remark,) = events("float32", False, [make("0000", "....")], 1.0, 0, 0.0).remarks()
    assert remark.startswith("no anomaly is labelled in what is judged: ")  # the data may have some elsewhere
    assert "--all" in remark
    by_hour = events("float32", False, [one], 1.0, 0, 10.0).headline  # 20 in 10 seconds
    assert (by_hour.name, by_hour.value) == ("false alarms an hour", pytest.approx(7200.0))


def test_the_best_threshold_finds_what_can_be_found() -> None:
    separable = events("float32", False, [make("0200004000", "......#...")], 5.0, 0, 0.0)
    assert separable.best == (4.0, 1.0)
    assert separable.at_threshold.found == 0
    assert separable.highest_normal == 2.0
    assert any("no event was found" in remark for remark in separable.remarks())


def test_scores_of_chance_are_worth_nothing_however_long_the_event() -> None:
    """What point adjustment would call nearly perfect: a long event, and now and then a score by chance."""
    rng = np.random.default_rng(1)
    truth = np.zeros(20_000, np.int8)
    truth[8000:12_000] = 1
    one = Scored(np.arange(1, 20_001), (rng.random(20_000) < 0.01) * 5.0, truth)
    found = events("float32", False, [one], 1.0, 0, 0.0)
    assert found.at_threshold.found == 1  # one event, once
    assert found.headline.value is not None
    assert found.headline.value < 0.03


def test_every_precision_has_the_same_figures() -> None:
    def names(found: Events) -> list[str]:
        return [figure.name for figure in found.figures()]

    quiet, loud = (events("x", False, [make(s, "..##..")], 1.0, 0, 1.0) for s in ("000000", "505050"))
    assert names(quiet) == names(loud)


def test_a_score_that_falls_after_an_event_is_no_normal_one() -> None:
    found = events("float32", False, [make("0100098765410300", "....##..........")], 5.0, 1, 0.0)
    assert found.highest_normal == 3.0
    assert found.at_threshold.alarmed == 3  # though these frames are normal, and in its alarm
