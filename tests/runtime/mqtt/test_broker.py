"""A source and a sink beside a real broker, mosquitto, which goes and comes."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("paho.mqtt", reason="needs paho-mqtt")

from paho.mqtt import subscribe

from broker import PATIENCE, Broker, needs_broker, wait
from edgelstm.runtime.mqtt.address import Login, read_address
from edgelstm.runtime.mqtt.connection import MOST_WAITING, Connection
from edgelstm.runtime.sinks.mqtt import MqttSink
from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.source import FrameFormat

FORM = FrameFormat(2, ("x", "y"))


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path)
    yield made
    made.stop()


def heard(source, count):
    """In another thread: a test that fails is not to wait for ever."""
    found = []
    frames = iter(source)

    def take():
        for _ in range(count):
            frame = next(frames)
            found.append((frame.tolist(), source.take_gap()))

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    return found


def is_there(source):
    """Whether it has subscribed: the session is kept by the broker from then on."""
    return source.connection.trouble is None and source.connection.has_subscribed


@needs_broker
def test_lines_in_messages_are_frames(broker):
    with open_source("mqtt", broker.url("hall/+"), FORM) as source:
        wait(lambda: is_there(source))
        broker.say("hall/a", "y,x", "2,1", "4,3\n6,5")
        assert heard(source, 3) == [([1, 2], None), ([3, 4], None), ([5, 6], None)]
        assert source.name == broker.url("hall/+")


@needs_broker
def test_what_waits_is_bounded_and_what_is_dropped_is_a_gap(broker):
    told = []
    with open_source("mqtt", broker.url("hall"), FORM, told.append) as source:
        wait(lambda: is_there(source))
        for first in range(0, 1500, 100):
            broker.say("hall", *(f"{n},0" for n in range(first, first + 100)))
        wait(lambda: source.taken == 1500)
        found = heard(source, MOST_WAITING)
    assert [frame[0] for frame, _ in found] == list(range(500, 1500))
    assert found[0][1].why == "too slow"
    assert told == [f"{broker.url('hall')}: 500 messages dropped here: they came faster than they were taken"]
    assert not any(gap for _, gap in found[1:])


@needs_broker
def test_a_broker_that_forgot_what_came_meanwhile_is_a_gap(broker):
    told = []
    with open_source("mqtt", broker.url("hall"), FORM, told.append) as source:
        wait(lambda: is_there(source))
        broker.say("hall", "1,2")
        assert heard(source, 1) == [([1, 2], None)]
        broker.stop()
        wait(lambda: source.connection.trouble)
        broker.start()
        wait(lambda: is_there(source))
        broker.say("hall", "3,4")
        ((frame, gap),) = heard(source, 1)
        assert frame == [3, 4]
        assert gap.why == "was away"
        assert gap.seconds > 0
    assert "the broker has gone; trying again" in told[0]
    assert told[-1].endswith(": connected")


@needs_broker
def test_a_sink_says_what_is_there_and_what_is_not(broker):
    told = []
    sink = MqttSink(
        read_address(broker.url("out"), may_have_wildcards=False), Login(), told.append, ("ha/config", {"a": 1})
    )
    assert broker.retained("out/status") == "online"
    assert json.loads(broker.retained("ha/config")) == {"a": 1}
    got = []
    thread = threading.Thread(
        target=lambda: got.extend(
            subscribe.simple(["out/answer", "out/event/#"], msg_count=3, hostname="127.0.0.1", port=broker.port)
        ),
        daemon=True,
    )
    thread.start()
    until = time.monotonic() + PATIENCE
    while thread.is_alive() and time.monotonic() < until:  # it may not have subscribed yet
        sink.take({"label": "a"}, b"answer")
        sink.take({"event": "start", "label": "so so"}, b"start")
        sink.take({"event": "gap"}, b"gap")
        thread.join(0.1)
    assert {message.topic.split("_")[0] for message in got} <= {"out/answer", "out/event/so", "out/event"}
    assert len(got) == 3
    sink.close()
    assert broker.retained("out/status") == "offline"
    assert told == []


def nowhere():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return read_address(f"mqtt://127.0.0.1:{free.getsockname()[1]}/out", may_have_wildcards=False)


def test_a_sink_without_a_broker_holds_nothing_up_and_counts():
    """Events wait, as many as may; answers do not."""
    told = []
    sink = MqttSink(nowhere(), Login(), told.append)
    for _ in range(100):
        sink.take({"label": "a"}, b"answer")
    for _ in range(MOST_WAITING + 50):
        sink.take({"event": "start", "label": "a"}, b"start")
    assert sink.connection.dropped == 150
    wait(lambda: told)
    assert "connection refused, expected a broker that listens at port " in told[0]
    assert told[0].endswith("; trying again until it is there")
    sink.close()
    assert told[-1].endswith(": 151 messages dropped")  # with the status


@needs_broker
def test_a_wrong_password_is_one_sentence(tmp_path):
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto_passwd")
    file = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", file, "ann", "right"], check=True, capture_output=True)
    file.chmod(0o644)
    made = Broker(tmp_path, f"allow_anonymous false\npassword_file {file}")
    told = []
    address = read_address(made.url("out", user="ann@"), may_have_wildcards=False)
    connected = threading.Event()
    try:
        for password, condition in (("wrong", lambda: told), ("right", connected.is_set)):
            connection = Connection(
                address, Login(password), "test", told.append, on_connect=lambda _: connected.set()
            )
            connection.start()
            wait(condition)
            connection.stop(0)
    finally:
        made.stop()
    why = "the broker refuses user and password, expected USER in the URL and --mqtt-password as it knows them"
    assert told == [f"{made.url('out')}: {why}; trying again until it is there"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves the socket to Python
@needs_broker
def test_certificates_are_checked(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    key, own = tmp_path / "key.pem", tmp_path / "own.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", own, "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o644)
    made = Broker(tmp_path, f"allow_anonymous true\ncertfile {own}\nkeyfile {key}")
    told = []
    url = made.url("out", "mqtts")
    address = read_address(url, may_have_wildcards=False)
    of_another = read_address(url.replace("127.0.0.1", "localhost"), may_have_wildcards=False)
    connected = threading.Event()
    try:
        for where, authority, condition in (
            (address, None, lambda: len(told) == 1),
            (of_another, own, lambda: len(told) == 2),
            (address, own, connected.is_set),
        ):
            connection = Connection(
                where, Login(None, authority), "test", told.append, on_connect=lambda _: connected.set()
            )
            connection.start()
            wait(condition)
            connection.stop(0)
    finally:
        made.stop()
    assert len(told) == 2
    assert "its certificate is not trusted (self" in told[0]
    assert "expected --mqtt-ca FILE" in told[0]
    assert "its certificate is not for 'localhost', expected the name that it is for in the URL" in told[1]


@needs_broker
def test_a_stream_from_broker_to_broker_and_its_last_will(broker, tmp_path):
    from edgelstm.export.elstm import encode
    from edgelstm.runtime import Model
    from random_models import random_model

    (tmp_path / "model.elstm").write_bytes(encode(random_model(2, [4], [3], seed=1)))
    command = [sys.executable, "-c", "from edgelstm.cli import main; main()", "stream", "model.elstm", "--hop", "1",
               "--pooling", "last", "--mqtt", broker.url("in"), "--publish", broker.url("out"),
               "--home-assistant"]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as program:
        assert broker.retained("out/status") == "online"
        config = json.loads(broker.retained("homeassistant/device/edgelstm_out/config"))
        assert config["availability"] == [{"topic": "out/status"}]
        got = []
        thread = threading.Thread(
            target=lambda: got.append(subscribe.simple("out/answer", hostname="127.0.0.1", port=broker.port)),
            daemon=True,
        )
        thread.start()
        until, sent = time.monotonic() + PATIENCE, 0
        while thread.is_alive() and time.monotonic() < until:  # neither may have subscribed yet
            broker.say("in", "[1, -2]")
            sent += 1
            thread.join(0.1)
        answer = json.loads(got[0].payload)
        expected = Model(tmp_path / "model.elstm").stream(pooling="last", hop=1).push(np.tile([[1, -2]], (sent, 1)))
        found = np.array(list(answer["probabilities"].values()), np.float32)
        np.testing.assert_array_equal(found, expected[answer["frame"] - 1])
        program.kill()
    assert broker.retained("out/status") == "offline"


@pytest.fixture
def silent():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"mqtt://127.0.0.1:{listener.getsockname()[1]}/x"


def test_a_broker_that_never_answers_is_said_once(silent, monkeypatch):
    monkeypatch.setattr("edgelstm.runtime.mqtt.connection._PATIENCE", 0.2)
    told = []
    with open_source("mqtt", silent, FORM, told.append) as source:
        assert source.counts.away
        wait(lambda: told)
        time.sleep(0.3)
        assert told == [f"{silent}: no answer from the broker; trying again until it is there"]
        assert source.connection.trouble == "no answer from the broker"


def test_a_sink_waits_for_its_broker_for_a_moment_alone(silent, monkeypatch):
    monkeypatch.setattr("edgelstm.runtime.sinks.mqtt._PATIENCE", 0.1)
    sink = MqttSink(read_address(silent, may_have_wildcards=False), Login(), [].append)
    sink.take({}, b"lost\n")
    assert sink.counts.dropped == sink.counts.away == 1
    sink.close()


@needs_broker
def test_the_first_answers_of_a_file_are_not_dropped(broker):
    told = []
    sink = MqttSink(read_address(broker.url("hall"), may_have_wildcards=False), Login(), told.append)
    for n in range(5):
        sink.take({}, b"%d\n" % n)
    assert sink.counts.dropped == sink.counts.away == 0
    sink.close()
    assert told == []
