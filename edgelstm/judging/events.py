"""Alarms against events: stretches of frames in which something was the matter.

How it is counted, for scores at some threshold. An alarm is a run of answers that reach it; what begins no more than
`slack` frames after an alarm continues it. An event is found when an alarm begins within it, or within `slack` frames
before or after: one that stood there all the time has not told of it. Found events are true, once each, however long
an alarm is or how often it is repeated; every alarm that begins near no event is a false one. Frames are not counted
as found for the sake of others ("point adjustment", which makes random scores look good). Frames of which the truth
is not known are nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.own import runs
from edgelstm.judging.evaluation import Evaluation, Figure

NORMAL, ANOMALOUS, UNKNOWN = 0, 1, -1
_MOST_TRIED = 200  # thresholds, for the best one
_STANDS = 0.1  # share of normal frames in alarms from which on it is worth a word

Runs = NDArray[np.int64]  # (runs, 2): first place and last


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores along one sequence, and what is true of its frames."""

    at: NDArray[np.int64]  # (answers,) frames that had come
    scores: NDArray[np.float64]  # (answers,) NaN = none
    truth: NDArray[np.int8]  # (frames,) NORMAL, ANOMALOUS or UNKNOWN


@dataclass(frozen=True)
class Count:
    """What a threshold comes to."""

    events: int
    found: int
    false: int  # alarms
    delays: tuple[int, ...]  # of found events, frames from its first to the alarm's
    normal: int  # frames that are normal and near no event
    alarmed: int  # of these in an alarm

    @property
    def precision(self) -> float | None:
        """None without alarms."""
        return self.found / (self.found + self.false) if self.found + self.false else None

    @property
    def recall(self) -> float | None:
        """None without events."""
        return self.found / self.events if self.events else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None without events."""
        return 2 * self.found / (self.events + self.found + self.false) if self.events else None


@dataclass(frozen=True, eq=False)
class Events(Evaluation):
    """Alarms at the threshold, and what would have been the best one."""

    answers: int
    at_threshold: Count
    highest_normal: float | None  # score, of frames near no event, and where no event's score is still falling
    lowest_event: float | None  # of the highest scores of the events
    best: tuple[float, float] | None  # (threshold, F1) of those with the highest F1 the highest; None without events
    sample_rate: float  # frames per second; 0 = unknown

    @property
    def count(self) -> int:
        return self.answers

    @property
    def headline(self) -> Figure:
        return self.figures()[0]

    @property
    def false_rate(self) -> Figure:
        """False alarms an hour, or per 1,000 frames where the rate is not known."""
        found = self.at_threshold
        if not self.sample_rate:
            value = 1000 * found.false / found.normal if found.normal else None
            return Figure("false alarms per 1,000 frames", value)
        value = 3600 * found.false * self.sample_rate / found.normal if found.normal else None
        return Figure("false alarms an hour", value)

    @property
    def delay(self) -> Figure:
        """Mean over the events that were found."""
        delays = self.at_threshold.delays
        scale, unit = (1 / self.sample_rate, "s") if self.sample_rate else (1.0, "frames")
        value = float(np.mean(delays)) * scale if delays else None
        return Figure("delay of an alarm", value, unit=unit, why="none found")

    def figures(self) -> Sequence[Figure]:
        found = self.at_threshold
        share = found.alarmed / found.normal if found.normal else None
        of_normal = (
            Figure("false alarms", float(found.false)),
            self.false_rate,
            Figure("normal frames in alarms", share, is_share=True),
            Figure("highest score of normal frames", self.highest_normal),
        )
        if not found.events:
            return (self.false_rate, *(figure for figure in of_normal if figure != self.false_rate))
        best = self.best or (None, None)
        return (
            Figure("F1 of events", found.f1, is_share=True),
            Figure("precision", found.precision, is_share=True, why="no alarm"),
            Figure("recall", found.recall, is_share=True),
            Figure("events", float(found.events)),
            self.delay,
            *of_normal,
            Figure("lowest peak of an event", self.lowest_event),
            Figure("best threshold, had it been known", best[0]),
            Figure("F1 with it", best[1], is_share=True),
        )

    def to_json(self) -> dict[str, Any]:
        found, rate = self.at_threshold, self.false_rate
        best = self.best or (None, None)
        return {
            "precision": self.precision,
            "streamed": self.streamed,
            "answers": self.count,
            "events": found.events,
            "found": found.found,
            "false_alarms": found.false,
            "false_alarms_an_hour" if self.sample_rate else "false_alarms_per_1000_frames": rate.value,
            "event_precision": found.precision,
            "event_recall": found.recall,
            "event_f1": found.f1,
            "delays": list(found.delays),
            "normal_frames": found.normal,
            "normal_frames_in_alarms": found.alarmed,
            "highest_normal_score": self.highest_normal,
            "lowest_event_peak": self.lowest_event,
            "best_threshold": best[0],
            "best_f1": best[1],
        }

    def remarks(self) -> Sequence[str]:
        found, said = self.at_threshold, []
        if not found.events:
            said.append("the data have no anomaly that is labelled: only false alarms can be told")
        elif not found.found:
            said.append("no event was found: see their lowest peak, in units of the threshold")
        if found.normal and found.alarmed > _STANDS * found.normal:
            said.append("alarms stand over much of what is normal: more data to learn from, or a larger task.margin")
        return said


def events(
    precision: str, streamed: bool, scored: Sequence[Scored], limit: float, slack: int, sample_rate: float
) -> Events:
    """Judge scores by alarms from `limit` on."""
    normal, peaks = [], []
    for one in scored:
        known = np.isfinite(one.scores)
        near = _fading(one, _near(one, slack)[one.at - 1])
        normal.append(one.scores[known & ~near & (one.truth[one.at - 1] == NORMAL)])
        peaks += [_peak(one, first - slack, last + slack) for first, last in runs(one.truth == ANOMALOUS)]
    highest = np.concatenate(normal).max(initial=-np.inf) if normal else -np.inf
    best = None
    if peaks:
        tried = np.unique([peak for peak in peaks if peak > 0])
        tried = tried[np.unique(np.linspace(0, len(tried) - 1, min(len(tried), _MOST_TRIED)).astype(int))]
        counts = [(count(scored, float(t), slack).f1 or 0.0, float(t)) for t in tried]
        best = max(counts)[::-1] if counts else None
    return Events(
        precision,
        streamed,
        sum(int(np.isfinite(one.scores).sum()) for one in scored),
        count(scored, limit, slack),
        float(highest) if np.isfinite(highest) else None,
        min(peaks, default=None),
        best,
        sample_rate,
    )


def count(scored: Sequence[Scored], limit: float, slack: int) -> Count:
    """Events and alarms at one threshold."""
    total = found = false = normal = alarmed = 0
    delays: list[int] = []
    for one in scored:
        whole = runs(one.truth == ANOMALOUS)
        with np.errstate(invalid="ignore"):
            alarms = _alarms(one, limit, slack)
        starts = alarms[:, 0]
        is_near = np.zeros(len(starts), np.bool_)
        for first, last in whole:
            inside = (starts >= first - slack) & (starts <= last + slack)
            is_near |= inside
            if inside.any():
                found += 1
                delays.append(int(max(starts[inside][0] - first, 0)))
        total += len(whole)
        quiet = (one.truth == NORMAL) & ~_near(one, slack)
        false += int((~is_near & (one.truth[starts] != UNKNOWN)).sum())
        normal += int(quiet.sum())
        alarmed += sum(int(quiet[first : last + 1].sum()) for first, last in alarms)
    return Count(total, found, false, tuple(delays), normal, alarmed)


def _alarms(one: Scored, limit: float, slack: int) -> Runs:
    """(alarms, 2): first frame and last. An answer is of all frames since the one before."""
    found = runs(one.scores >= limit)
    if not len(found):
        return found
    frames = one.at[found] - 1
    begins = np.append(True, frames[1:, 0] - frames[:-1, 1] > slack + 1)
    ends = np.append(begins[1:], True)
    return np.stack([frames[begins, 0], frames[ends, 1]], axis=1)


def _near(one: Scored, slack: int) -> NDArray[np.bool_]:
    """(frames,): in an event, or near one."""
    found = np.zeros(len(one.truth), np.bool_)
    for first, last in runs(one.truth == ANOMALOUS):
        found[max(first - slack, 0) : last + slack + 1] = True
    return found


def _fading(one: Scored, near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(answers,): `near`, and what follows as long as the smoothed score falls: it still speaks of the event."""
    found = near.copy()
    for _, last in runs(near):
        after = one.scores[last + 1 :]
        falls = np.flatnonzero(~(after < one.scores[last : last + len(after)]))
        found[last + 1 : last + 1 + (falls[0] if falls.size else len(after))] = True
    return found


def _peak(one: Scored, first: int, last: int) -> float:
    inside = one.scores[(one.at - 1 >= first) & (one.at - 1 <= last)]
    known = inside[np.isfinite(inside)]
    return float(known.max(initial=0.0))
