"""Alarms against events: stretches of frames in which something was the matter.

How it is counted, for scores at some threshold. An alarm is a run of answers that reach it; what begins no more than
`slack` frames after an alarm continues it. An event is found when an alarm begins within it, or within `slack` frames
before or after: one that stood there all the time has not told of it. Found events are true, once each, however long
an alarm is or how often it is repeated; every alarm that begins near no event is a false one. Frames are not counted
as found for the sake of others ("point adjustment", which makes random scores look good). Frames of which the truth
is not known are nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.own import runs, runs_of
from edgelstm.data.store import chunked
from edgelstm.judging.evaluation import Evaluation, Figure

NORMAL, ANOMALOUS, UNKNOWN = 0, 1, -1
_MOST_TRIED = 200  # thresholds, for the best one
_PART = 1 << 16  # frames that are looked at together
_STANDS = 0.1  # share of normal frames in alarms from which on it is worth a word

Runs = NDArray[np.int64]  # (runs, 2): first place and last


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores along one sequence, and what is true of its frames; they may be more than memory holds."""

    at: NDArray[np.int64]  # (answers,) frames that had come
    scores: NDArray[np.float64]  # (answers,) NaN = none
    truth: NDArray[np.int8]  # (frames,) NORMAL, ANOMALOUS or UNKNOWN

    def parts(self) -> Iterator[_Part]:
        """Everything in its order."""
        for start in range(0, len(self.truth), _PART):
            truth = self.truth[start : start + _PART]
            first, last = np.searchsorted(self.at, [start, start + len(truth)], side="right")
            yield _Part(start, truth, self.at[first:last] - 1 - start, self.scores[first:last])

    def events(self) -> Runs:
        """(events, 2): first frame and last."""
        return runs_of(truth == ANOMALOUS for truth in chunked(self.truth))


@dataclass(frozen=True, eq=False)
class _Part:
    """Some frames of a sequence."""

    start: int
    truth: NDArray[np.int8]  # (frames,)
    at: NDArray[np.int64]  # (answers,) frames from `start`, as of which they are
    scores: NDArray[np.float64]  # (answers,)

    def inside(self, runs: Runs) -> NDArray[np.bool_]:
        """(frames,): which lie in one of these runs of frames, in order of where they end."""
        stop = self.start + len(self.truth)
        some = runs[np.searchsorted(runs[:, 1], self.start) : np.searchsorted(runs[:, 0], stop)] - self.start
        edges = np.zeros(len(self.truth) + 1, np.int64)
        np.add.at(edges, np.maximum(some[:, 0], 0), 1)
        np.add.at(edges, np.minimum(some[:, 1] + 1, len(self.truth)), -1)
        found: NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
        return found


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
            Figure("false alarms", found.false),
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
            Figure("events", found.events),
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
            said.append(
                "no anomaly is labelled in what is judged: only false alarms can be told; "
                "evaluate --all also judges any in the part that trained"
            )
        elif not found.found:
            said.append("no event was found: see their lowest peak, in units of the threshold")
        if found.normal and found.alarmed > _STANDS * found.normal:
            said.append("alarms stand over much of what is normal: more data to learn from, or a larger task.margin")
        return said


def events(
    precision: str, streamed: bool, scored: Sequence[Scored], limit: float, slack: int, sample_rate: float
) -> Events:
    """Judge scores by alarms from `limit` on."""
    highest, peaks = -np.inf, []
    for one in scored:
        whole = one.events()
        highest = max(highest, _highest_normal(one, _wider(whole, slack)))
        peaks += [_peak(one, first - slack, last + slack) for first, last in whole.tolist()]
    return Events(
        precision,
        streamed,
        sum(int(np.isfinite(part).sum()) for one in scored for part in chunked(one.scores)),
        count(scored, limit, slack),
        float(highest) if np.isfinite(highest) else None,
        min(peaks, default=None),
        _best(scored, peaks, slack),
        sample_rate,
    )


