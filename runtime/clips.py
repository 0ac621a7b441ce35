"""Clips of what was an event, and of what nearly was, in a folder that stays as small as it was told to."""

from __future__ import annotations

import errno
import io
import os
import re
import wave
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from edgelstm.files import write_whole
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sinks.home_assistant import part_of_topic

BEFORE, AFTER = 3.0, 2.0
"""Seconds of a clip before and behind the moment at which it was known."""
USUAL_MOST = 100
"""MiB of all clips, where nobody says."""
_FRAMES_BEFORE, _FRAMES_AFTER = 150, 100
"""The same in frames, where the rate is unknown."""
_OWN = re.compile(r"\d{8}T\d{9}Z-(start|near)-[a-z0-9_]+-\d+\.\d\d\.(wav|csv)")


def is_kept_clip(name: str) -> bool:
    """Whether a file of this name is one that `Clips` has written."""
    return _OWN.fullmatch(name) is not None


def check_folder(folder: Path) -> None:
    """FileNotFoundError where there is no such folder, PermissionError where nothing can be written there."""
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "permission denied, expected a folder to write to", str(folder))


def frames_after(rate: float) -> int:
    """How many frames of a clip, at so many a second, came behind the moment at which its event was known; of one
    whose end was not cut off. rate: 0 = unknown."""
    return max(1, round(AFTER * rate)) if rate else _FRAMES_AFTER


def label_in(name: str) -> str:
    """The label that the name of a kept clip says, as `part_of_topic` writes it; empty for another file."""
    return name.split("-", 2)[2].rsplit("-", 1)[0] if is_kept_clip(name) else ""


class Clips:
    """Takes every frame of a stream, and writes those around an event once what comes behind it is there too.

    names: of features, for CSV; rate: frames per second; 0 = unknown. channels: of a sound, whose frames then become
    WAV; 0 for others. most: bytes of all clips in `folder`: the oldest give way; other files are left alone. tell:
    hears why none can be written, and when some can again. OSError for a folder that `check_folder` refuses.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        features: int,
        rate: float,
        tell: Callable[[str], None],
        *,
        channels: int = 0,
        most: int,
    ) -> None:
        check_folder(folder)
        self._folder, self._tell, self._most = folder, tell, most
        self._names = tuple(names) or tuple(f"x{n + 1}" for n in range(features))
        self._rate, self._channels = rate, channels
        before = round(BEFORE * rate) if rate else _FRAMES_BEFORE
        self._after = frames_after(rate)
        self._newest = np.zeros((before + self._after, features), np.float32)
        self._count = 0  # frames since the beginning or a gap
        self._name = self._when = ""  # of the clip that is due
        self._strongest = (False, 0.0)  # in it: whether an event, its score
        self._left = 0  # frames until it is whole
        self._lost_at: int | None = None  # clips that had been dropped when none could be written
        self._dropped = 0

    @classmethod
    def of(cls, folder: Path, model: EngineModel, most: int, tell: Callable[[str], None], *, is_sound: bool) -> Clips:
        """Of a stream of `model`. is_sound: its frames are made of samples."""
        channels = model.features if model.feature_names or model.features == 1 else 1
        return cls(
            *(folder, model.feature_names, model.features, model.sample_rate, tell),
            channels=channels if is_sound else 0,
            most=most,
        )

    @property
    def counts(self) -> Counts:
        return Counts(dropped=self._dropped)

    def take(self, frame: Float32) -> None:
        self._newest[self._count % len(self._newest)] = frame
        self._count += 1
        if self._left:
            self._left -= 1
            if not self._left:
                self._write()

    def mark(self, kind: Literal["start", "near"], label: str, score: float) -> None:
        """The newest frame has told of it. While a clip is due, others are part of it: its name says when the first
        was, and which is the strongest, an event before what nearly was one."""
        strength = (kind == "start", score)
        if not self._left:
            now = datetime.now(UTC)
            self._when = now.strftime("%Y%m%dT%H%M%S") + f"{now.microsecond // 1000:03}Z"
            self._left = self._after
        elif strength <= self._strongest:
            return
        self._strongest = strength
        self._name = f"{self._when}-{kind}-{part_of_topic(label)}-{score:.2f}"

    def end(self) -> None:
        """No more frames come without a gap: what is due is written as it is."""
        if self._left:
            self._write()
        self._count = self._left = 0

    def _write(self) -> None:
        length = min(self._count, len(self._newest))
        frames = np.roll(self._newest, -(self._count % len(self._newest)), axis=0)[len(self._newest) - length :]
        content = self._as_wav(frames) if self._channels else self._as_csv(frames)
        path = self._folder / f"{self._name}.{'wav' if self._channels else 'csv'}"
        try:
            self._make_room(len(content))
            write_whole(path, content)
        except OSError as error:
            if self._lost_at is None:
                self._lost_at = self._dropped
                self._tell(f"{path}: clips cannot be kept: {(error.strerror or str(error)).lower()}")
            self._dropped += 1
            return
        if self._lost_at is not None:
            self._tell(f"{self._folder}: takes clips again, {self._dropped - self._lost_at:,} dropped")
            self._lost_at = None

    def _make_room(self, size: int) -> None:
        found = sorted(path for path in self._folder.iterdir() if is_kept_clip(path.name))
        sizes = {path: path.stat().st_size for path in found}
        for path in found:
            if sum(sizes.values()) + size <= self._most:
                break
            path.unlink()
            del sizes[path]

    def _as_wav(self, frames: Float32) -> bytes:
        samples = np.clip(np.rint(frames.reshape(-1, self._channels)), -32768, 32767).astype("<i2")
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            hop = frames.shape[1] // self._channels
            file.setparams((self._channels, 2, round(self._rate * hop), 0, "NONE", ""))
            file.writeframes(samples.tobytes())
        return content.getvalue()

    def _as_csv(self, frames: Float32) -> bytes:
        quoted = [
            '"' + name.replace('"', '""') + '"' if set(name) & set(',;\t"\n\r') else name for name in self._names
        ]
        lines = [",".join(quoted), *(",".join(map(str, frame)) for frame in frames)]
        return ("\n".join(lines) + "\n").encode()
