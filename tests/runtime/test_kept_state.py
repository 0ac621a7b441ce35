"""A kept state: how old it is by whichever clock, when it is saved, what is said."""

import errno
import os
import uuid

import numpy as np
import pytest

from counts import times
from edgelstm.export.elstm import encode
from edgelstm.files import held
from edgelstm.runtime import Model, kept_state
from edgelstm.runtime.kept_state import KeptState
from edgelstm.runtime.sources.source import Source
from edgelstm.runtime.streaming import Answers, stream_frames
from random_models import random_model, random_signal

FRAMES = random_signal(30, 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "m.elstm"
    path.write_bytes(encode(random_model(3, [4], [2])))
    return Model(path)


class Clock:
    """Both clocks, which only the test moves, and the boot."""

    def __init__(self, monkeypatch):
        self.wall, self.since_boot, self.boot = 1.8e9, 100.0, "first"
        monkeypatch.setattr(kept_state.time, "time", lambda: self.wall)
        monkeypatch.setattr(kept_state.time, "clock_gettime", lambda _: self.since_boot)
        monkeypatch.setattr(kept_state, "_boot", lambda: self.boot)

    def passes(self, seconds):
        self.wall += seconds
        self.since_boot += seconds

    def boots(self, seconds):
        """The board is without power for so long."""
        self.wall, self.since_boot, self.boot = self.wall + seconds, 5.0, str(uuid.uuid4())


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def start(model, path, every=0.0, most_age=0.0):
    """(stream, what keeps its state, what it said)"""
    said, stream = [], model.stream()
    kept = KeptState(stream, path, every=every, most_age=most_age, tell=said.append)
    kept.load()
    return stream, kept, said


def take(stream, kept, frames):
    for frame in frames:
        stream.step(frame)
        kept.took_frame()


def kept_for(model, path, frames=FRAMES[:7]):
    stream, kept, said = start(model, path)
    take(stream, kept, frames)
    kept.save()
    assert said == []
    return stream.save()


def test_a_state_goes_on_as_if_never_stopped_and_says_how_old_it_is(model, tmp_path, clock):
    snapshot = kept_for(model, tmp_path / "s")
    clock.passes(12)
    stream, _, said = start(model, tmp_path / "s")
    assert stream.save() == snapshot
    assert said == [f"{tmp_path / 's'}: goes on from frame 7, the state is 12 s old"]


@pytest.mark.parametrize("step", [-1e6, -5.0, 0.0, 3600.0, 1e9])
@pytest.mark.parametrize(("seconds", "words"), [(59.0, "59 s"), (60.0, "60 s"), (61.0, None)])
def test_a_clock_that_is_set_meanwhile_does_not_age_a_state(model, tmp_path, clock, step, seconds, words):
    kept_for(model, tmp_path / "s")
    clock.passes(seconds)
    clock.wall += step
    stream, _, (said,) = start(model, tmp_path / "s", most_age=60)
    if words:
        assert f"the state is {words} old" in said
        assert stream.frames == 7
    else:
        assert said.endswith("the state is 61 s old, at most 60 s was asked for: starts afresh")
        assert stream.frames == 0


@pytest.mark.parametrize(
    ("seconds", "frames", "words"),
    [(50, 7, "50 s old"), (10_800, 0, "3 h old"), (500_000, 0, "6 days old"), (-900, 0, "of unknown age")],
)
def test_after_a_restart_of_the_board_the_clock_tells(model, tmp_path, clock, seconds, frames, words):
    kept_for(model, tmp_path / "s")
    clock.boots(seconds)
    stream, _, (said,) = start(model, tmp_path / "s", most_age=60)
    assert (stream.frames, words in said) == (frames, True)
    stream, _, _ = start(model, tmp_path / "s")  # whatever its age
    assert stream.frames == 7


def test_a_state_is_as_old_as_its_last_frame(model, tmp_path, clock):
    stream, kept, _ = start(model, tmp_path / "s")
    take(stream, kept, FRAMES[:3])
    clock.passes(600)  # nothing came any more
    kept.save()
    _, kept, (said,) = start(model, tmp_path / "s")
    assert "10 min old" in said
    clock.passes(600)
    kept.save()  # nothing came at all
    assert "20 min old" in start(model, tmp_path / "s")[2][0]


def test_it_is_saved_every_so_often_and_no_oftener(model, tmp_path, clock, monkeypatch):
    saves = []
    write = kept_state.write_whole
    monkeypatch.setattr(kept_state, "write_whole", lambda *given: (saves.append(clock.since_boot), write(*given)))
    stream, kept, _ = start(model, tmp_path / "s", every=60)
    for _ in range(1000):  # a frame in a second
        clock.passes(1)
        take(stream, kept, FRAMES[:1])
    assert saves == [100 + 60.0 * n for n in range(1, 17)]
    resumed, _, (said,) = start(model, tmp_path / "s")  # as after a kill
    assert resumed.frames == 960
    assert "40 s old" in said
    clock.passes(3600)  # slow frames: none is lost
    take(stream, kept, FRAMES[1:2])
    assert start(model, tmp_path / "s")[0].frames == 1001


def test_the_last_frames_are_saved_while_nothing_comes_and_then_no_more(model, tmp_path, clock, monkeypatch):
    saves = []
    write = kept_state.write_whole
    monkeypatch.setattr(kept_state, "write_whole", lambda *given: (saves.append(clock.since_boot), write(*given)))
    stream, kept, _ = start(model, tmp_path / "s", every=60)
    for _ in range(200):  # nothing has come at all
        clock.passes(1)
        kept.idle()
    take(stream, kept, FRAMES[:9])
    assert saves == [300]  # with the first of them: it was time
    for _ in range(200):
        clock.passes(1)
        kept.idle()
    assert saves == [300, 360]
    resumed, _, (said,) = start(model, tmp_path / "s")  # as after a kill
    assert resumed.frames == 9
    assert "3 min old" in said  # as the frames are


def test_a_source_that_falls_silent_has_its_last_frames_saved(model, tmp_path, clock):
    """A stream that is killed then has them all: `idle` is what sources call while they wait."""

    class Silent(Source):
        place = "here"

        def __iter__(self):
            yield from FRAMES[:9]
            for _ in range(70):
                clock.passes(1)
                self.idle()
            assert start(model, tmp_path / "s")[0].frames == 9

    stream, kept, _ = start(model, tmp_path / "s", every=60)
    beats, source = [], Silent("sensor")
    source.idle = lambda: beats.append(clock.since_boot)
    with (tmp_path / "out").open("wb") as out:
        stream_frames(stream, source, Answers(model, out), limit=None, rate=0, kept=kept)
    assert len(beats) == 70


def test_a_disk_that_is_full_meanwhile_is_told_once_and_frames_go_on(model, tmp_path, clock, monkeypatch):
    def full(path, _):
        raise OSError(28, "No space left on device", str(path))

    stream, kept, said = start(model, tmp_path / "s", every=1)
    with monkeypatch.context() as patch:
        patch.setattr(kept_state, "write_whole", full)
        for frame in FRAMES[:20]:
            clock.passes(1)
            take(stream, kept, [frame])
        assert said == [f"{tmp_path / 's'}: the state cannot be saved: no space left on device"]
        with pytest.raises(OSError, match="No space left"):
            kept.save()
    kept.save()
    assert said[1:] == [f"{tmp_path / 's'}: the state is saved again"]
    assert start(model, tmp_path / "s")[0].frames == 20


def test_a_bare_snapshot_is_as_old_as_its_file(model, tmp_path, clock):
    path = tmp_path / "s"
    stream = model.stream()
    stream.push(FRAMES[:5])
    path.write_bytes(stream.save())
    os.utime(path, (clock.wall - 100, clock.wall - 100))
    resumed, _, (said,) = start(model, path, most_age=200)
    assert resumed.frames == 5
    assert "100 s old" in said
    assert start(model, path, most_age=50)[0].frames == 0


@pytest.mark.parametrize("most_age", [0.0, 1.0])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"my own notes\n" * 20,
        b"\nedgelstm-state {}\n",
        b"SNAPSHOT\nedgelstm-state {\n",
        b'SNAPSHOT\nedgelstm-state {"saved": "now", "boot": "", "since_boot": 0}\n',
        b'SNAPSHOT\nedgelstm-state {"saved": 0, "boot": "", "since_boot": 0}' + b" " * 500,
    ],
)
def test_what_is_no_state_is_named_and_stays(model, tmp_path, content, most_age):
    path = tmp_path / "s"
    content = content.replace(b"SNAPSHOT", model.stream().save())
    path.write_bytes(content)
    os.utime(path, (0, 0))
    with pytest.raises(ValueError, match=f"{path}: ") as error:
        start(model, path, most_age=most_age)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_a_pipe_is_not_waited_for(model, tmp_path):
    os.mkfifo(tmp_path / "s")
    with pytest.raises(ValueError, match="a named pipe"):
        start(model, tmp_path / "s")


