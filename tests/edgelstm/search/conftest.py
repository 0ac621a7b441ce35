"""A database for all tests of searches: to make one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postgres import PROGRAMS, postgres


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """Its URL."""
    if PROGRAMS is None:
        pytest.skip("needs PostgreSQL's initdb (apt install postgresql)")
    pytest.importorskip("psycopg", reason="needs psycopg")
    with postgres() as url:
        yield url
