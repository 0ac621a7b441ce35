"""A service whose answers go to a disk that is full now and then: each is in the file, or counted as dropped.

Here disks are made of random numbers. By hand, as root, a whole service on one in memory, its clock jumping:

    PYTHONPATH=tests/support python tests/devices/deploy/test_soak.py SECONDS
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.devices.deploy.answers_file import AnswersFile
from edgelstm.devices.deploy.settings import SETTINGS, Settings, write
from edgelstm.export.elstm import encode
from random_models import random_model
from trouble import Trouble

PATIENCE = 60


@pytest.mark.parametrize("seed", range(20))
def test_every_answer_is_in_the_file_or_counted(tmp_path, monkeypatch, seed):
    """Whatever room the disk has at each line."""
    rng, path, whole = np.random.default_rng(seed), tmp_path / "answers", os.write
    line = b'{"frame": 1}\n'

    def limited(number, data):
        room = int(rng.integers(0, 2 * len(data)))
        if not room:
            raise OSError(28, "No space left on device")
        return whole(number, data[:room])

    with contextlib.closing(AnswersFile(path, [].append)) as file:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", limited)
            for _ in range(100):
                file.write(line)
        file.write(line)
    found = path.read_bytes().split(b"\n").count(line[:-1])
    assert 0 < file.dropped < 100
    assert found + file.dropped == 101


class Soak:
    """A sensor that writes into a pipe, and a service that reads it."""

    def __init__(self, folder, disk):
        model = replace(random_model(2, [8], [2], seed=1), sample_rate=50.0, feature_names=("x", "y"))
        version, content = folder / "name/versions/1", encode(model)
        version.mkdir(parents=True)
        (version / "m.elstm").write_bytes(content)
        self.sent = self.found = self.torn = 0
        self.told, self.answers, pipe = folder / "told", disk / "answers", folder / "pipe"
        os.mkfifo(pipe)
        settings = Settings(
            *("m.elstm", hashlib.sha256(content).hexdigest(), str(pipe)),
            output=str(self.answers), hop=1, pooling="last", status_every=1.0, keep_state=True, state_every=1.0,
        )  # fmt: skip
        (version / SETTINGS).write_bytes(write(settings))
        command = [sys.executable, "-P", "-m", "edgelstm.devices.deploy.service", version]
        with self.told.open("w") as told:
            self.program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)
        self.pipe = pipe.open("w")

    def send(self, count):
        self.pipe.write("1,2\n" * count)
        self.pipe.flush()
        self.sent += count

    def status(self):
        """Answers dropped, when all that was sent has been taken."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            told = re.findall(r"^([0-9,]+) frames?, .* ([0-9,]+) dropped", self.told.read_text(), re.MULTILINE)
            if told and int(told[-1][0].replace(",", "")) == self.sent:
                return int(told[-1][1].replace(",", ""))
            time.sleep(0.3)
        raise AssertionError(told[-1:])

    def check(self):
        """The disk has room: what is torn ends with the next line."""
        self.send(1)
        dropped = self.status()
        for line in filter(None, self.answers.read_text().split("\n")):
            with contextlib.suppress(ValueError):
                json.loads(line)
                self.found += 1
                continue
            self.torn += 1
        os.truncate(self.answers, 0)
        assert self.found + dropped == self.sent
        return dropped

    def memory(self):
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def end(self):
        self.program.send_signal(signal.SIGTERM)
        self.program.wait(PATIENCE)
        self.pipe.close()


def by_hand(seconds):
    with tempfile.TemporaryDirectory() as name, Trouble(Path(name)) as trouble:
        soak, until, told = Soak(Path(name), trouble.disk), time.monotonic() + seconds, 0.0
        try:
            while time.monotonic() < until:
                for _ in range(random.randint(1, 4)):
                    soak.send(random.randint(20, 200))
                    trouble.stir()
                    time.sleep(random.uniform(0, 1))
                soak.status()
                trouble.empty()
                dropped = soak.check()
                if time.monotonic() >= told:
                    told = time.monotonic() + 60
                    print(f"{soak.sent:,} frames, {soak.found:,} answers in the file, {dropped:,} dropped, "
                          f"{soak.torn} torn; {trouble.words()}, {soak.memory():,} KiB", flush=True)  # fmt: skip
        finally:
            soak.end()


if __name__ == "__main__":
    by_hand(float(sys.argv[1]))
