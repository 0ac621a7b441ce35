"""paho-mqtt's client, 1.6 or 2, where messages come fast."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

Take = Callable[[str, bytes, int, int, bool], None]
"""Gets topic, payload, quality of service, number and whether it comes again of a message; must not wait."""

_AHEAD = 1 << 14
"""Bytes that are asked for at once."""
_PUBLISH, _PUBACK = 0x30, 0x40
_LATER, _QUALITY, _AGAIN = 4, 2, 8
"""Bits of a message's first byte: of quality 2, of quality 1, and that it comes again."""
_INNER = ("_sock_recv", "_send_puback", "_packet_queue", "_loop_rc_handle")
"""What it does by paho's own: 1.6 to 2.2 have it. Where another lacks any, its client is taken as it is."""


def check_installed() -> None:
    """ImportError where there is no paho-mqtt."""
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError:
        raise ImportError(
            "MQTT needs paho-mqtt: pip install 'edgelstm[mqtt]', or Debian's python3-paho-mqtt"
        ) from None


def new_client(name: str, take: Take | None, *, clean: bool) -> Any:
    """clean: whether the broker keeps no session for it. ImportError as above."""
    check_installed()
    from paho.mqtt import client

    class Client(client.Client):  # type: ignore[misc]
        """Its own asks the system several times for each message, for a byte or two, and once more to confirm it; and
        takes ten times as long to read one as it lies in what has come."""

        _line: object = None  # that the rest is of
        _come, _at = b"", 0  # bytes, and how many of them were taken
        _confirming = b""

        def loop_read(self, max_packets: int = 1) -> Any:
            try:
                return self._read(max_packets)
            except (struct.error, IndexError, ValueError):  # 1.6 ends its thread by a packet whose sizes are wrong
                return self._loop_rc_handle(client.MQTT_ERR_PROTOCOL)

        def _read(self, max_packets: int) -> Any:
            code = super().loop_read(max_packets)
            while not code and self._at < len(self._come):  # nothing wakes it for these
                if not self._has_taken():
                    code = super().loop_read(max_packets)
            if self._confirming:
                packet, self._confirming = self._confirming, b""
                self._packet_queue(_PUBACK, packet, 0, 0)
            return code

        def _has_taken(self) -> bool:
            """A whole message of quality 0 or 1 that comes next. All else is its own."""
            come, at = self._come, self._at
            if take is None or self._in_packet["command"] or come[at] & (0xF0 | _LATER) != _PUBLISH:
                return False
            found = _lies(come, at)
            if found is None:
                return False
            topic, number, payload, self._at = found
            quality = (come[at] & _QUALITY) // _QUALITY
            take(topic, payload, quality, number, bool(come[at] & _AGAIN))
            if quality:
                self._send_puback(number)
            return True

        def _sock_recv(self, bufsize: int) -> bytes:
            if self._sock is not self._line:
                self._line, self._come, self._at, self._confirming = self._sock, b"", 0, b""
            if self._at >= len(self._come):
                self._come, self._at = super()._sock_recv(_AHEAD), 0
            part: bytes = self._come[self._at : self._at + bufsize]
            self._at += len(part)
            return part

        def _send_puback(self, mid: int) -> Any:
            self._confirming += bytes([_PUBACK, 2]) + mid.to_bytes(2, "big")
            return client.MQTT_ERR_SUCCESS

    kind = Client if all(hasattr(client.Client, name) for name in _INNER) else client.Client
    if hasattr(client, "CallbackAPIVersion"):
        made = kind(client.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
    else:
        made = kind(client_id=name, clean_session=clean)  # 1.6, as in Debian 12
    if take is not None:
        made.on_message = lambda _client, _data, one: take(one.topic, one.payload, one.qos, one.mid, one.dup)
    return made


def _lies(come: bytes, at: int) -> tuple[str, int, bytes, int] | None:
    """(topic, number, payload, where it ends) of the message of quality 0 or 1 at that place; None where it is not
    there whole, or is none."""
    size = shift = 0
    place = at + 1
    while shift < 28 and place < len(come):
        size |= (come[place] & 0x7F) << shift
        shift += 7
        place += 1
        if not come[place - 1] & 0x80:
            break
    else:
        return None
    end = place + size
    topic = place + 2
    payload = topic + int.from_bytes(come[place:topic], "big")
    number = payload
    if come[at] & _QUALITY:
        payload += 2
    if payload > end or end > len(come):
        return None
    try:
        name = come[topic:number].decode()
    except UnicodeDecodeError:
        return None
    return name, int.from_bytes(come[number:payload], "big"), come[payload:end], end
