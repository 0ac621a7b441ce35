"""A port and a card that go and come: every frame is answered, or counted as missing.

A few seconds here. By hand, as root, for as long as you like, with what the process holds in memory, while the clock
jumps and the disk of the state is full now and then:

    PYTHONPATH=tests/support python tests/runtime/sources/test_soak.py serial|microphone SECONDS
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Concat, Context, Dense
from edgelstm.model import Answer, Model, Normalize
from plug import Plug
from random_models import random_model
from trouble import Trouble

PATIENCE = 30
RATE = 50.0
HOP, SAMPLE_RATE, AROUND = 160, 16000, 30000
SLACK = 0.1
"""Seconds of sound that the clock does not tell, and by which what it tells may be off."""


def wait(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


class Running:
    """`edgelstm stream` with what it says, for as long as it goes."""

    def __init__(self, folder, model, *options, **environment):
        (folder / "model.elstm").write_bytes(encode(model))
        self.lines, self.told, self.listeners = [], [], []
        self.program = subprocess.Popen(
            [sys.executable, "-c", "from edgelstm.cli import main; main()", "stream", "model.elstm", *options],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, **environment),
        )  # fmt: skip
        for pipe, kept in ((self.program.stdout, self.lines), (self.program.stderr, self.told)):
            self.listeners.append(threading.Thread(target=self._listen, args=(pipe, kept), daemon=True))
            self.listeners[-1].start()

    def _listen(self, pipe, kept):
        with pipe:
            kept.extend(json.loads(line) if kept is self.lines else line for line in iter(pipe.readline, ""))

    def newest(self):
        return next((line["frame"] for line in reversed(self.lines[-3:]) if "event" not in line), 0)

    def memory(self):
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def end(self):
        self.program.send_signal(signal.SIGTERM)
        self.program.wait(PATIENCE)
        for each in self.listeners:
            each.join(PATIENCE)


class SerialSoak:
    """A sensor that goes on whatever becomes of its plug, and counts its frames in the times that it sends."""

    def __init__(self, folder, *options):
        self.sent, self.pulls, self.stalls = 0, 0, 0
        self.plug = Plug(folder / "port")
        model = replace(random_model(2, [8], [2], seed=1), sample_rate=RATE, feature_names=("x", "y"))
        self.running = Running(
            folder, model, "--serial", str(self.plug.path), "--gap", "0", "--hop", "1", "--pooling", "last",
            "--status-every", "1s", *options,
        )  # fmt: skip
        wait(self._is_read)
        self.send(10)  # the first is dropped: it might have begun before; the others tell the times' unit
        wait(lambda: self.running.newest() == 9)

    def _is_read(self):
        """Whether it is open, and what it held before is gone: the last thing is that reading waits."""
        port, folder = os.ttyname(self.plug.far), Path(f"/proc/{self.running.program.pid}")
        with contextlib.suppress(FileNotFoundError):  # it closed one meanwhile
            for name in (folder / "fd").iterdir():
                if str(name.readlink()) == port:
                    flags = (folder / "fdinfo" / name.name).read_text().partition("flags:")[2].split()[0]
                    return not int(flags, 8) & os.O_NONBLOCK
        return False

    def _line(self):
        """Objects: of two that ran into each other nobody makes one."""
        said = json.dumps({"t": self.sent / RATE, "x": self.sent % 7, "y": 1}) + "\n"
        os.write(self.plug.near, said.encode())
        self.sent += 1

    def send(self, count):
        os.set_blocking(self.plug.near, True)
        for _ in range(count):
            self._line()

    def lose(self):
        """Frames that no port is there for; the line before them ends in its midst."""
        self.pulls += 1
        os.write(self.plug.near, b'{"t": 1')
        self.sent += random.randint(1, 200)
        self.plug.pull_out()
        time.sleep(random.choice([0, 0.2, 1.5]))
        self.plug.put_in()
        wait(self._is_read)

    def stall(self):
        """Nobody reads for a while: the port is full, and what it has no room for is lost within lines."""
        self.stalls += 1
        self.running.program.send_signal(signal.SIGSTOP)
        os.set_blocking(self.plug.near, False)
        for _ in range(random.randint(400, 1200)):
            try:
                self._line()
            except BlockingIOError:
                self.sent += 1
        self.running.program.send_signal(signal.SIGCONT)
        time.sleep(0.1)  # the rest of a line is on its own

    def round(self):
        self.send(random.randint(20, 60))
        random.choice([self.lose, self.stall])()
        self.send(random.randint(20, 60))
        wait(lambda: self.running.newest() == self.sent - 1)

    def check(self):
        """Each answer stands at the frame that the sensor counts; what is between two is a gap of that length."""
        answered, missing = [], 0
        for line in self.running.lines.copy():
            if "event" not in line:
                answered.append(line["frame"])
                assert line["frame"] == len(answered) + missing
            else:
                missing += round(line["seconds"] * RATE)
        assert answered[-1] == self.sent - 1
        return len(answered), missing

    def words(self):
        answered, missing = self.check()
        return f"{self.pulls} pulls, {self.stalls} stalls, {answered:,} answered, {missing:,} missing"

    def end(self):
        self.running.end()
        self.plug.pull_out()


_ARECORD = """#!{python}
import os, random, sys, time
import numpy as np
random.seed()
sound = np.arange({around}).astype("<i2")
at, count = {log!r}, 0
def note(what, samples):
    with open(at, "a") as file: file.write(f"{{what}} {{samples}}\\n")
def say(line): sys.stderr.write(line + "\\n"); sys.stderr.flush()
def put(n):
    global count
    place = (start + count) % {around}
    os.write(1, np.resize(np.roll(sound, -place), n).tobytes())
    count += n
