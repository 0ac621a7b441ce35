"""The events in a row of answers: smoothed, with two thresholds, a least count and a time of rest for each label."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgelstm.runtime.events.rule import Rules


@dataclass(frozen=True)
class Event:
    """Something that begins or ends."""

    kind: Literal["start", "end"]
    label: str
    frame: int  # that of the answer by which it was known
    score: float  # the mean of the newest answers


class Events:
    """Takes the answers of a stream, one after another.

    Labels know nothing of one another: a rest, a count or a gap of one is no other's. rate: frames per second; where
    it is unknown, 0, there are no times of rest.
    """

    def __init__(self, rules: Rules, rate: float) -> None:
        self._labels = {label: _Label(rule.smooth) for label, rule in rules.items()}
        self._rules, self._rate = dict(rules), rate

    def update(self, frame: int, scores: Mapping[str, float]) -> list[Event]:
        """What the answer at `frame`, counted on over gaps, begins and ends; `scores` has every label's."""
        found = []
        for label, state in self._labels.items():
            rule = self._rules[label]
            state.seen += 1
            state.newest.append(scores[label])
            score = math.fsum(state.newest) / rule.smooth  # a row that is not full counts zeros
            if state.is_on:
                if score < rule.ends_below:
                    state.is_on = False
                    found.append(Event("end", label, frame, score))
            elif (
                score >= rule.threshold
                and state.seen > rule.warm_up
                and sum(value >= rule.threshold for value in state.newest) >= rule.reached
                and (state.since is None or frame - state.since >= rule.refractory * self._rate)
            ):
                state.is_on, state.since = True, frame
                found.append(Event("start", label, frame, score))
        return found

    def reset(self, frame: int) -> list[Event]:
        """After a gap behind `frame`: what was on ends, and answers of before count no more. Times of rest go on."""
        found = []
        for label, state in self._labels.items():
            if state.is_on:
                found.append(Event("end", label, frame, math.fsum(state.newest) / self._rules[label].smooth))
            state.is_on, state.seen = False, 0
            state.newest.clear()
        return found


class _Label:
    def __init__(self, smooth: int) -> None:
        self.newest: deque[float] = deque(maxlen=smooth)
        self.seen = 0  # answers since the beginning or a gap
        self.since: int | None = None  # frame of the newest beginning
        self.is_on = False
