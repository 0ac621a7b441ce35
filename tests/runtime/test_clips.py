"""Clips of events and near misses: what is in them, and how much of a disk they take."""

from __future__ import annotations

import csv
import io
import wave

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.runtime import Model
from edgelstm.runtime.clips import Clips
from edgelstm.runtime.events.events import Events
from edgelstm.runtime.events.rule import Rule
from edgelstm.runtime.streaming import Answers
from random_models import random_model

BEFORE, AFTER = 30, 20  # frames at 10 a second


def fed(clips, count, first=0):
    for n in range(first, first + count):
        clips.take(np.array([n, -n], np.float32))


def rows(path):
    with path.open(newline="") as file:
        head, *found = csv.reader(file)
    return head, [float(row[0]) for row in found]


def test_a_clip_holds_what_was_before_and_what_came_after(tmp_path):
    clips = Clips(tmp_path, ("x", 'y,"z'), 2, 10.0, [].append, most=1 << 20)
    fed(clips, 100)
    clips.mark("start", "a b", 0.876)
    fed(clips, 5, 100)
    clips.mark("near", "other", 0.4)  # within the same clip
    fed(clips, AFTER - 6, 105)
    assert list(tmp_path.iterdir()) == []
    fed(clips, 60, 119)
    (path,) = tmp_path.iterdir()
    assert path.name.split("Z-")[1].startswith("start-a_b_")
    assert path.name.endswith("-0.88.csv")
    head, found = rows(path)
    assert head == ["x", 'y,"z']
    assert found == list(range(100 - BEFORE, 100 + AFTER))


def test_a_clip_is_named_by_the_strongest_that_is_in_it(tmp_path):
    clips = Clips(tmp_path, (), 2, 10.0, [].append, most=1 << 20)
    fed(clips, 50)
    for kind, label, score in (("near", "a", 0.95), ("start", "b", 0.8), ("start", "c", 0.9), ("near", "d", 0.99)):
        clips.mark(kind, label, score)
        fed(clips, 2)
    fed(clips, AFTER)
    clips.mark("near", "e", 0.1)  # behind it is another one
    clips.end()
    first, second = sorted(path.name.split("Z-")[1] for path in tmp_path.iterdir())
    assert (first, second) == ("near-e-0.10.csv", "start-c-0.90.csv")


def test_a_gap_ends_a_clip_and_what_was_before_it_is_in_no_later_one(tmp_path):
    clips = Clips(tmp_path, (), 2, 10.0, [].append, most=1 << 20)
    fed(clips, 7)
    clips.mark("near", "a", 0.4)
    fed(clips, 3, 7)
    clips.end()
    fed(clips, 2, 100)
    clips.mark("start", "a", 0.9)
    clips.end()
    first, second = sorted(tmp_path.iterdir(), key=lambda path: rows(path)[1])
    assert ("-near-a-0.40" in first.name, rows(first)[1]) == (True, list(range(10)))
    assert rows(second)[1] == [100, 101]


@pytest.mark.parametrize("hop", [1, 4])
def test_a_sound_is_kept_as_one(tmp_path, hop):
    clips = Clips(tmp_path, (), hop, 100.0, [].append, channels=1, most=1 << 20)
    samples = np.random.default_rng(1).integers(-32768, 32767, (300, hop)).astype(np.float32)
    for frame in samples:
        clips.take(frame)
    clips.mark("start", "cough", 1.0)
    clips.end()
    (path,) = tmp_path.iterdir()
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (100 * hop, 1)
        np.testing.assert_array_equal(np.frombuffer(file.readframes(1 << 20), "<i2"), samples.ravel())


def test_the_oldest_give_way_and_other_files_stay(tmp_path):
    (tmp_path / "notes.csv").write_text("mine" * 1000)
    clips = Clips(tmp_path, (), 2, 10.0, [].append, most=1000)
    scores = []
    for n in range(1, 30):
        clips.take(np.array([n, n], np.float32))
        clips.mark("start", "a", n)
        clips.end()
        own = [path for path in tmp_path.iterdir() if path.name != "notes.csv"]
        assert sum(path.stat().st_size for path in own) <= 1000
        scores = sorted(float(path.stem.rpartition("-")[2]) for path in own)
        assert scores[-1] == n
    assert len(scores) > 20
    assert (tmp_path / "notes.csv").read_text() == "mine" * 1000


def test_what_cannot_be_written_is_told_once_and_counted(tmp_path):
    told = []
    folder = tmp_path / "clips"
    folder.mkdir()
    clips = Clips(folder, (), 2, 10.0, told.append, most=1000)
    folder.rmdir()
    for _ in range(2):
        fed(clips, 1)
        clips.mark("start", "a", 0.5)
        clips.end()
    assert (len(told), clips.counts.dropped) == (1, 2)
    assert "clips cannot be kept: no such file or directory" in told[0]
    with pytest.raises(FileNotFoundError):
        Clips(folder, (), 2, 10.0, told.append, most=1000)
    folder.mkdir()
    fed(clips, 1)
    clips.mark("start", "a", 0.5)
    clips.end()
    assert told[1:] == [f"{folder}: takes clips again, 2 dropped"]
    (tmp_path / "model.elstm").write_bytes(encode(random_model(2, [2], [2])))
    answers = Answers(Model(tmp_path / "model.elstm"), io.BytesIO(), clips=clips)
    assert answers.counts.dropped == 2  # as the status says


def test_what_nearly_was_an_event_is_near_once_it_is_over():
    events = Events({"a": Rule(0.5, 0.4, smooth=1, least=1, refractory=0.0)}, 10.0)
    found = []
    for n, score in enumerate([0, 0.45, 0.42, 0.1, 0.45, 0.9, 0.45, 0.1, 0.41, 0.39]):
        events.update(n, {"a": score})
        found += [(n, near.score) for near in events.take_near()]
    assert found == [(3, 0.45), (9, 0.41)]
