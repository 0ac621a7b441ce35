"""A connection to a broker that lasts: it comes back by itself, and says in one sentence why it is not there.

paho-mqtt's own thread does the talking. Everything here is called from it but `start`, `stop` and `publish`.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgelstm.runtime.mqtt.address import Address, Login
from edgelstm.runtime.mqtt.client import new_client

MOST_WAITING = 1000
"""Messages that wait to be sent, or to be taken: what comes more is dropped, and counted."""
_OFFLINE = 4
"""What paho answers where there is no connection. Messages of quality 1 wait then."""
_KEEP_ALIVE = 30  # seconds
_SLOWEST = 60  # seconds between two tries
_PATIENCE = 5.0
"""Seconds after which it is said that the first try has no answer yet."""
_SILENT = "no answer from the broker"
_STRANGER = "the broker refuses user and password, expected USER in the URL and --mqtt-password as it knows them"
_REFUSED = {
    2: "the broker refuses this client's name",
    3: "the broker is not ready",
    4: _STRANGER,
    5: _STRANGER,  # what mosquitto says of wrong ones
}
_OF_ANOTHER_HOST, _OUT_OF_DATE = (62, 64), (9, 10)
"""OpenSSL's numbers: a name or an address that differs; not valid yet, or no more."""
_REASONS = {133: 2, 134: 4, 135: 5, 136: 3}
"""What MQTT 5, in whose words paho 2 speaks, calls these."""


@dataclass(frozen=True)
class Will:
    """What the broker says, retained, when this client is lost."""

    topic: str
    payload: str


