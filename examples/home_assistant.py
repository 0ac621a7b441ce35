"""A sensor that speaks MQTT, a model behind it, and what Home Assistant hears of the two.

    python examples/home_assistant.py MODEL mqtt://HOST/PREFIX [SECONDS]

The sensor publishes rows at PREFIX/sensor, at the model's rate; `edgelstm stream` takes them and publishes below
PREFIX/stream. Printed is what Home Assistant would find: the device with its entities, then their states. With Home
Assistant at the same broker the device appears under Settings, Devices, MQTT. Needs paho-mqtt and a broker, such as
`mosquitto -p 1883`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from paho.mqtt import subscribe

from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.mqtt.address import NOBODY, Address, read_address
from edgelstm.runtime.mqtt.connection import Connection


def listen(address: Address, found: threading.Event) -> None:
    """Prints what is said: once the device and its entities, then states."""

    def heard(_client: Any, _data: Any, message: Any) -> None:
        if message.topic.endswith("/config"):
            told = json.loads(message.payload)
            print("device:", told["device"]["name"])
            for name, entity in told["components"].items():
                print(f"  {entity['platform']:14} {name:24} {entity['state_topic']}")
            found.set()
        else:
            print(f"{message.topic}: {message.payload.decode()}")
        sys.stdout.flush()

    topics = ["homeassistant/device/+/config", f"{address.topic}/stream/#"]
    subscribe.callback(heard, topics, hostname=address.host, port=address.port)


def main(path: str, url: str, seconds: float) -> None:
    model, address = open_model(Path(path)), read_address(url, may_have_wildcards=False)
    rate, found = model.sample_rate or 50.0, threading.Event()
    threading.Thread(target=listen, args=(address, found), daemon=True).start()
    command = [sys.executable, "-P", "-m", "edgelstm", "stream", path, "--home-assistant"]
    command += ["--mqtt", f"{url}/sensor", "--publish", f"{url}/stream"]
    walk = np.random.default_rng(1).normal(size=(max(1, round(seconds * rate)), model.features)).cumsum(0)
    sensor = Connection(address, NOBODY, "sensor", print, on_connect=lambda _: None)
    sensor.start()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as stream:
        found.wait(30)
        for row in walk:
            sensor.publish(f"{address.topic}/sensor", json.dumps([round(float(x), 3) for x in row]), 1)
            time.sleep(1 / rate)
        time.sleep(0.5)
        stream.terminate()
    sensor.stop()
    time.sleep(0.5)  # until it has said that it is offline


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 5.0)
