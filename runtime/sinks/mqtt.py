"""Answers and events as messages: PREFIX/answer, PREFIX/event/LABEL, PREFIX/event for gaps, PREFIX/status."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from edgelstm.runtime.counts import Counts
from edgelstm.runtime.mqtt.address import Address, Login
from edgelstm.runtime.mqtt.connection import Connection, Will
from edgelstm.runtime.sinks.home_assistant import STATUS, part_of_topic

MOST_ORDER = 4096
"""Bytes of what is said to a stream."""
_PATIENCE = 2.0
"""Seconds that the stream waits for a broker at its start: a file would be through before it is there."""
ONLINE, OFFLINE = "online", "offline"


class MqttSink:
    """To the broker of `address`, below its topic. Answers go once at most; events, the status and `discovery`,
    (topic, payload), at least once. The status is retained, and the broker says `offline` where this process cannot.
    orders: gets what is said at PREFIX/set, from another thread.
    """

    def __init__(
        self,
        address: Address,
        login: Login,
        tell: Callable[[str], None],
        discovery: tuple[str, Mapping[str, Any]] | None = None,
        orders: Callable[[str], None] | None = None,
    ) -> None:
        self._prefix, self._discovery, self._tell = address.topic, discovery, tell
        self._name = address.shown
        self._status, self._order_topic = f"{self._prefix}/status", f"{self._prefix}/set"
        self._orders = orders
        self._is_due = False  # whether who discovers has begun anew
        self.connection = Connection(
            address,
            login,
            "out",
            tell,
            on_connect=self._connected,
            on_message=self._heard,
            will=Will(self._status, OFFLINE),
        )
        self.connection.start()
        self.connection.wait(_PATIENCE)

    def take(self, told: Mapping[str, object], line: bytes) -> None:
        if self._is_due:  # not from the thread that receives
            self._is_due = False
            self._introduce()
        if "event" not in told:
            self.connection.publish(f"{self._prefix}/answer", line, 0)
        elif "label" in told:
            self.connection.publish(f"{self._prefix}/event/{part_of_topic(str(told['label']))}", line, 1)
        else:
            self.connection.publish(f"{self._prefix}/event", line, 1)

    @property
    def counts(self) -> Counts:
        own = self.connection
        return Counts(dropped=own.dropped, reconnections=own.reconnections, away=int(own.is_away))

    def close(self) -> None:
        """Says that it ends, and what was dropped."""
        self.connection.publish(self._status, OFFLINE, 1, retained=True)
        self.connection.stop()
        if self.connection.dropped:
            count = self.connection.dropped
            self._tell(f"{self._name}: {count} message{'s' * (count != 1)} dropped")

    def _connected(self, _: bool) -> None:
        if self._orders is not None:
            self.connection.subscribe(self._order_topic, 1)
        if self._discovery is not None:
            self.connection.subscribe(STATUS, 1)
            self._introduce()
        self.connection.publish(self._status, ONLINE, 1, retained=True)

    def _introduce(self) -> None:
        if self._discovery is not None:
            topic, payload = self._discovery
            self.connection.publish(topic, json.dumps(payload, ensure_ascii=False), 1, retained=True)

    def _heard(self, topic: str, payload: bytes) -> None:
        if topic == STATUS and payload == ONLINE.encode():
            self._is_due = True
        elif topic == self._order_topic and self._orders is not None:
            self._orders(payload[:MOST_ORDER].decode("utf-8", "replace"))
