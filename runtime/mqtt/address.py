"""Where a broker is, what its topics are called, and who asks. A password is never part of it: URLs show in `ps`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from edgelstm.files import read_bounded
from edgelstm.plain import printable

PASSWORD = "EDGELSTM_MQTT_PASSWORD"  # noqa: S105 - the name of the variable that holds it
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_MOST_TOPIC = 1000  # characters


@dataclass(frozen=True)
class Login:
    """What must not be seen, or lies in files."""

    password: str | None = field(default=None, repr=False)
    authority: Path | None = None  # certificates that the broker's is signed by; None: those of the system


NOBODY = Login()
"""Without a password."""


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    is_secure: bool
    user: str | None
    topic: str

    @property
    def shown(self) -> str:
        """For errors: without a user."""
        return f"mqtt{'s' * self.is_secure}://{self.host}:{self.port}/{self.topic}"


def read_address(text: str, *, may_have_wildcards: bool) -> Address:
    """mqtt://USER@HOST:PORT/TOPIC, or mqtts:// over TLS. ValueError, one line that does not show a password."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("mqtt: no URL, expected mqtt://HOST/TOPIC") from None
    if parts.password is not None:
        raise ValueError(f"mqtt: a password in the URL shows in ps, expected --mqtt-password FILE, or {PASSWORD}")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"mqtt: {printable(text, 60)!r}, expected mqtt://HOST/TOPIC or mqtts://HOST/TOPIC")
    port = _port(parts)
    topic = unquote(parts.path.removeprefix("/")) + (
        f"#{parts.fragment}" if parts.fragment or text.endswith("#") else ""
    )
    allowed = r"[^\x00-\x1f#+]" if not may_have_wildcards else r"[^\x00-\x1f]"
    if not topic or len(topic) > _MOST_TOPIC or topic.endswith("/") or not re.fullmatch(f"{allowed}+", topic):
        raise ValueError(
            f"mqtt: topic {printable(topic, 60)!r}, expected one behind the host, such as mqtt://HOST/hall/sensor"
            + ("" if may_have_wildcards else ", without + and #")
        )
    _check_filter(topic)
    user = unquote(parts.username) if parts.username else None
    return Address(parts.hostname, port, parts.scheme == "mqtts", user, topic)


def _port(parts: SplitResult) -> int:
    """What stands there is shown only where it is a number: it could be a password whose host was left out."""
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        given = parts.netloc.rpartition(":")[2]
        found = f"port {printable(given, 20)}" if re.fullmatch("[0-9]+", given) else "the port is no number"
        raise ValueError(f"mqtt: {found}, expected 1 to 65535")
    return port or _PORTS[parts.scheme]


def _check_filter(topic: str) -> None:
    """ValueError where + or # is not a whole level, or # not the last: no broker takes such a filter."""
    levels = topic.split("/")
    if "#" in levels[:-1] or any(len(level) > 1 and re.search("[+#]", level) for level in levels):
        raise ValueError(
            f"mqtt: topic {printable(topic, 60)!r}, expected + as a whole level, as in a/+/b, and # "
            "as the last, as in a/#"
        )


def read_login(
    password_file: Path | None, authority: Path | None, environment: Mapping[str, str] = os.environ
) -> Login:
    """The password from the first line of a file, else from the environment. ValueError, naming the file, where one
    holds no password, or no certificates."""
    if authority is not None:
        _check_authority(authority)
    if password_file is None:
        return Login(environment.get(PASSWORD), authority)
    lines = read_bounded(password_file, 4096).decode("utf-8", "replace").splitlines()
    if not lines or not lines[0]:
        raise ValueError(f"{password_file}: empty, expected a password in its first line")
    return Login(lines[0], authority)


def _check_authority(path: Path) -> None:
    import ssl  # which takes longer to load than all of this

    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{path}: no certificates, expected some as PEM, -----BEGIN CERTIFICATE-----") from None
