"""A microphone by the package sounddevice, over PortAudio: where there is no `arecord`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from edgelstm.plain import printable
from edgelstm.runtime.sources import recorder
from edgelstm.runtime.sources.waiting import EVERY

_MOST_WAITING = 10  # seconds of sound: what comes more drops the oldest


def is_installed() -> bool:
    return find_spec("sounddevice") is not None


class SounddeviceRecorder(recorder.Recorder):
    """The card whose name has `card` in it, or `default`. Its callback, in a thread of PortAudio's, only queues."""

    def __init__(self, card: str, rate: int, channels: int, idle: Callable[[], None]) -> None:
        self._idle, self._rate, self._width = idle, rate, 2 * channels
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes that wait
        self._has_come = threading.Condition()
        self._overruns: deque[float] = deque(maxlen=1000)
        self._why = ""
        self._stream: Any = None
        try:
            import sounddevice
        except OSError:  # the library that it wraps
            self._why = "PortAudio is not installed, expected Debian's libportaudio2"
            return
        for step in ("_terminate", "_initialize"):  # a card that has come back is seen by a new beginning alone
            getattr(sounddevice, step, lambda: None)()
        try:
            self._stream = sounddevice.RawInputStream(
                samplerate=rate,
                channels=channels,
                dtype="int16",
                device=None if card == "default" else int(card) if card.isdecimal() else card,
                latency="high",
                callback=self._take,
            )
            self._stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            said = printable(str(error), 120)
            self._why = f"{said}; expected a card that is there and free; python3 -m sounddevice lists them"

    def _take(self, data: Any, _frames: int, _time: object, _status: object) -> None:
        """What PortAudio says that it lost has no length: the clock tells."""
        with self._has_come:
            self._waiting.append(bytes(data))
            self._size += len(self._waiting[-1])
            while self._size > _MOST_WAITING * self._rate * self._width:
                dropped = len(self._waiting.popleft())
                self._size -= dropped
                self._overruns.append(dropped / self._width / self._rate)
            self._has_come.notify()

    def read(self, size: int) -> tuple[bytes, bool] | None:  # noqa: ARG002 - pieces are as large as they came
        if self._why:
            return None
        until, waited = time.monotonic() + recorder.PATIENCE, False
        while True:
            with self._has_come:
                if not self._waiting:
                    waited = True
                    self._has_come.wait(min(EVERY, max(0.0, until - time.monotonic())))
                if self._waiting:
                    data = self._waiting.popleft()
                    self._size -= len(data)
                    return data, waited
            self._idle()
            if time.monotonic() >= until:
                self._why = f"no samples for {recorder.PATIENCE:g} s"
                return None

    def overruns(self) -> list[float]:
        found = []
        while self._overruns:
            found.append(self._overruns.popleft())
        return found

    def stop(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(Exception):  # of a card that has gone
                self._stream.close()

    def why(self) -> str:
        return self._why or "the card has gone"
