"""Where a study lies: a journal, a file that processes and machines append to, or a PostgreSQL database."""

from __future__ import annotations

import fcntl
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from edgelstm.search.database import DatabaseLocks
from edgelstm.search.locks import FileLocks, Locks

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_POSTGRES = ("postgresql", "postgres")
_PASSWORD = re.compile(r"(://[^/@:]*):[^/@]*@")
_ALSO_PASSWORD = re.compile(r"(password=)[^&\s]*")


@dataclass(frozen=True, eq=False)
class Storage:
    shown: str  # for people, without a password
    optuna: BaseStorage
    locks: Locks
    close: Callable[[], None]


@contextmanager
def opened(where: str) -> Iterator[Storage]:
    """The storage at `where`, as `open_storage` opens it, as long as it is used."""
    storage = open_storage(where)
    try:
        yield storage
    finally:
        storage.close()


def open_storage(where: str) -> Storage:
    """The storage at `where`, a path or a URL, made where there is none; to be closed. ImportError, one line, where a
    package lacks; ValueError for what is no storage, or cannot be reached."""
    _optuna()
    scheme = _SCHEME.match(where)
    if scheme is None:
        return _journal(Path(where))
    if scheme[1] not in _POSTGRES:
        raise ValueError(f"--storage {shown(where)}: {scheme[1]}, expected a file, or postgresql://…")
    return _database(where)


def shown(where: str) -> str:
    """`where` without a password."""
    return _ALSO_PASSWORD.sub(r"\1…", _PASSWORD.sub(r"\1:…@", where))[:200]


def _optuna() -> None:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ImportError(_needs(error)) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _needs(error: ModuleNotFoundError) -> str:
    return f"a search needs {error.name}, which is not installed: pip install 'edgelstm[search]'"


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's warnings that something may change in its later versions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _journal(path: Path) -> Storage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if path.exists() and not path.is_file():
        raise ValueError(f"--storage {path}: no file, expected a journal, or a new name")
    if not path.parent.is_dir():
        raise ValueError(f"--storage {path}: folder {path.parent} does not exist")
    _check_journal(path)
    locks = FileLocks(path.with_name(f"{path.name}.locks"))
    with _told_of(path), quiet():
        backend = JournalFileBackend(str(path), _AppendLock(path))
        backend.append_logs = partial(_append, backend.append_logs, path)
        return Storage(str(path), JournalStorage(backend), locks, lambda: None)


def _append(append: Callable[[list[dict[str, Any]]], None], path: Path, logs: list[dict[str, Any]]) -> None:
    """OSError names the journal, as that of a write does not, where the disk is full, say."""
    try:
        append(logs)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; the same command goes on", str(path)) from None


def _check_journal(path: Path) -> None:
    """ValueError for a file that is something else: it would be appended to."""
    if path.exists():
        with path.open("rb") as file:
            start = file.read(12)
        if start and not start.startswith(b'{"op_code":'):
            raise ValueError(f"--storage {path}: no journal of a search, expected one, or a new name")


class _AppendLock:
    """One process appends at a time. Where one was killed within a line, the next takes away what there is of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        file = self._path.open("r+b")
        fcntl.flock(file, fcntl.LOCK_EX)
        _cut_half_line(file)
        self._file = file
        return True

    def release(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None


def _cut_half_line(file: BinaryIO) -> None:
    end = file.seek(0, os.SEEK_END)
    start = end
    while start:
        file.seek(max(start - 4096, 0))
        part = file.read(start - file.tell())
        if (found := part.rfind(b"\n")) >= 0:
            start = max(start - 4096, 0) + found + 1
            break
        start = max(start - 4096, 0)
    if start < end:
        file.truncate(start)


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """What Optuna says of a journal that it cannot read, in one line."""
    try:
        yield
    except (LookupError, ArithmeticError, AssertionError, AttributeError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise ValueError(f"--storage {path}: a damaged journal: {said}; expected a new one") from None


@contextmanager
def told(where: str) -> Iterator[None]:
    """What goes wrong with the storage at `where` while a study runs, as a ValueError of one line."""
    from optuna.exceptions import StorageInternalError

    kinds: tuple[type[Exception], ...] = (StorageInternalError,)
    if _SCHEME.match(where):
        import psycopg
        import sqlalchemy

        kinds = (*kinds, psycopg.Error, sqlalchemy.exc.SQLAlchemyError)
    try:
        yield
    except kinds as error:
        raise ValueError(f"{shown(where)}: {_said(error)}; the same command goes on") from None


def _said(error: BaseException) -> str:
    """What the server said, without what libraries put around it."""
    inner: BaseException | None = error
    while inner is not None:
        diagnosis = getattr(inner, "diag", None)
        if diagnosis is not None:
            error = inner
            break
        inner = getattr(inner, "orig", None) or inner.__cause__ or inner.__context__
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    return shown(" ".join(said.split()))


def _database(url: str) -> Storage:
    try:
        import psycopg
        import sqlalchemy
        from optuna.exceptions import StorageInternalError
        from optuna.storages import RDBStorage
    except ModuleNotFoundError as error:
        raise ImportError(_needs(error)) from None
    address = _SCHEME.sub("postgresql://", url)
    locks = DatabaseLocks(address)
    try:
        with locks.turn("tables"), quiet():  # two that make the tables at once fail
            storage = RDBStorage(
                _SCHEME.sub("postgresql+psycopg://", url), engine_kwargs={"pool_pre_ping": True, "pool_size": 2}
            )
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        raise ValueError(f"--storage {shown(url)}: {_said(error)}") from None
    return Storage(shown(url), storage, locks, partial(_leave, storage))


def _leave(storage: RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()