class Connection:
    """To `address`; `purpose` tells this client from others on the same machine, with the same topic.

    on_connect gets whether the broker kept the session. on_message gets topic and payload, and must not wait.
    """

    def __init__(
        self,
        address: Address,
        login: Login,
        purpose: str,
        tell: Callable[[str], None],
        *,
        on_connect: Callable[[bool], None],
        on_message: Callable[[str, bytes], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        will: Will | None = None,
        keeps_session: bool = False,
    ) -> None:
        self._address, self._tell, self._on_connect = address, tell, on_connect
        self._on_lost = on_lost or (lambda: None)
        self.trouble: str | None = None
        """Why there is no connection; None while there is one, or before the first try has ended."""
        self.reconnections = self.dropped = 0
        self.has_subscribed = False
        """Whether the broker has confirmed, since the newest connection, what was subscribed to."""
        self._has_been = self._is_ending = False
        self._lock = threading.Lock()  # of the trouble and whether it has been
        self._has_tried = threading.Event()
        self._impatience = threading.Timer(_PATIENCE, self._still_silent)
        self._impatience.daemon = True
        self._waiting: dict[int, tuple[int, Any]] = {}  # message's number → quality of service, what paho knows of it
        mark = hashlib.sha256(f"{socket.gethostname()} {address.topic} {purpose}".encode()).hexdigest()[:12]
        self.doubles = 0
        """Messages that the broker sent again, which are left out."""
        self._taken: dict[tuple[int, int], None] = {}  # numbers and payloads of the newest, the oldest first
        self._on_message = on_message
        take = None if on_message is None else self._take
        self._client = new_client(f"edgelstm-{purpose}-{mark}", take, clean=not keeps_session)
        if address.user is not None or login.password is not None:
            self._client.username_pw_set(address.user or "", login.password)
        if address.is_secure:
            self._client.tls_set_context(ssl.create_default_context(cafile=login.authority))
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._client.reconnect_delay_set(1, _SLOWEST)
        self._client.max_queued_messages_set(MOST_WAITING)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._failed
        self._client.on_disconnect = self._disconnected
        self._client.on_publish = lambda _client, _data, number, *_: self._waiting.pop(number, None)
        self._client.on_subscribe = self._subscribed

    def start(self) -> None:
        """Connects in another thread, whether the broker is there or not."""
        self._client.connect_async(self._address.host, self._address.port, _KEEP_ALIVE)
        self._client.loop_start()
        self._impatience.start()

    def wait(self, patience: float) -> None:
        """Until the first try has ended, so many seconds at most."""
        self._has_tried.wait(patience)

    @property
    def is_away(self) -> bool:
        """Whether there is no connection, or none yet."""
        return self.trouble is not None or not self._has_been

    def stop(self, patience: float = 2.0) -> None:
        """Ends it, when what waits has gone or after so many seconds."""
        until = time.monotonic() + patience
        while self._waiting and self._client.is_connected() and time.monotonic() < until:
            time.sleep(0.01)
        self._is_ending = True
        self._impatience.cancel()
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topic: str, quality: int) -> None:
        self._client.subscribe(topic, quality)

    def publish(self, topic: str, payload: str | bytes, quality: int = 0, *, retained: bool = False) -> bool:
        """Does not wait. False where it was dropped: nobody is there to take it, or too much waits."""
        is_offline = not self._client.is_connected()
        if (is_offline and quality == 0) or not self._has_room():
            self.dropped += 1
            return False
        info = self._client.publish(topic, payload, quality, retained)
        if info.rc not in (0, _OFFLINE):
            self.dropped += 1
            return False
        self._waiting[info.mid] = quality, info
        if info.rc == 0 and info.is_published():
            self._waiting.pop(info.mid, None)
        return True

    def _has_room(self) -> bool:
        if len(self._waiting) >= MOST_WAITING:  # one may have gone before it was noted
            for number, (_, info) in list(self._waiting.items()):
                if info.rc == 0 and info.is_published():
                    self._waiting.pop(number, None)
        return len(self._waiting) < MOST_WAITING

    def _connected(self, _client: object, _data: object, flags: Any, reason: Any, *_: object) -> None:
        code = getattr(reason, "value", reason)
        code = _REASONS.get(code, code)
        if code:
            self._say(_REFUSED.get(code, f"the broker refuses the connection ({reason})"))
            return
        with self._lock:
            trouble, had_been = self.trouble, self._has_been
            self.trouble, self._has_been = None, True
        if trouble is not None:
            self.reconnections += had_been
            self._tell(f"{self._address.shown}: connected")
        for number in [number for number, (quality, _) in list(self._waiting.items()) if not quality]:
            self._waiting.pop(number, None)  # went down with the old connection
        kept = flags.get("session present", 0) if isinstance(flags, dict) else flags.session_present
        self._on_connect(bool(kept))
        self._has_tried.set()

    def _take(self, topic: str, payload: bytes, quality: int, number: int, is_again: bool) -> None:
        assert self._on_message is not None  # who takes none has not subscribed
        if quality and self._has_taken(number, payload, is_again):
            self.doubles += 1
            return
        self._on_message(topic, payload)

    def _has_taken(self, number: int, payload: bytes, is_again: bool) -> bool:
        """Whether it is one of the newest, which the broker sends again: what confirmed it was lost on the way."""
        mark = number, hash(payload)
        if is_again and mark in self._taken:
            return True
        if len(self._taken) >= MOST_WAITING:
            self._taken.pop(next(iter(self._taken)))
        self._taken[mark] = None
        return False

    def _subscribed(self, *_: object) -> None:
        self.has_subscribed = True

    def _failed(self, *_: object) -> None:
        self._say(_why(sys.exc_info()[1], self._address))

    def _disconnected(self, *_: object) -> None:
        if self._is_ending or self.trouble is not None:
            return
        if self._has_been:
            self.has_subscribed = False
            self._say("the broker has gone")
            self._on_lost()
        else:
            self._say(_SILENT if self._address.is_secure else f"{_SILENT}, expected mqtts:// if it speaks TLS there")

    def _still_silent(self) -> None:
        """In a thread of its own: that of the first try may wait for the other side."""
        with self._lock:
            if self._is_ending or self._has_been or self.trouble is not None:
                return
            self.trouble = _SILENT
        self._tell_trouble(_SILENT)

    def _say(self, why: str) -> None:
        with self._lock:
            if why == self.trouble:
                return
            self.trouble = why
        self._tell_trouble(why)

    def _tell_trouble(self, why: str) -> None:
        self._has_tried.set()
        self._tell(f"{self._address.shown}: {why}; trying again until it is there")


def _why(error: BaseException | None, address: Address) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OF_ANOTHER_HOST:
            return f"its certificate is not for {address.host!r}, expected the name that it is for in the URL"
        if error.verify_code in _OUT_OF_DATE:
            return f"its {error.verify_message}, expected one of today there, and a clock that is right here"
        return f"its certificate is not trusted ({error.verify_message}), expected --mqtt-ca FILE"
    if isinstance(error, ssl.SSLError):
        return "no TLS there, expected mqtt:// or another port"
    if isinstance(error, socket.gaierror):
        return f"no host {address.host!r} is known, expected a name that this network knows, or an address"
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused, expected a broker that listens at port {address.port}"
    if isinstance(error, ConnectionResetError) and address.is_secure:
        return "it hangs up, expected mqtt:// if it speaks no TLS there"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return _SILENT
