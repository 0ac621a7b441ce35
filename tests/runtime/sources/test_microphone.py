"""A microphone by `arecord`: a program of ours stands for it, which behaves as it does."""

from __future__ import annotations

import stat
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edgelstm.resampling import Decimator
from edgelstm.runtime.sources import microphone, outage, recorder
from edgelstm.runtime.sources.microphone import Microphone
from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.sounddevice_recorder import SounddeviceRecorder
from edgelstm.runtime.sources.source import FrameFormat

FORM = FrameFormat(1, ("sound",), sample_rate=16000)
FAKE = """#!{python}
import os, sys, time
folder = {folder!r}
count = len(os.listdir(folder))
open(os.path.join(folder, str(count)), "w").write(" ".join(sys.argv[1:]) + " " + os.environ.get("LC_ALL", ""))
def say(line): sys.stderr.write(line + "\\n"); sys.stderr.flush()
def put(first, n):
    import struct
    sys.stdout.buffer.write(b"".join(struct.pack("<h", (first + k) % 30000) for k in range(n))); sys.stdout.flush()
{script}
"""


@pytest.fixture
def arecord(tmp_path, monkeypatch):
    """Puts a program of that name on PATH; gives the folder with the arguments of each of its runs."""
    monkeypatch.setattr(outage, "AGAIN", 0.01)

    def put(script: str) -> Path:
        (tmp_path / "bin").mkdir()
        runs = tmp_path / "runs"
        runs.mkdir()
        path = tmp_path / "bin/arecord"
        path.write_text(FAKE.format(python=sys.executable, folder=str(runs), script=script))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(path.parent))
        return runs

    return put


def heard(count: int, form: FrameFormat = FORM, card: str = "default", kind: Microphone | str = "microphone"):
    """(frames, gaps as (frames before them, gap), what was told)."""
    found, gaps, told = [], [], []
    with open_source(kind, card, form) as source:
        source.tell = told.append
        for frame in source:
            if (gap := source.take_gap()) is not None:
                gaps.append((len(found), gap))
            found.append(frame)
            if len(found) == count:
                break
    return np.array(found), gaps, told


def test_samples_are_asked_for_as_the_model_takes_them(arecord):
    runs = arecord("put(0, 1000); time.sleep(60)")
    found, gaps, told = heard(1000, card="plughw:CARD=Mic")
    np.testing.assert_array_equal(found[:, 0], np.arange(1000))
    assert (gaps, told) == ([], [])
    asked = (runs / "0").read_text()
    assert "-t raw -f S16_LE -r 16000 -c 1 -D plughw:CARD=Mic" in asked
    assert asked.endswith(" C")  # what it says is read


def test_an_overrun_is_a_gap_of_the_length_that_was_told(arecord):
    arecord(
        "put(0, 320); time.sleep(0.3); say('overrun!!! (at least 250.125 ms long)'); time.sleep(0.3);"
        "put(9000, 320); time.sleep(60)"
    )
    found, [(at, gap)], told = heard(640)
    np.testing.assert_array_equal(found[:, 0], [*range(320), *range(9000, 9320)])
    assert (at, gap.why, gap.seconds, told) == (320, "overrun", 0.250125, [])


def test_a_card_that_was_pulled_out_is_waited_for(arecord):
    runs = arecord(
        "if count == 0: put(0, 100); say('arecord: pcm_read:2221: read error: No such device'); sys.exit(1)\n"
        "if count < 3: say('arecord: main:831: audio open error: No such file or directory'); sys.exit(1)\n"
        "put(5000, 100); time.sleep(60)"
    )
    found, [(at, gap)], told = heard(200)
    np.testing.assert_array_equal(found[:, 0], [*range(100), *range(5000, 5100)])
    assert (at, gap.why) == (100, "was away")
    assert gap.seconds > 0
    assert len(list(runs.iterdir())) == 4
    gone, back = told
    assert gone.startswith("microphone default: read error: No such device; expected a card that is there")
    assert back.startswith("microphone default: back after ")