def play(seconds):
    until = time.monotonic() + seconds
    due, first = 0, count
    begin = time.monotonic()
    while time.monotonic() < until:
        due = int((time.monotonic() - begin) * {rate}) - (count - first)
        if due > 0: put(due)
        time.sleep(0.02)
start = random.randrange({around})
note("begin", start)
while True:
    play(random.uniform({shortest}, {longest}))
    what = random.choice({kinds!r})
    if what == "dies":
        say("arecord: pcm_read:2221: read error: No such device"); sys.exit(1)
    if what == "falls silent": time.sleep(100)
    lost = random.randint({rate} // 4, {rate})
    time.sleep(lost / {rate})
    count += lost
    note(what, lost)
    if what == "overrun":
        say(f"overrun!!! (at least {{lost / {rate} * 1000:.3f}} ms long)"); time.sleep(0.05)
"""


class SoundSoak:
    """A card that loses samples, with and without a word, dies and falls silent. Each sample tells its place."""

    def __init__(self, folder, kinds, shortest, longest, *options):
        self.log = folder / "log"
        self.log.touch()
        program = folder / "bin/arecord"
        program.parent.mkdir()
        program.write_text(
            _ARECORD.format(
                python=sys.executable, log=str(self.log), around=AROUND, rate=SAMPLE_RATE, kinds=kinds,
                shortest=shortest, longest=longest,
            )
        )  # fmt: skip
        program.chmod(0o755)
        first = np.zeros((1, HOP + 1))  # behind what the LSTM gives
        first[0, 1] = 1
        unused = LSTM(np.zeros((4, HOP)), np.zeros((4, 1)), np.zeros(4))
        layers = (Context(1), unused, Concat(other="context0"), Dense(first, np.zeros(1)))
        normalize = Normalize(np.zeros(HOP), np.ones(HOP))
        model = Model(normalize, layers, "linear", Answer("last", 0, 1), sample_rate=SAMPLE_RATE / HOP)
        path = f"{program.parent}:{os.environ['PATH']}"
        self.running = Running(folder, model, "--microphone", "--status-every", "1s", *options, PATH=path)

    def check(self):
        """(answers, seconds missing by each word, seconds missing that were told): samples follow one another, but
        where the card lost some; what was told of them is as long as what was lost."""
        lines = self.running.lines.copy()
        places = np.array([next(iter(line["values"].values())) for line in lines if "event" not in line])
        jumps = int(np.count_nonzero(np.diff(places) % AROUND != HOP))
        told = [(line["why"], line["seconds"]) for line in lines if "event" in line]
        lost = [line.rsplit(" ", 1) for line in self.log.read_text().splitlines()]
        seconds = {why: sum(s for w, s in told if w == why) for why, _ in told}
        counts = {why: sum(w == why for w, _ in told) for why, _ in told}
        truly = {what: [int(n) / SAMPLE_RATE for w, n in lost if w == what] for what, _ in lost}
        return len(places), jumps, seconds, counts, truly

    def words(self):
        answers, jumps, seconds, counts, truly = self.check()
        lost = {what: (len(found), round(sum(found), 2)) for what, found in truly.items() if what != "begin"}
        said = {why: (counts[why], round(seconds[why], 2)) for why in seconds}
        return f"{answers:,} answers, {jumps} jumps in the sound; lost {lost}, told {said}"

    def end(self):
        self.running.end()


def test_a_port_that_goes_and_comes_loses_nothing_in_silence(tmp_path):
    soak = SerialSoak(tmp_path)
    try:
        soak.lose()
        soak.send(10)
        soak.stall()
        soak.send(10)
        wait(lambda: soak.running.newest() == soak.sent - 1)
        answered, missing = soak.check()
    finally:
        soak.end()
    assert answered + missing == soak.sent - 1  # but for the first line
    assert missing > 0
    assert any(": back after " in line for line in soak.running.told)


def test_a_card_that_loses_samples_with_and_without_a_word_is_found_out(tmp_path):
    soak = SoundSoak(tmp_path, ["silently", "overrun"], 0.6, 0.8)
    try:
        wait(lambda: sum("event" in line for line in soak.running.lines.copy()) >= 2)
        before = len(soak.running.lines)
        wait(lambda: len(soak.running.lines) > before + 5)
    finally:
        soak.end()
    _, jumps, seconds, _, truly = soak.check()
    for why, what in (("overrun", "overrun"), ("behind the clock", "silently")):
        found = seconds.get(why, 0)
        assert any(abs(found - sum(truly.get(what, [])[:n])) < SLACK * (n + 1) for n in range(9))
    assert jumps >= 1


def by_hand(what, seconds):
    with tempfile.TemporaryDirectory() as name, Trouble(Path(name)) as trouble:
        folder, begin = Path(name), time.monotonic()
        kept = ("--state", str(trouble.disk / "state"), "--state-every", "2s")
        if what == "serial":
            soak = SerialSoak(folder, *kept)
        else:
            kinds = ["silently", "overrun", "silently", "overrun", "dies", "falls silent"]
            soak = SoundSoak(folder, kinds, 2, 8, *kept)
        told = 0.0
        try:
            while (now := time.monotonic() - begin) < seconds:
                trouble.stir()
                if what == "serial":
                    soak.round()
                else:
                    time.sleep(1)
                if now >= told:
                    print(
                        f"{now:.0f} s: {soak.words()}; {trouble.words()}, {soak.running.memory():,} KiB", flush=True
                    )
                    told = now + 60
            print(soak.words(), *soak.running.told[-1:])
        finally:
            soak.end()


if __name__ == "__main__":
    by_hand(sys.argv[1], float(sys.argv[2]))
