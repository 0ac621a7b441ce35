"""Locks that end with their holder, and a journal that was cut within a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgelstm.search import locks
from edgelstm.search.locks import FileLocks


def test_a_worker_lives_as_long_as_it_holds_its_lock(tmp_path):
    one, other = FileLocks(tmp_path / "locks"), FileLocks(tmp_path / "locks")
    assert not other.lives("w")
    with one.living("w"):
        assert other.lives("w")
    assert not other.lives("w")


def test_a_worker_that_was_killed_is_dead_at_once(tmp_path):
    held = FileLocks(tmp_path / "locks")
    with held.living("w"):
        left = (tmp_path / "locks" / "w.worker").read_bytes()
    (tmp_path / "locks" / "w.worker").write_bytes(left)  # as a killed process leaves it: nobody locks it
    assert not held.lives("w")


def test_of_another_machine_the_beat_tells_where_locks_do_not_reach(tmp_path, monkeypatch):
    held, now = FileLocks(tmp_path / "locks"), [0.0]
    monkeypatch.setattr(locks.time, "monotonic", lambda: now[0])
    path = tmp_path / "locks" / "w.worker"
    for beat, at, lives in ((1, 0, True), (1, 59, True), (2, 60, True), (2, 119, True), (2, 121, False)):
        path.write_bytes(b"another-machine %d\n" % beat)
        now[0] = at
        assert held.lives("w") is lives, (beat, at)


def test_half_a_line_of_a_journal_is_taken_away(tmp_path: Path):
    optuna = pytest.importorskip("optuna", reason="needs optuna")
    from edgelstm.search.storage import opened

    path = tmp_path / "journal"
    with opened(str(path)) as storage:
        optuna.create_study(storage=storage.optuna, study_name="a")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])  # killed while it wrote
    with opened(str(path)) as storage:
        optuna.create_study(storage=storage.optuna, study_name="b")
    with opened(str(path)) as storage:
        assert sorted(storage.optuna.get_all_studies(), key=lambda s: s.study_name)[1].study_name == "b"
    assert path.read_bytes().startswith(whole)
