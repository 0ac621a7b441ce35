"""Frames out of a microphone, by alsa-utils' `arecord`: a board needs no Python package for it. Where there is none,
by the package sounddevice."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from edgelstm.plain import printable
from edgelstm.records import Bounds
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources import recorder
from edgelstm.runtime.sources.kind import Named, Told
from edgelstm.runtime.sources.outage import Outage
from edgelstm.runtime.sources.pace import Pace
from edgelstm.runtime.sources.recorder import Recorder
from edgelstm.runtime.sources.sound import Layout, OfSound, SoundSource
from edgelstm.runtime.sources.sounddevice_recorder import SounddeviceRecorder, is_installed
from edgelstm.runtime.sources.source import FrameFormat, Gap, Source
from edgelstm.runtime.sources.waiting import EVERY

PROGRAM = "arecord"
_OVERRUN = re.compile(rb"overrun!!! \(at least ([0-9.]+) ms long\)")
_PIECES = 50  # a second
_ADVICE = (
    ("no such file", "expected a card that is there; arecord -L lists them"),
    ("unknown pcm", "expected a card that is there; arecord -L lists them"),
    ("no such device", "expected a card that is there; arecord -L lists them"),
    ("busy", "another program has the card; fuser -v /dev/snd/* names it"),
    ("permission denied", "expected a user of the group audio"),
    ("channels count", "expected a card with so many channels; plughw:CARD=NAME makes them"),
    ("rate", "expected a rate that the card has; --card-rate 48000 resamples here"),
)


@dataclass(frozen=True)
class Microphone(OfSound):
    """The card `where`, as `arecord -L` calls it, for ever. FileNotFoundError without arecord; ValueError, when the
    first frame is asked for, where the card gives nothing. What goes away later is waited for."""

    name = "microphone"
    named = Named(
        "Take what arecord records, from the card that `arecord -L` calls so, or sounddevice where there is no "
        "arecord; behind MODEL.",
        "[CARD]",
        usual="default",
    )
    common = ("gap",)
    is_device = True

    card_rate: Annotated[
        int | None,
        Bounds(1, 1 << 20),
        Told(
            "Ask the card for that rate, such as 44100 or 48000, and filter here.  [default: the model's]",
            "HZ",
        ),
    ] = None

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:
        layout = Layout.of(form)
        rate = self.card_rate or layout.rate
        if not rate:
            raise ValueError("microphone: the model does not say its sample rate, expected --card-rate HZ")
        self.check_machine()
        channels = max(layout.channels, self.channel or 0)
        card = _Card(where, rate, channels, lambda line: source.tell(line), lambda: source.idle())
        with contextlib.closing(card.pieces()) as pieces:
            source = SoundSource(card.name, form, pieces, rate, channels, layout, card.counts, channel=self.channel)
            yield source

    def check_form(self, form: FrameFormat) -> None:
        layout = Layout.of(form)
        layout.step(self.card_rate or layout.rate)

    def check_machine(self) -> None:
        """FileNotFoundError where there is neither arecord nor sounddevice."""
        if shutil.which(PROGRAM) is None and not is_installed():
            raise FileNotFoundError(errno.ENOENT, "not found; install alsa-utils, or edgelstm[microphone]", PROGRAM)


class _Card:
    def __init__(
        self, where: str, rate: int, channels: int, tell: Callable[[str], None], idle: Callable[[], None]
    ) -> None:
        self.name = f"microphone {printable(where, 60)}"
        self._outage, self._idle = Outage(self.name, tell, idle), idle
        self._where, self._rate, self._channels = where, rate, channels
        self._pace = Pace(rate)

    def counts(self) -> Counts:
        return Counts(reconnections=self._outage.count)

    def pieces(self) -> Generator[Float32 | Gap]:
        outage = self._outage
        while True:
            recording = self._begun()
            try:
                yield from self._taken(recording, outage)
            finally:
                recording.stop()
            why = recording.why()
            if not outage.has_been:
                raise ValueError(f"{self.name}: {why}")
            outage.gone(why)

    def _begun(self) -> Recorder:
        if shutil.which(PROGRAM) is None:
            return SounddeviceRecorder(self._where, self._rate, self._channels, self._idle)
        command = [
            *(PROGRAM, "-q", "-t", "raw", "-f", "S16_LE", "-r", str(self._rate), "-c", str(self._channels)),
            *("-D", self._where, "--buffer-time=500000", "--period-time=20000"),
        ]
        return _Recording(command, self._idle)

    def _taken(self, recording: Recorder, outage: Outage) -> Iterator[Float32 | Gap]:
        """What one recording gives, until it ends or falls silent."""
        width = 2 * self._channels
        size = width * max(1, self._rate // _PIECES)
        self._pace.begin()
        rest = b""
        while came := recording.read(size):
            data, waited = came
            rest += data
            whole = len(rest) // width
            if not whole:
                continue
            if (gap := outage.came() or self._lost(recording.overruns(), whole, waited)) is not None:
                yield gap
            samples, rest = np.frombuffer(rest[: whole * width], "<i2"), rest[whole * width :]
            yield samples.astype(np.float32).reshape(whole, self._channels)

    def _lost(self, overruns: list[float], count: int, waited: bool) -> Gap | None:
        behind = self._pace.took(count, time.monotonic(), waited)
        if overruns:
            self._pace.begin()
            return Gap("overrun", round(sum(overruns), 6))
        return Gap("behind the clock", round(behind, 3)) if behind else None


class _Recording(Recorder):
    """One run of the program. What it says beside its samples is kept."""

    def __init__(self, command: list[str], idle: Callable[[], None]) -> None:
        self._idle = idle
        self._program = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, LC_ALL="C"),
        )
        self._overruns: deque[float] = deque(maxlen=1000)
        self._said = ""
        self._is_silent = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def read(self, size: int) -> tuple[bytes, bool] | None:
        assert self._program.stdout is not None
        place = self._program.stdout.fileno()
        until, waited = time.monotonic() + recorder.PATIENCE, False
        while not select.select([place], [], [], min(EVERY, max(0.0, until - time.monotonic())) * waited)[0]:
            if waited:
                self._idle()
            if time.monotonic() >= until:
                self._is_silent = True
                return None
            waited = True
        data = os.read(place, size)
        return (data, waited) if data else None

    def overruns(self) -> list[float]:
        found = []
        while self._overruns:
            found.append(self._overruns.popleft())
        return found

    def stop(self) -> None:
        self._program.terminate()
        try:
            self._program.wait(1.0)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
        self._listener.join(1.0)
        for pipe in (self._program.stdout, self._program.stderr):
            assert pipe is not None
            pipe.close()

    def why(self) -> str:
        if self._is_silent:
            return f"no samples for {recorder.PATIENCE:g} s"
        said = printable(self._said, 120) or f"{PROGRAM} ended with {self._program.returncode}"
        advice = next((advice for words, advice in _ADVICE if words in said.lower()), "")
        return f"{said}; {advice}" if advice else said

    def _listen(self) -> None:
        assert self._program.stderr is not None
        while line := self._program.stderr.readline(4096):
            if match := _OVERRUN.search(line):
                self._overruns.append(float(match[1]) / 1000)
            elif text := line.decode("utf-8", "replace").strip():
                # "arecord: main:831: audio open error: Device or resource busy"
                self._said = re.sub(r"^arecord: (\w+:\d+: )?", "", text)
