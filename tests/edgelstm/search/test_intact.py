"""Journals that are damaged, or somebody else's, are refused in one line."""

from __future__ import annotations

import json
import random

import pytest

import searching
from counts import times

pytest.importorskip("optuna", reason="needs optuna")

from edgelstm.cli.show.search import notes_before, notes_behind, progress_line, summary
from edgelstm.search.finalists import candidates
from edgelstm.search.page import page
from edgelstm.search.record import record
from edgelstm.search.working import joined, work


def damaged(lines: list[bytes], rng: random.Random) -> bytes:
    """With a byte, a line or a value that is another."""
    lines, place = list(lines), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, rng.choice(lines))
        case 2:
            entry = json.loads(lines[place])
            inner = rng.choice([entry, *(one for one in entry.values() if isinstance(one, dict) and one)])
            inner[rng.choice(list(inner))] = rng.choice([None, 1, -1, 1e300, "x", [], {}])
            lines[place] = json.dumps(entry).encode() + b"\n"
        case 3:
            line = bytearray(lines[place])
            line[rng.randrange(len(line))] = rng.randrange(256)
            lines[place] = bytes(line)
    return b"".join(lines)


def test_damaged_journals_are_one_line_or_read(tmp_path):
    recipe, journal = searching.write_recipe(tmp_path), tmp_path / "journal"
    plan = searching.plan_of(recipe, str(journal), 2)
    work(plan)
    lines, said = journal.read_bytes().splitlines(keepends=True), []
    for seed in range(times(8, 2000)):
        journal.write_bytes(damaged(lines, random.Random(seed)))
        try:
            with joined(plan) as search:
                found = record(search.study, search.space, {"objective": "accuracy", "board": None, "budgets": {}})
                candidates(search.study, 3)
                told = [progress_line(search), summary(found), page(found), *notes_before(search)]
                assert all([*told, *notes_behind(search, found)])
        except ValueError as error:
            said.append(str(error).replace(str(tmp_path), ""))
    assert said
    assert not [line for line in said if "\n" in line or len(line) >= 300]
