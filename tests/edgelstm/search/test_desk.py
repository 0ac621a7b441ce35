"""The desk, wherever a worker dies between two of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgelstm.search.desk import AGAIN, LOST, REFUSED, Desk, tally
from edgelstm.search.storage import Storage
from edgelstm.search.study import join


class Alive:
    """Locks of workers that live as long as they are named."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    @contextmanager
    def turn(self, study: str) -> Iterator[None]:
        yield

    @contextmanager
    def living(self, worker: str) -> Iterator[None]:
        yield

    def lives(self, worker: str) -> bool:
        return worker in self.names


@pytest.fixture
def storage() -> Storage:
    optuna = pytest.importorskip("optuna", reason="needs optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return Storage("", optuna.storages.InMemoryStorage(), Alive("a", "b"), lambda: None)


def desk(storage: Storage, worker: str) -> Desk:
    return Desk(join(storage, "s", ["maximize"], {"recipe": {"training.epochs": "1"}}), storage, worker)


def test_no_more_are_taken_than_are_wanted(storage):
    a, b = desk(storage, "a"), desk(storage, "b")
    first, second = a.claim(2), b.claim(2)
    assert first is not None
    assert second is not None
    assert a.claim(2) is None
    assert a.bring(first, None, {REFUSED: "too large"}, refused=True)  # does not count
    third = a.claim(2)
    assert third is not None
    assert b.bring(second, [1.0], {})
    assert a.bring(third, [2.0], {})
    assert b.claim(2) is None
    assert (tally(a.trials()).done, tally(a.trials()).refused) == (2, 1)


def test_what_a_dead_worker_had_is_run_again_as_it_was(storage):
    a, b = desk(storage, "a"), desk(storage, "b")
    lost = a.claim(1)
    value = lost.suggest_float("x", 0, 1)
    assert b.claim(1) is None
    storage.locks.names.remove("a")
    again = b.claim(1)
    assert again.suggest_float("x", 0, 1) == value
    assert again.user_attrs[AGAIN] == lost.number
    assert not a.bring(lost, [9.0], {})  # it was slow, not dead: what it brings is left aside
    assert b.bring(again, [1.0], {})
    assert [trial.values for trial in b.trials()] == [None, [1.0]]
    now = tally(b.trials())
    assert (now.done, now.lost, now.taken, now.waiting) == (1, 1, 0, 0)


def test_who_dies_while_putting_out_what_was_lost_puts_it_out_once(storage, monkeypatch):
    a, b = desk(storage, "a"), desk(storage, "b")
    a.claim(1).suggest_float("x", 0, 1)
    storage.locks.names.remove("a")
    with monkeypatch.context() as patched:
        patched.setattr(b.study, "tell", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            b.claim(1)
    c = desk(storage, "b")
    assert c.bring(c.claim(1), [1.0], {})
    assert c.claim(1) is None
    assert [LOST in trial.user_attrs for trial in c.trials()] == [True, False]


def test_who_dies_before_writing_who_it_is_loses_nothing(storage):
    a = desk(storage, "a")
    a.post([{"fold": n} for n in range(2)])
    a.study.ask()  # taken, and no more
    found = [a.claim(0), a.claim(0)]
    assert sorted(trial.suggest_int("fold", 0, 9) for trial in found) == [0, 1]
    assert a.claim(0) is None


def test_jobs_are_posted_once(storage):
    for worker in ("a", "b"):
        desk(storage, worker).post([{"fold": n} for n in range(3)])
    assert tally(desk(storage, "a").trials()).waiting == 3


def test_a_study_of_something_else_is_not_joined(storage):
    desk(storage, "a")
    said = r"study 's' is of another recipe \(training.epochs 1 then, 3 now\); expected the same, or --study"
    with pytest.raises(ValueError, match=said):
        join(storage, "s", ["maximize"], {"recipe": {"training.epochs": "3"}})