def test_any_moments_give_an_age_or_none():
    rng = np.random.default_rng(0)
    for _ in range(200):
        one, other = (
            kept_state.Moment(float(rng.integers(0, 1000)), str(rng.integers(0, 2) or ""), float(rng.integers(0, 9)))
            for _ in range(2)
        )
        ago = one.seconds_ago(other)
        same = one.boot == other.boot != ""
        expected = other.since_boot - one.since_boot if same else other.saved - one.saved
        assert ago == (expected if expected >= 0 else None)


def test_two_at_one_file_are_refused_and_a_killed_one_lets_go(model, tmp_path):
    """Also within one process; the lock is gone with whoever had it."""
    (tmp_path / "link").symlink_to("s")
    with KeptState(model.stream(), tmp_path / "s", every=0, most_age=0, tell=print) as kept:
        kept.save()
        for path in (tmp_path / "s", tmp_path / "link", tmp_path / "." / ".." / tmp_path.name / "s"):
            other = KeptState(model.stream(), path, every=0, most_age=0, tell=print)
            with pytest.raises(ValueError, match="in use by another process"):
                other.__enter__()
        with KeptState(model.stream(), tmp_path / "another", every=0, most_age=0, tell=print) as beside:
            beside.save()
    assert {path.name for path in tmp_path.iterdir()} == {"s", "link", "another"}
    child = os.fork()
    if not child:
        with KeptState(model.stream(), tmp_path / "s", every=0, most_age=0, tell=print):
            os._exit(0)  # as a kill would end it
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 4
    with KeptState(model.stream(), tmp_path / "s", every=0, most_age=0, tell=print):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"s", "link", "another"}


def test_where_files_cannot_be_locked_it_is_said(model, tmp_path, monkeypatch):
    def unable(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("edgelstm.files.fcntl.flock", unable)
    said = []
    with KeptState(model.stream(), tmp_path / "s", every=0, most_age=0, tell=said.append) as kept:
        kept.save()
    assert said == [f"{tmp_path / 's'}: cannot be locked there: a second stream with it would not be noticed"]
    assert (tmp_path / "s").exists()


def test_many_at_once_take_turns_and_never_share(tmp_path):
    """Locks that are removed and made anew meanwhile: two within would find each other's mark."""
    mark, children = tmp_path / "mark", []
    for _ in range(6):
        child = os.fork()
        if not child:
            code = 0
            for _ in range(times(40, 2000)):
                try:
                    with held(tmp_path / "s"):
                        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
                        mark.unlink()
                except ValueError:  # others were faster for long
                    pass
                except OSError:
                    code = 1
            os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert list(tmp_path.iterdir()) == []