def _best(scored: Sequence[Scored], peaks: Sequence[float], slack: int) -> tuple[float, float] | None:
    """(threshold, F1) of the peaks of events, or of many that lie evenly among them."""
    tried = np.unique([peak for peak in peaks if peak > 0])
    if not len(tried):
        return None
    tried = tried[np.unique(np.linspace(0, len(tried) - 1, min(len(tried), _MOST_TRIED)).astype(int))]
    wholes = [one.events() for one in scored]
    found = []
    for threshold in tried.tolist():
        told = [_found(one, whole, _alarms(one, threshold, slack), slack) for one, whole in zip(scored, wholes)]
        right, false = sum(len(delays) for delays, _ in told), sum(wrong for _, wrong in told)
        found.append((2 * right / (len(peaks) + right + false), threshold))
    f1, threshold = max(found)
    return threshold, f1


def count(scored: Sequence[Scored], limit: float, slack: int) -> Count:
    """Events and alarms at one threshold."""
    total = false = normal = alarmed = 0
    delays: list[int] = []
    for one in scored:
        whole, alarms = one.events(), _alarms(one, limit, slack)
        late, wrong = _found(one, whole, alarms, slack)
        delays += late
        false += wrong
        total += len(whole)
        near = _wider(whole, slack)
        for part in one.parts():
            quiet = (part.truth == NORMAL) & ~part.inside(near)
            normal += int(quiet.sum())
            alarmed += int((quiet & part.inside(alarms)).sum())
    return Count(total, len(delays), false, tuple(delays), normal, alarmed)


def _found(one: Scored, whole: Runs, alarms: Runs, slack: int) -> tuple[list[int], int]:
    """(delays of the events that were found, false alarms)."""
    starts = alarms[:, 0]
    firsts = np.searchsorted(starts, whole[:, 0] - slack)
    lasts = np.searchsorted(starts, whole[:, 1] + slack, side="right")
    is_near = np.zeros(len(starts), np.bool_)
    delays = []
    for event, first, last in zip(whole[:, 0].tolist(), firsts.tolist(), lasts.tolist()):
        is_near[first:last] = True
        if first < last:
            delays.append(max(int(starts[first]) - event, 0))
    return delays, int((~is_near & (one.truth[starts] != UNKNOWN)).sum())


def _alarms(one: Scored, limit: float, slack: int) -> Runs:
    """(alarms, 2): first frame and last. An answer is of all frames since the one before."""
    found: list[Runs] = []
    for part in one.parts():
        reach = runs(part.scores >= limit)
        frames = part.at[reach] + part.start
        if not len(frames):
            continue
        if found and frames[0, 0] - found[-1][-1, 1] <= slack + 1:  # goes on
            frames[0, 0] = found[-1][-1, 0]
            found[-1] = found[-1][:-1]
        begins = np.append(True, frames[1:, 0] - frames[:-1, 1] > slack + 1)
        ends = np.append(begins[1:], True)
        found.append(np.stack([frames[begins, 0], frames[ends, 1]], axis=1))
    return np.concatenate([np.empty((0, 2), np.int64), *found])


def _wider(whole: Runs, slack: int) -> Runs:
    """Runs with so many frames before and after."""
    wide: Runs = whole + np.array([-slack, slack])
    return wide


def _highest_normal(one: Scored, near: Runs) -> float:
    """Score of what is normal and not `near` an event, nor where the smoothed score still falls behind one: it still
    speaks of the event."""
    highest = -np.inf
    before, fades = np.nan, False
    for part in one.parts():
        if not len(part.at):
            continue
        is_near = part.inside(near)[part.at]
        falls = part.scores < np.append(before, part.scores[:-1])
        places = np.arange(1, len(part.at) + 1)
        newest = np.maximum.accumulate(np.where(is_near, places, 0 if fades else -1))
        broken = np.maximum.accumulate(np.where(~falls & ~is_near, places, -1))
        fading = is_near | (newest > broken)
        before, fades = float(part.scores[-1]), bool(fading[-1])
        normal = part.scores[~fading & (part.truth[part.at] == NORMAL)]
        highest = max(highest, float(normal[np.isfinite(normal)].max(initial=-np.inf)))
    return highest


def _peak(one: Scored, first: int, last: int) -> float:
    """The highest score of these frames; 0 without one."""
    places = np.searchsorted(one.at, [first + 1, last + 2])
    parts = chunked(one.scores[places[0] : places[1]])
    return max((float(part[np.isfinite(part)].max(initial=0.0)) for part in parts), default=0.0)
