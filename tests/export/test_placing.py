"""Files, what goes with them and their proofs at their names: links, failed ones, what is a user's own."""

import hashlib
import json
import os
import re

import pytest

from edgelstm.export import export_model
from edgelstm.runtime.proven import proven_digest
from random_models import random_model

MODEL, OTHER = (random_model(5, [7], [4], seed=seed) for seed in (1, 2))


@pytest.fixture
def fails(monkeypatch):
    """From now on the exporter turns weights around."""

    def start():
        from edgelstm.export.elstm import dense

        right = dense.rows
        monkeypatch.setattr(dense, "rows", lambda values, gates=1: right(values[::-1], gates))

    start.stop = monkeypatch.undo
    return start


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fits(path):
    """The proof beside it is the file's own."""
    return proven_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def export(path, model=MODEL, **more):
    return export_model(model, path, precision="float32", **more)


def test_a_failed_file_lies_beside_and_goes_with_the_next_good_one(tmp_path, fails):
    path, failed = tmp_path / "m.elstm", tmp_path / "m.failed.elstm"
    export(path)
    before = path.read_bytes()
    fails()
    for model in (OTHER, MODEL):
        exported = export(path, model)
        assert (exported.path, exported.proof.passed) == (failed, False)
        assert json.loads((tmp_path / "m.failed.elstm.proof.json").read_text())["file"] == "m.failed.elstm"
        assert fits(failed)
    assert path.read_bytes() == before
    assert fits(path)
    fails.stop()
    assert export(path, OTHER).proof.passed
    assert names(tmp_path) == ["m.elstm", "m.elstm.proof.json"]


@pytest.mark.parametrize("own", ["file", "file and proof", "folder", "pipe", "proof"])
def test_a_users_own_failed_file_stays(own, tmp_path, fails):
    mine, proof = tmp_path / "m.failed.elstm", tmp_path / "m.failed.elstm.proof.json"
    if own == "file":
        mine.write_bytes(b"mine")
    elif own == "file and proof":  # which speaks of another file: mine was put in its place
        mine.write_bytes(b"mine")
        proof.write_text(json.dumps({"sha256": "0" * 64}))
    elif own == "folder":
        mine.mkdir()
    elif own == "pipe":
        os.mkfifo(mine)
    else:
        proof.write_text("my own notes")
    before = {path: (path.lstat(), path.is_file() and path.read_bytes()) for path in tmp_path.iterdir()}
    fails()
    for _ in range(2):
        exported = export(tmp_path / "m.elstm")
        assert exported.path == tmp_path / "m.failed-1.elstm"
        assert fits(exported.path)
    fails.stop()
    export(tmp_path / "m.elstm")
    found = {path: (path.lstat(), path.is_file() and path.read_bytes()) for path in before}
    assert found == before


def test_a_file_without_a_proof_has_none_of_another(tmp_path):
    path = tmp_path / "m.elstm"
    export(path)
    export(path, OTHER, verify=False)
    assert names(tmp_path) == ["m.elstm"]


def test_a_link_stays_and_the_proof_lies_beside_what_it_points_to(tmp_path):
    (tmp_path / "store").mkdir()
    link, real = tmp_path / "m.elstm", tmp_path / "store/first.elstm"
    link.symlink_to(real)
    for model in (MODEL, OTHER):
        exported = export(link, model)
        assert (exported.path, link.is_symlink()) == (link, True)
        assert names(tmp_path / "store") == ["first.elstm", "first.elstm.proof.json"]
        assert names(tmp_path) == ["m.elstm", "store"]
        assert fits(link)
        assert fits(real)


def test_source_and_header_are_of_one_model(tmp_path):
    path = tmp_path / "m.c"
    export(path)
    export(path, random_model(5, [9], [4]))
    size = re.search(r"_SIZE (\d+)", (tmp_path / "m.h").read_text())[1]
    assert path.read_text().count(",") == int(size) - 1
    assert names(tmp_path) == ["m.c", "m.c.proof.json", "m.h"]
    assert fits(path)


@pytest.mark.parametrize("taken", ["m.c", "m.h", "m.c.proof.json"])
def test_no_name_is_taken_from_what_is_no_regular_file(taken, tmp_path, monkeypatch):
    from edgelstm.export import api

    os.mkfifo(tmp_path / taken)
    monkeypatch.setattr(api, "prove", lambda *_: pytest.fail("work was done"))
    with pytest.raises(ValueError, match=f"{taken}: a named pipe, expected a regular file"):
        export(tmp_path / "m.c")
    assert names(tmp_path) == [taken]
    assert (tmp_path / taken).is_fifo()
