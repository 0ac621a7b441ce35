"""PostgreSQL: its advisory locks end with the session that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

_KEEPALIVE = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""The server learns within a minute that a machine is gone, and frees what it held."""


class DatabaseLocks:
    """Advisory locks; each is held by a session of its own. ValueError where the database cannot be reached."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def turn(self, study: str) -> Iterator[None]:
        with self._session() as session:
            session.execute("SELECT pg_advisory_lock(%s)", (_number(f"turn {study}"),))
            yield

    @contextmanager
    def living(self, worker: str) -> Iterator[None]:
        with self._session() as session:
            session.execute("SELECT pg_advisory_lock(%s)", (_number(f"worker {worker}"),))
            yield

    def lives(self, worker: str) -> bool:
        with self._session() as session:
            found = session.execute("SELECT pg_try_advisory_lock(%s)", (_number(f"worker {worker}"),)).fetchone()
            return found is None or not found[0]

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection]:
        import psycopg

        with psycopg.connect(self._url, autocommit=True, options=_KEEPALIVE, connect_timeout=20) as session:
            yield session


def _number(name: str) -> int:
    """64 bits that stand for `name` in the whole database."""
    return int.from_bytes(sha256(f"edgelstm {name}".encode()).digest()[:8], "big", signed=True)
