"""The events in a row of answers: smoothed, with two thresholds, a least count and a time of rest for each label."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from edgelstm.records import Bounds, from_json, parse_json, to_json
from edgelstm.runtime.events.rule import Rules

_ROUNDED = 1e-3  # by which what an engine calls a probability may be above 1


@dataclass(frozen=True)
class Event:
    """Something that begins or ends."""

    kind: Literal["start", "end", "near"]
    label: str
    frame: int  # that of the answer by which it was known
    score: float  # the mean of the newest answers; of what nearly began the largest


class Events:
    """Takes the answers of a stream, one after another.

    Labels know nothing of one another: a rest, a count or a gap of one is no other's. rate: frames per second; where
    it is unknown, 0, there are no times of rest.
    """

    def __init__(self, rules: Rules, rate: float) -> None:
        self._labels = {label: _Label(rule.smooth) for label, rule in rules.items()}
        self._rules, self._rate = dict(rules), rate
        self._near: list[Event] = []

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
                state.is_on, state.since, state.near = True, frame, 0.0
                found.append(Event("start", label, frame, score))
            elif 0 < rule.ends_below <= score and state.seen > rule.warm_up:
                state.near = max(state.near, score)
            elif state.near:
                self._near.append(Event("near", label, frame, state.near))
                state.near = 0.0
        return found

    def take_near(self) -> list[Event]:
        """What nearly began: its mean reached what would have kept it on, and fell again. Told once."""
        near, self._near = self._near, []
        return near

    def change(self, rules: Rules, frame: int) -> list[Event]:
        """From here on others count, as of `frame`. Labels that stay keep what they have seen; of those that are not
        watched any more, what was on ends."""
        left = {label: state for label, state in self._labels.items() if label not in rules}
        ended = [
            Event("end", label, frame, math.fsum(state.newest) / self._rules[label].smooth)
            for label, state in left.items()
            if state.is_on
        ]
        self._labels = {
            label: self._labels[label].with_room(rule.smooth) if label in self._labels else _Label(rule.smooth)
            for label, rule in rules.items()
        }
        self._rules = dict(rules)
        return ended

    def save(self, frame: int) -> bytes:
        """What is remembered when the stream stands at `frame`, for `restore`."""
        saved = {
            label: _Saved(
                tuple(state.newest), state.seen, None if state.since is None else frame - state.since, state.is_on
            )
            for label, state in self._labels.items()
        }
        return json.dumps(to_json(_SavedEvents(saved))).encode()

    def restore(self, saved: bytes, frame: int, most: float = 1.0) -> None:
        """Go on from what `save` gave, of the labels that are watched now, at `frame`. most: the largest score that
        there is. ValueError, with nothing changed, for what is none."""
        found = from_json(_SavedEvents, parse_json(saved, "events"), "events").labels
        if not all(math.isfinite(score) for each in found.values() for score in each.newest):
            raise ValueError("events: scores that are not finite")
        outside = (v for each in found.values() for v in each.newest if not 0 <= v <= most + _ROUNDED)
        if (wrong := next(outside, None)) is not None:
            raise ValueError(f"events: a score of {wrong:g}, expected 0 to {most:g}: the state is damaged")
        for label in self._labels:
            if label in found:
                each, state = found[label], _Label(self._rules[label].smooth)
                state.newest.extend(each.newest)
                state.seen, state.is_on = each.seen, each.is_on
                state.since = None if each.ago is None else frame - each.ago
                self._labels[label] = state

    def clear(self) -> None:
        """As at the beginning."""
        self._labels = {label: _Label(rule.smooth) for label, rule in self._rules.items()}

    def reset(self, frame: int) -> list[Event]:
        """After a gap behind `frame`: what was on ends, and answers of before count no more. Times of rest go on."""
        found = []
        for label, state in self._labels.items():
            if state.is_on:
                found.append(Event("end", label, frame, math.fsum(state.newest) / self._rules[label].smooth))
            state.is_on, state.seen, state.near = False, 0, 0.0
            state.newest.clear()
        return found


class _Label:
    def __init__(self, smooth: int) -> None:
        self.newest: deque[float] = deque(maxlen=smooth)
        self.seen = 0  # answers since the beginning or a gap
        self.since: int | None = None  # frame of the newest beginning
        self.is_on = False
        self.near = 0.0  # the largest mean since it reached what would keep it on; 0: it has not

    def with_room(self, smooth: int) -> _Label:
        """The same with so many newest answers."""
        other = _Label(smooth)
        other.newest.extend(self.newest)
        other.seen, other.since, other.is_on = self.seen, self.since, self.is_on
        return other


@dataclass(frozen=True)
class _Saved:
    """Of one label."""

    newest: tuple[float, ...]
    seen: Annotated[int, Bounds(0, 1 << 62)]
    ago: Annotated[int, Bounds(0, 1 << 62)] | None  # frames since the newest beginning
    is_on: bool


@dataclass(frozen=True)
class _SavedEvents:
    labels: dict[str, _Saved]
