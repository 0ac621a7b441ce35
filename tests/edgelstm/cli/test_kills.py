"""Commands that are killed anywhere, and exports that race for one name.

What lies at a file's name is whole, a proof is that of the file beside it, and the next run leaves nothing behind.
Those of `edgelstm deploy` are in tests/devices/deploy/test_installation.py.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from counts import times
from edgelstm.devices.profiling.report import read_report
from edgelstm.model_file import load_model
from forks import Forks, forks
from writers import export, make_inputs, profile, report, train


@pytest.fixture(scope="module")
def forked() -> Iterator[Forks]:
    with forks() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_inputs(tmp_path)


def complete_page(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")


def any_bytes(path: Path) -> None:
    assert path.stat().st_size > 100


@dataclass(frozen=True)
class Writer:
    """A command in two versions, and what it writes."""

    command: Callable[[int], list[str]]
    files: tuple[str, ...]
    check: Callable[[Path], object]
    same: bool = True  # the same command writes the same bytes
    few: int = 2  # kills where they are few


WRITERS = {
    "export": Writer(lambda seed: export(seed, "m.elstm"), ("m.elstm", "m.elstm.proof.json"), any_bytes),
    "export to C": Writer(lambda seed: export(seed, "m.c"), ("m.c", "m.c.proof.json", "m.h"), any_bytes),
    "train": Writer(train, ("model.npz",), load_model),
    "report": Writer(report, ("page.html",), complete_page, few=1),
    "profile": Writer(profile, ("r.json",), read_report, same=False, few=1),
}


def contents(folder: Path) -> dict[str, bytes]:
    for run in folder.glob("*.run"):  # says how long training took: never the same
        assert sorted(path.name for path in run.iterdir()) == ["report.html", "report.json", "run.json"]
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def check_proof(folder: Path, name: str) -> None:
    """No proof lies beside a file that is another one's."""
    proof = folder / f"{name}.proof.json"
    if (folder / name).exists() and proof.exists():
        assert json.loads(proof.read_bytes())["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def run(forked: Forks, folder: Path, command: list[str]) -> float:
    """Seconds that the command takes to its good end."""
    start = time.monotonic()
    codes = forked.run(folder, command)
    errors = folder.parent / "errors"
    assert codes == [0], errors.read_text() if errors.exists() else codes
    return time.monotonic() - start


@pytest.mark.parametrize("name", WRITERS)
def test_kills_at_random_places(forked: Forks, folder: Path, name: str) -> None:
    writer, rng = WRITERS[name], random.Random(name)
    whole, usual = [], 0.0
    for seed in (2, 1):
        usual = max(usual, run(forked, folder, writer.command(seed)))
        assert sorted(contents(folder)) == sorted(writer.files)
        whole.append(contents(folder))
    for number in range(times(writer.few, 28)):
        if number % 4 == 3:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        forked.run(folder, writer.command(1 + number % 2), kill=(0, rng.uniform(0, usual)))
        for path in map(folder.joinpath, writer.files):
            if path.exists():
                writer.check(path)
                assert not writer.same or path.read_bytes() in [one[path.name] for one in whole]
        check_proof(folder, writer.files[0])
        if name == "export to C" and (folder / "m.c").exists():  # and the header is its own
            found = contents(folder)
            assert (found["m.c"], found["m.h"]) in [(one["m.c"], one["m.h"]) for one in whole]
        run(forked, folder, writer.command(1))
        assert sorted(contents(folder)) == sorted(writer.files)
        assert not writer.same or contents(folder) == whole[1]


def test_two_exports_to_one_name_leave_a_file_and_its_own_proof(forked: Forks, folder: Path) -> None:
    rng = random.Random(1)
    for number in range(times(5, 100)):
        writer = WRITERS[("export", "export to C")[number % 2]]
        name = writer.files[0]
        for path in folder.iterdir():
            path.unlink()
        if number % 3:
            run(forked, folder, export(1, name))
        kill = (rng.randrange(2), rng.uniform(0, 0.2)) if number % 5 == 4 else None
        codes = forked.run(folder, export(1, name), export(2, name), kill=kill)
        assert set(codes) <= ({0, -9} if kill else {0})
        check_proof(folder, name)
        if kill is None:
            assert sorted(contents(folder)) == sorted(writer.files)
        run(forked, folder, export(1, name))
        assert sorted(contents(folder)) == sorted(writer.files)


def test_an_export_without_a_proof_takes_the_others_away(forked: Forks, folder: Path) -> None:
    for _ in range(times(2, 20)):
        codes = forked.run(folder, export(1, "m.elstm"), export(2, "m.elstm", "--no-verify"))
        assert codes == [0, 0]
        check_proof(folder, "m.elstm")
