"""A stream that goes on while all around it fails: every frame that was sent is answered, or counted as missing.

A few seconds here. By hand, as root, for as long as you like, with what the process holds in memory, while the clock
jumps and the disk of the state is full now and then:

    PYTHONPATH=tests/support python tests/runtime/mqtt/test_soak.py SECONDS
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt", reason="needs paho-mqtt")

from broker import Broker, needs_broker, wait
from edgelstm.export.elstm import encode
from random_models import random_model
from trouble import Trouble

RATE = 50.0
BAD = ["", "{", '{"t": 0, "x": 1}', '{"x": null}', "\x00" * 9, "[" * 5000]


class Soak:
    """A broker, a sensor that counts its frames, and a stream between them."""

    def __init__(self, folder, state="state"):
        self.folder, self.sent, self.bad, self.losses = folder, 0, 0, 0
        self.broker = Broker(folder, self._settings(is_kept=True))
        (folder / "events").write_text("a:0.6\n")
        model = random_model(2, [8], [2], seed=1)
        model = replace(model, sample_rate=RATE, feature_names=("x", "y"), labels=("a", "b"))
        (folder / "model.elstm").write_bytes(encode(model))
        self.lines, self.told, self.listeners = [], [], []
        self.program = subprocess.Popen(
            [sys.executable, "-c", "from edgelstm.cli import main; main()", "stream", "model.elstm", "--hop", "1",
             "--pooling", "last", "--mqtt", self.broker.url("in"), "--publish", self.broker.url("out"), "--gap", "0",
             "--event-file", "events", "--state", str(state), "--state-every", "1s", "--status-every", "1s"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for pipe, kept in ((self.program.stdout, self.lines), (self.program.stderr, self.told)):
            self.listeners.append(threading.Thread(target=self._listen, args=(pipe, kept), daemon=True))
            self.listeners[-1].start()
        wait(lambda: self._is_subscribed())

    def _settings(self, *, is_kept):
        kept = f"persistence true\npersistence_location {self.folder}/\nautosave_interval 1" if is_kept else ""
        return f"allow_anonymous true\nlog_dest file {self.folder}/log\nlog_type all\n{kept}"

    def _is_subscribed(self):
        log = self.folder / "log"
        return log.exists() and "Sending SUBACK to edgelstm-in" in log.read_text()

    def _listen(self, pipe, kept):
        with pipe:
            kept.extend(iter(pipe.readline, ""))

    def send(self, count):
        """So many frames by a sensor whose clock goes on, whatever is lost; and a line that none can read."""
        lines = [json.dumps({"t": n / RATE, "x": n % 7, "y": 1}) for n in range(self.sent, self.sent + count)]
        self.sent += count
        self.broker.say("in", *lines, random.choice(BAD))
        self.bad += 1

    def lose(self, count):
        """Frames that the sensor could not send."""
        self.sent, self.losses = self.sent + count, self.losses + 1

    def restart_broker(self, *, is_kept):
        self.broker.stop()
        (self.folder / "log").unlink()
        if not is_kept:
            (self.folder / "mosquitto.db").unlink(missing_ok=True)
        self.lose(random.randint(1, 200))
        self.broker.start()
        wait(self._is_subscribed)

    def is_answered(self):
        return bool(self.lines) and any(json.loads(line)["frame"] == self.sent for line in self.lines[-3:])

    def reload(self):
        self.folder.joinpath("events").write_text(random.choice(["a:0.4\n", "b:0.5,least=1\n", "nobody\n", ""]))
        self.program.send_signal(signal.SIGHUP)

    def memory(self):
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def round(self):
        self.send(random.randint(20, 60))
        wait(self.is_answered)
        self.reload()
        self.restart_broker(is_kept=random.random() < 0.5)
        self.send(random.randint(20, 60))
        wait(self.is_answered)

    def check(self):
        """Each answer stands at the frame that the sensor counts; what is between two is a gap of that length."""
        answered, gaps = [], []
        for line in map(json.loads, self.lines):
            if "event" not in line:
                answered.append(line["frame"])
            elif line["event"] == "gap":
                gaps.append((line["frame"], round(line["seconds"] * RATE)))
        missing = {frame + 1 + n for frame, count in gaps for n in range(count)}
        assert answered == sorted(set(answered))
        assert missing.isdisjoint(answered)
        assert sorted(missing.union(answered)) == list(range(1, self.sent + 1))
        return len(answered), len(missing), len(gaps)

    def end(self):
        self.program.send_signal(signal.SIGTERM)
        self.program.wait(30)
        for each in self.listeners:
            each.join(30)
        self.broker.stop()


@needs_broker
def test_nothing_is_lost_in_silence(tmp_path):
    soak = Soak(tmp_path)
    try:
        for _ in range(2):
            soak.round()
        answered, missing, gaps = soak.check()
    finally:
        soak.end()
    assert missing > 0
    assert gaps >= soak.losses == 2
    assert answered + missing == soak.sent
    assert any("events: " in line for line in soak.told) or any("events stay" in line for line in soak.told)
    assert any(" reconnection" in line and " frames, " in line for line in soak.told)
    assert any("not readable" in line for line in soak.told)


def by_hand(seconds):
    with tempfile.TemporaryDirectory() as name, Trouble(Path(name)) as trouble:
        soak, until, rounds = Soak(Path(name), trouble.disk / "state"), time.monotonic() + seconds, 0
        try:
            while time.monotonic() < until:
                trouble.stir()
                soak.round()
                rounds += 1
                if rounds % 10 == 1:
                    answered, missing, gaps = soak.check()
                    print(f"{rounds} restarts, {soak.sent:,} frames, {answered:,} answered, {missing:,} missing in "
                          f"{gaps} gaps, {soak.bad} bad lines; {trouble.words()}, {soak.memory():,} KiB",
                          flush=True)  # fmt: skip
            soak.check()
            print(*soak.told[-1:])
        finally:
            soak.end()


if __name__ == "__main__":
    by_hand(float(sys.argv[1]))