def test_a_card_that_falls_silent_is_opened_anew(arecord, monkeypatch):
    monkeypatch.setattr(recorder, "PATIENCE", 0.5)
    arecord("put(1000 * count, 10)\ntime.sleep(60)")
    found, [(at, _)], (gone, _) = heard(20)
    np.testing.assert_array_equal(found[:, 0], [*range(10), *range(1000, 1010)])
    assert at == 10
    assert "no samples for 0.5 s" in gone


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("audio open error: No such file or directory", "expected a card that is there; arecord -L lists them"),
        ("audio open error: Device or resource busy", "another program has the card; fuser -v /dev/snd/* names it"),
        ("audio open error: Permission denied", "expected a user of the group audio"),
    ],
)
def test_a_card_that_gives_nothing_at_first_is_an_error_that_says_what_to_do(arecord, said, told):
    arecord(f"say('arecord: main:831: {said}'); sys.exit(1)")
    with pytest.raises(ValueError, match=r"^microphone hall: ") as error:
        heard(1, card="hall")
    assert str(error.value) == f"microphone hall: {said}; {told}"


def test_a_card_of_another_rate_is_filtered_here_and_one_channel_taken(arecord):
    """Samples count up, one after the other in two channels."""
    runs = arecord("put(0, 6000); time.sleep(60)")
    found, _, _ = heard(900, kind=Microphone(card_rate=48000, channel=2))
    whole = Decimator(3, 1)(np.arange(1, 6000, 2, dtype=np.float32)[:, None])
    np.testing.assert_array_equal(found, whole[:900])
    assert "-r 48000 -c 2" in (runs / "0").read_text()


def test_samples_may_come_in_halves(arecord):
    arecord("d=b''.join(k.to_bytes(2,'little') for k in range(30))\nfor k in range(0, 60, 3): os.write(1, d[k:k+3])")
    np.testing.assert_array_equal(heard(30)[0][:, 0], np.arange(30))


def test_without_the_program_the_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(microphone, "is_installed", lambda: False)
    with pytest.raises(FileNotFoundError, match=r"install alsa-utils, or edgelstm\[microphone\]"):
        heard(1)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (FrameFormat(1, ("sound",)), "does not say its sample rate, expected --card-rate HZ"),
        (FrameFormat(3, ("x", "y", "z")), "sound for a model of x, y, z, expected 3 channels"),
    ],
)
def test_a_model_that_takes_no_such_sound_is_refused(arecord, form, problem):
    arecord("put(0, 1)")
    with pytest.raises(ValueError, match=problem):
        heard(1, form)


class PortAudioError(Exception):
    pass


@pytest.fixture
def sounddevice(tmp_path, monkeypatch):
    """In the place of the package, where there is no arecord: gives a list of what its streams are to do in turn, and
    one of what they were asked for."""
    does, asked = [], []

    class RawInputStream:
        def __init__(self, *, callback, **settings):
            asked.append(settings)
            self._thread = threading.Thread(target=lambda: does.pop(0)(callback), daemon=True)

        def start(self):
            if not does:
                raise PortAudioError("Error opening RawInputStream: Device unavailable")
            self._thread.start()

        def close(self):
            self._thread.join()

    module = SimpleNamespace(RawInputStream=RawInputStream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    monkeypatch.setattr(microphone, "is_installed", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(outage, "AGAIN", 0.01)
    return does, asked


def samples(first, count):
    return np.arange(first, first + count, dtype="<i2").tobytes()


def test_sounddevice_records_where_there_is_no_arecord(sounddevice, monkeypatch):
    monkeypatch.setattr(recorder, "PATIENCE", 0.3)
    does, asked = sounddevice
    does.append(lambda callback: [callback(samples(100 * n, 100), 100, None, None) for n in range(5)])
    does.append(lambda callback: callback(samples(7000, 100), 100, None, None))
    found, [(at, gap)], (gone, back) = heard(600, card="USB")
    np.testing.assert_array_equal(found[:, 0], [*range(500), *range(7000, 7100)])
    assert (at, gap.why) == (500, "was away")
    assert "no samples for 0.3 s" in gone
    assert "back after" in back
    wanted = {"samplerate": 16000, "channels": 1, "dtype": "int16", "device": "USB", "latency": "high"}
    assert asked == [wanted, wanted]


def test_what_sounddevice_gives_faster_than_it_is_taken_is_dropped_and_told(sounddevice):
    does, _ = sounddevice
    does.append(lambda callback: [callback(samples(100 * n, 100), 100, None, None) for n in range(12)])
    made = SounddeviceRecorder("default", 100, 1, lambda: None)
    made.stop()  # all has come
    assert made.overruns() == [1.0, 1.0]
    assert made.overruns() == []
    assert made.read(20) == (samples(200, 100), False)


def test_a_card_that_sounddevice_cannot_open_is_an_error_that_says_what_to_do(sounddevice):
    with pytest.raises(ValueError, match=r"Device unavailable; expected a card that is there and free; python3 -m"):
        heard(1, card="hall")
