"""What a broker sends comes as it was sent, however it is cut, and is confirmed once."""

from __future__ import annotations

import socket
from itertools import pairwise

import pytest

pytest.importorskip("paho.mqtt", reason="needs paho-mqtt")

from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.runtime.mqtt.client import new_client

MESSAGES = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=9).filter(lambda text: "\0" not in text),
        st.binary(max_size=300) | st.integers(1, 40_000).map(bytes),
        st.integers(0, 1),
        st.integers(1, 65_535),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def packet(topic: str, payload: bytes, quality: int, number: int, is_again: bool) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + number.to_bytes(2, "big") * quality + payload
    size, length = b"", len(body)
    while True:
        size += bytes([length % 128 | (128 if length > 127 else 0)])
        length //= 128
        if not length:
            return bytes([0x30 | quality << 1 | is_again << 3]) + size + body


class Line:
    """A client without a broker: what the other side sends, and hears."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, int, int, bool]] = []
        self.client = new_client("x", lambda *told: self.taken.append(told), clean=True)
        self.near, self.far = socket.socketpair()
        for end in (self.near, self.far):
            end.setblocking(False)
        self.client._sock = self.near

    def send(self, data: bytes) -> int:
        code = 0
        while data and not code:
            sent = self.far.send(data[:50_000])
            data, code = data[sent:], int(self.client.loop_read())
        return code

    def heard(self) -> bytes:
        self.client.loop_write()
        try:
            return self.far.recv(1 << 16)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.near.close()
        self.far.close()


@settings(max_examples=25)
@given(MESSAGES, st.lists(st.integers(0, 2000), max_size=6))
def test_any_cut_brings_the_same_messages(messages: list[tuple[str, bytes, int, int, bool]], cuts: list[int]) -> None:
    line, heard = Line(), b""
    data = b"".join(packet(*message) for message in messages)
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in pairwise(places):
        assert line.send(data[start:end]) == 0
        heard += line.heard()
    numbers = [number for _, _, quality, number, _ in messages if quality]
    line.close()
    assert line.taken == [(t, p, q, number * q, again) for t, p, q, number, again in messages]
    assert heard == b"".join(b"\x40\x02" + number.to_bytes(2, "big") for number in numbers)


def test_a_client_of_other_insides_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgelstm.runtime.mqtt.client._INNER", ("_sock_recv", "of_another_version"))
    line = Line()
    assert line.send(packet("a", b"1", 0, 0, False)) == 0
    assert line.send(packet("b", b"2", 1, 7, True)) == 0
    heard = line.heard()
    line.close()
    assert line.taken == [("a", b"1", 0, 0, False), ("b", b"2", 1, 7, True)]
    assert heard == b"\x40\x02\x00\x07"


@settings(max_examples=25)
@given(st.binary(max_size=60))
def test_damaged_bytes_bring_no_message_that_was_not_sent(damage: bytes) -> None:
    line = Line()
    code = line.send(packet("a", b"1", 0, 0, False) + b"\x30\x02\x00\x09" + damage)
    line.close()
    assert line.taken[0] == ("a", b"1", 0, 0, False)
    assert code or len(line.taken) == 1
