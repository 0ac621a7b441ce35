"""Several processes at one search, some of which are killed: no trial is lost, none counted twice."""

from __future__ import annotations

import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

import searching
from counts import times

pytest.importorskip("optuna", reason="needs optuna")

from edgelstm.search.desk import AGAIN, LOST, WORKER, is_done, tally
from edgelstm.search.working import joined

TRIALS = times(9, 60)
KILLED = times(1, 8)


def worker(recipe: Path, storage: str, kill: int) -> BaseProcess:
    return searching.begun(searching.search, searching.plan_of(recipe, storage, TRIALS), kill)


def search_with_deaths(recipe: Path, storage: str) -> None:
    """Three at a time; the first is killed within its first trial, and whoever is killed is followed by the next."""
    first = worker(recipe, storage, 1)
    lasting = [worker(recipe, storage, 0) for _ in range(2)]
    assert searching.ended(first) == -signal.SIGKILL
    for n in range(1, KILLED):  # 0: no trial was left for it
        assert searching.ended(worker(recipe, storage, 1 + n % 5)) in (-signal.SIGKILL, 0)
    assert [searching.ended(one) for one in lasting] == [0, 0]
    check(recipe, storage)


def check(recipe: Path, storage: str) -> None:
    with joined(searching.plan_of(recipe, storage, TRIALS)) as search:
        trials = search.study.get_trials()
    now = tally(trials)
    assert (now.done, now.taken, now.waiting) == (TRIALS, 0, 0)
    done = [trial for trial in trials if is_done(trial)]
    assert all(trial.values is not None and trial.user_attrs["epochs"] for trial in done)
    # Each that was lost is run again once, as it was: its end may be lost, too.
    lost = [trial for trial in trials if LOST in trial.user_attrs]
    assert len(lost) == now.lost
    begun = [trial for trial in lost if trial.params]
    assert sorted(trial.number for trial in begun) == sorted(
        trial.user_attrs[AGAIN] for trial in trials if AGAIN in trial.user_attrs
    )
    for trial in trials:
        if AGAIN in trial.user_attrs:
            before = trials[trial.user_attrs[AGAIN]]
            assert before.params.items() <= trial.params.items()
            assert before.user_attrs[WORKER] != trial.user_attrs[WORKER]


@pytest.mark.slow
def test_a_journal_keeps_all_trials_of_processes_that_are_killed(tmp_path: Path) -> None:
    search_with_deaths(searching.write_recipe(tmp_path), str(tmp_path / "journal"))


@pytest.mark.slow
def test_postgresql_keeps_all_trials_of_processes_that_are_killed(tmp_path: Path, database: str) -> None:
    search_with_deaths(searching.write_recipe(tmp_path), database)


@pytest.mark.slow
def test_a_role_without_rights_is_one_line(tmp_path: Path, database: str) -> None:
    import psycopg

    with psycopg.connect(database, autocommit=True) as session:
        session.execute("CREATE ROLE guest LOGIN")
        session.execute("CREATE DATABASE closed")
    url = database.replace("tests@/postgres", "guest:secret@/closed")
    given = ["search", searching.write_recipe(tmp_path), "--storage", url]
    assert searching.ended(searching.begun(searching.terminal, tmp_path, given, tmp_path / "said")) in (1, 2)
    said = (tmp_path / "said").read_text(encoding="utf-8").strip()
    assert "--storage postgresql://guest:…@/closed?host=" in said
    assert "permission denied for schema public" in said
    assert not any(word in said for word in ("\n", "secret", "SQL", "CREATE"))
