"""A real broker, mosquitto, which goes and comes."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
import time

import pytest
from paho.mqtt import publish, subscribe

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
PATIENCE = 30


class Broker:
    def __init__(self, folder, settings="allow_anonymous true"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        # Started by root it becomes another user, who may not read what is in a test's folder.
        user = f"user {getpass.getuser()}"
        self._config.write_text(f"{user}\nlistener {self.port} 127.0.0.1\n{settings}\n")
        self._program = None
        self.start()

    def start(self):
        self._program = subprocess.Popen([MOSQUITTO, "-c", self._config], stderr=subprocess.DEVNULL)
        wait(self._answers)

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self._program.send_signal(signal.SIGTERM)
        self._program.wait()

    def url(self, topic, scheme="mqtt", user=""):
        return f"{scheme}://{user}127.0.0.1:{self.port}/{topic}"

    def say(self, topic, *payloads, **more):
        messages = [{"topic": topic, "payload": payload, "qos": 1} for payload in payloads]
        publish.multiple(messages, hostname="127.0.0.1", port=self.port, **more)

    def retained(self, topic):
        return subscribe.simple(topic, hostname="127.0.0.1", port=self.port, keepalive=5).payload.decode()


def wait(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
