"""How many MQTT messages of 6 features one stream takes a second: received, parsed, stepped, answered.

python benchmarks/mqtt.py [--messages N]

mosquitto and the publisher run as processes of their own on this machine, over 127.0.0.1. The publisher speaks MQTT
3.1.1 by itself, from bytes that were made before. What counts is the time from the first frame to the last, of the
loop that `edgelstm stream --mqtt` runs; its processor time stands beside it, which others' load does not change much.
Behind a dropped message stands who dropped it: this program, or, where it is not told, the broker.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edgelstm.devices.machine.detect import detect
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.gaps import Gaps
from edgelstm.runtime.sources.mqtt import MqttSource
from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.source import FrameFormat, Gap, Source
from edgelstm.runtime.streaming import Answers, stream_frames

FEATURES, UNITS, HOP = 6, 32, 50
TOPIC = "in"
_LAST = 1e6
"""What the last message holds, and no other."""
_WINDOW = 500
"""Messages of quality 1 that the publisher sends before it looks for what was confirmed."""


def model() -> Model:
    rng = np.random.default_rng(1)
    lstm = LSTM(rng.normal(size=(4 * UNITS, FEATURES)), rng.normal(0, 0.2, (4 * UNITS, UNITS)), np.zeros(4 * UNITS))
    layers = (lstm, Dense(rng.normal(size=(3, UNITS)), np.zeros(3)))
    normalize = Normalize(np.zeros(FEATURES), np.ones(FEATURES))
    return Model(normalize, layers, "softmax", Answer("mean", 2 * HOP, HOP), sample_rate=50.0)


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """mosquitto, on the port that it gives."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise SystemExit("mosquitto: not found; apt install mosquitto")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
    )
    with subprocess.Popen([program, "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL) as running:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
        running.terminate()


def publish(port: int, payloads: list[bytes], quality: int) -> None:
    """As fast as the broker takes them; of quality 1 no faster than it confirms."""
    name = f"bench{quality}".encode()
    with socket.create_connection(("127.0.0.1", port)) as line:
        body = b"\0\4MQTT\4\2\0\0" + len(name).to_bytes(2) + name
        line.sendall(b"\x10" + bytes([len(body)]) + body)
        line.recv(4)
        for first in range(0, len(payloads), _WINDOW):
            part = payloads[first : first + _WINDOW]
            line.sendall(b"".join(_packet(payload, quality, n + 1) for n, payload in enumerate(part)))
            left = 4 * len(part) * quality  # bytes of what confirms them
            while left:
                left -= len(line.recv(left))


def _packet(payload: bytes, quality: int, number: int) -> bytes:
    body = len(TOPIC).to_bytes(2) + TOPIC.encode() + (number.to_bytes(2) if quality else b"") + payload
    assert len(body) < 128 * 128
    size = bytes([len(body) % 128 | 128, len(body) // 128]) if len(body) > 127 else bytes([len(body)])
    return bytes([0x30 | quality << 1]) + size + body


class _Counted(Source):
    """The frames of another source up to the last one, by its mark; when they came, and what was lost."""

    def __init__(self, source: MqttSource) -> None:
        super().__init__(source.name)
        self._source = source
        self.count = 0
        self.gaps = 0
        self.seconds = self.processor = 0.0

    @property
    def place(self) -> str:
        return self._source.place

    def take_gap(self) -> Gap | None:
        gap = self._source.take_gap()
        self.gaps += gap is not None
        return gap

    def __iter__(self) -> Iterator[Float32]:
        return (frame for frame in self.arrivals() if frame is not None)

    def arrivals(self) -> Iterator[Float32 | None]:
        for frame in self._source.arrivals():
            if frame is None:
                yield None
                continue
            if not self.count:
                start, used = time.perf_counter(), time.process_time()
            self.count += 1
            yield frame
            if frame[-1] == _LAST:
                self.seconds, self.processor = time.perf_counter() - start, time.process_time() - used
                return


def measured(port: int, path: Path, payloads: list[bytes], quality: int) -> dict[str, float]:
    opened = open_model(path)
    form = FrameFormat(FEATURES, opened.feature_names, sample_rate=50.0, missing="gap")
    with open_source("mqtt", f"mqtt://127.0.0.1:{port}/{TOPIC}", form) as source, open("/dev/null", "wb") as out:  # noqa: PTH123
        assert isinstance(source, MqttSource)
        while not source.connection.has_subscribed:
            time.sleep(0.01)
        sender = multiprocessing.get_context("spawn").Process(target=publish, args=(port, payloads, quality))
        sender.start()
        counted = _Counted(source)
        stream_frames(opened.stream(), counted, Answers(opened, out), limit=None, rate=0, gaps=Gaps(50.0))
        sender.join()
        return {
            "quality": quality,
            "messages_a_second": round(counted.count / counted.seconds),
            "processor_us_a_message": round(1e6 * counted.processor / counted.count, 1),
            "sent": len(payloads),
            "taken": counted.count,
            "dropped_here": source.counts.dropped,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    asked = parser.parse_args()
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(asked.messages, FEATURES)).round(4).tolist()
    payloads = [json.dumps(row).encode() for row in rows]
    payloads += [json.dumps([0.0] * (FEATURES - 1) + [_LAST]).encode()]
    machine = detect()
    print(json.dumps({"machine": str(machine), "features": FEATURES, "units": UNITS, "hop": HOP}))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "model.elstm").write_bytes(encode(model()))
        for quality in (0, 1):
            with broker(folder) as port:
                print(json.dumps(measured(port, folder / "model.elstm", payloads, quality)), flush=True)


if __name__ == "__main__":
    main()
