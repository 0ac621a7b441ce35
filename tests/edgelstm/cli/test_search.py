"""`edgelstm search`: the whole way once, and what it refuses."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import searching
import ssh_board
from counts import FULL
from edgelstm import training
from edgelstm.cli.ending import GOES_ON
from edgelstm.cli.search_boards import Place
from edgelstm.devices.profiling.here import profile_here
from edgelstm.devices.profiling.plan import Plan as ProfilePlan
from edgelstm.devices.profiling.remote import Outcome
from edgelstm.devices.remote.target import Target
from edgelstm.model_file import load_model
from edgelstm.search.plan import Plan
from edgelstm.training import load_config


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return searching.write_recipe(tmp_path)


@pytest.mark.slow
def test_the_best_that_keeps_its_budgets_is_written_and_the_test_part_is_not_asked(recipe, command, monkeypatch):
    pytest.importorskip("optuna", reason="needs optuna")
    given = ["search", recipe, "--board", "pi-zero-2w", "--budget", "model_size=6KiB", "--trials", "4"]
    given += ["--seeds", "2", "--finalists", "2"]
    ended = command(*given, "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["tally"]["done"] == 4
    folder = Path("recipe.search")
    model, config = load_model(folder / "model.npz"), load_config(folder / "recipe.toml")
    winner = found["trials"][found["winner"]]
    assert model.provenance["config"]["training"]["learning_rate"] == winner["chosen"]["training.learning_rate"]
    assert [layer["units"] for layer in config.to_json()["model"]["layers"]] == [winner["chosen"]["units"]]
    assert found["model"]["costs"]["model_size"] <= 6144
    # What was told before training is what it came to, with room for digits of figures.
    assert 0 <= winner["costs"]["model_size"] - found["model"]["costs"]["model_size"] < 200
    assert found["model"]["costs"]["latency_p50"] == winner["costs"]["latency_p50"]
    for trial in found["trials"]:
        assert (trial["how"] == "refused") == (trial["costs"]["model_size"] > 6144)
    assert "<script" not in (folder / "search.html").read_text()
    # The same command again has nothing to train.
    monkeypatch.setattr("edgelstm.search.worker.train", None)
    monkeypatch.setattr("edgelstm.search.finalists.train", None)
    again = command(*given)
    assert again.code == 0, again.err
    assert "4 trials trained" in again.out
    # Another recipe is not joined.
    recipe.write_text(searching.RECIPE.replace("epochs = 1", "epochs = 3"))
    other = command(*given)
    assert other.code == 2
    assert "is of another recipe" in other.err
    assert other.err.count("\n") == 1


@pytest.mark.slow
def test_a_finalist_that_breaks_a_budget_once_it_is_trained_falls_out(recipe, command, monkeypatch):
    pytest.importorskip("optuna", reason="needs optuna")
    given = ["search", recipe, "--trials", "2", "--seeds", "1", "--finalists", "2"]
    first = json.loads(command(*given, "--json").out)
    asked = [one["trial"] for one in first["finalists"]]
    told = iter([["model_size 9.0 KiB, at most 8.0 KiB"], []])
    monkeypatch.setattr("edgelstm.search.costs.broken", lambda *_: next(told))
    found = json.loads(command(*given, "--json").out)
    assert found["winner"] == asked[1]
    assert [one["trial"] for one in found["heavy"]] == [asked[0]]
    assert "breaks its budget, trained: model_size 9.0 KiB" in Path("recipe.search/search.html").read_text()
    monkeypatch.setattr("edgelstm.search.costs.broken", lambda *_: ["model_size 9.0 KiB, at most 8.0 KiB"])
    ended = command(*given)
    assert ended.code == 3
    assert "Next:" not in ended.out
    assert "breaks its budget: model_size 9.0 KiB" in ended.out


def test_a_winner_whose_training_was_interrupted_goes_on(recipe, command, monkeypatch):
    pytest.importorskip("optuna", reason="needs optuna")
    train, epochs = training.train, []
    recipe.write_text(searching.RECIPE.replace("epochs = 1", "epochs = 3"))

    def noted(train_set, settings, on_epoch, *more):
        def note(epoch):
            epochs.append(epoch.number)
            on_epoch(epoch)
            if len(epochs) == 2:
                raise KeyboardInterrupt

        return train(train_set, settings, note, *more)

    monkeypatch.setattr(training, "train", noted)
    given = ["search", recipe, "--trials", "1", "--seeds", "1"]
    assert "interrupted" in command(*given).err

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "recipe.search/model.run/report.json")

    with monkeypatch.context() as disk:
        disk.setattr("edgelstm.cli.reporting.write", full)
        ended = command(*given)
    report = Path("recipe.search/model.run/report.html")
    assert (ended.code, report.exists()) == (1, False)
    assert (
        ended.err.splitlines()[-1] == f"edgelstm: {report.with_suffix('.json')}: no space left on device; {GOES_ON}"
    )
    assert command(*given).code == 0
    assert report.exists()
    assert epochs == [1, 2, 3]


@pytest.mark.slow
def test_two_terminals_end_the_same_search_in_one_folder(recipe):
    pytest.importorskip("optuna", reason="needs optuna")
    given = ["search", recipe, "--trials", "3", "--seeds", "1"]
    said = [Path("first"), Path("second")]
    both = [searching.begun(searching.terminal, Path.cwd(), given, path) for path in said]
    assert [searching.ended(one) for one in both] == [0, 0], [path.read_text() for path in said]
    assert said[0].read_bytes() == said[1].read_bytes() != b""
    assert json.loads(Path("recipe.search/search.json").read_text())["tally"]["done"] == 3


@pytest.mark.slow
def test_a_search_for_two_things_that_a_full_disk_ends_goes_on(recipe, command):
    pytest.importorskip("optuna", reason="needs optuna")
    given = ["search", recipe, "--objective", "accuracy,model_size", "--trials", "6", "--seeds", "1"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, before[1]))  # the journal of some trials is larger
    try:
        ended = command(*given)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ended.code == 1
    assert ended.err == "edgelstm: recipe.search/journal: file too large; the same command goes on\n"
    ended = command(*given, "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["tally"]["done"], found["tally"]["lost"]) == (6, 1)
    trials = [trial for trial in found["trials"] if trial["how"] == "whole"]
    best = [trial for trial in trials if trial["number"] in found["front"]]
    # None is better in both than one of the front, and whatever is not on it has one that is as good in both.
    for one in trials:
        better = [
            other
            for other in best
            if other["value"] >= one["value"] and other["costs"]["model_size"] <= one["costs"]["model_size"]
        ]
        assert better == [one] if one in best else better


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--board", "pi-zero-2"], "--board: unknown board 'pi-zero-2', perhaps 'pi-zero-2w'"),
        (["--budget", "latency_p50=200us"], "--budget latency_p50: told for a board, expected --board with it"),
        (["--budget", "model_size=64"], "--budget model_size: '64', expected"),
        (["--budget", "model_sise=64KiB"], "--budget 'model_sise': no such figure, perhaps 'model_size'"),
        (["--budget", "latency_p99=2ms"], "--budget latency_p99: a board has to measure it"),
        (
            ["--board", "pi", "--board", "pi4"],
            "--board: expected one of those that edgelstm boards lists, and one host",
        ),
        (["--board", "-x"], "--board '-x': expected a host"),
        (
            ["--board", "pi", "--budget", "soak_latency_p99=2ms"],
            "soak_latency_p99: takes a soak, which edgelstm profile",
        ),
        (
            ["--budget", "speed=2"],
            "no such figure, expected one of model_size, stream_memory, state_memory, latency_p50",
        ),
        (["--objective", "speed"], "'speed': expected accuracy, or accuracy,latency_p50, or accuracy,model_size"),
        (["--objective", "accuracy,latency_p50"], "--objective accuracy,latency_p50: expected --board with it"),
        (["--storage", "mysql://host/x"], "--storage mysql://host/x: mysql, expected a file, or postgresql://…"),
        (["--storage", "waves.npz"], "--storage waves.npz: no journal of a search, expected one, or a new name"),
        (["--output", "waves.npz"], "--output waves.npz: a file, expected a folder, or a new name"),
    ],
)
def test_what_makes_no_search_is_one_line(recipe, command, options, said):
    pytest.importorskip("optuna", reason="needs optuna")
    ended = command("search", recipe, *options)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert not ended.out


def test_without_optuna_it_says_what_to_install(recipe, command, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    ended = command("search", recipe)
    assert ended.code == 1
    assert "a search needs optuna, which is not installed: pip install 'edgelstm[search]'" in ended.err


def test_a_recipe_that_holds_nothing_out_holds_out_a_fifth(tmp_path):
    recipe = searching.write_recipe(tmp_path, searching.RECIPE.replace("validation = 0.25\n", ""))
    plan: Plan = searching.plan_of(recipe, "")
    assert plan.config().data.validation == 0.2


def measured_here(targets: list[Target], paths: list[Path], plan: ProfilePlan, **_: object) -> tuple[Outcome, ...]:
    reports = [profile_here(path, plan) for path in paths]
    return (Outcome(targets[0], replace(reports[0], runs=tuple(run for one in reports for run in one.runs))),)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host called so: behind SSH in `make test-all`, else this process, without the road to it."""
    if not FULL:
        monkeypatch.setattr("edgelstm.search.measured.profile_boards", measured_here)
        monkeypatch.setattr(
            "edgelstm.cli.search_boards.place_of",
            lambda host, python, wheels, budgets: Place(Target(host, python, wheels), tuple(budgets)),
        )
        yield
        return
    if ssh_board.MISSING is not None:
        pytest.skip(str(ssh_board.MISSING))
    (tmp_path / "dist").mkdir()
    ssh_board.own_wheel(tmp_path / "dist")
    (tmp_path / "board").mkdir()
    there = ssh_board.SshBoard(tmp_path / "board")
    monkeypatch.setenv("PATH", f"{there.bin}:{os.environ['PATH']}")
    yield
    assert there.left() == []


@pytest.mark.usefixtures("board")
def test_finalists_that_break_a_budget_on_a_board_fall_out(recipe, command, monkeypatch):
    pytest.importorskip("optuna", reason="needs optuna")
    recipe.write_text(
        f"{searching.RECIPE.partition('[search]')[0]}[search]\nkind = ['lstm', 'gru']\n"
    )  # one is too large
    given = ["search", recipe, "--board", "board", "--board-python", ssh_board.PYTHON, "--trials", "2"]
    given += ["--seeds", "1", "--finalists", "2", "--budget", "latency_max=100s", "--budget"]
    monkeypatch.setattr("edgelstm.search.measured._PLAN", ProfilePlan(frames=100, warm_up=10, pace="flat"))
    # Sizes, unlike times, are the same every time: this one is measured here, too.
    monkeypatch.setattr("edgelstm.search.costs.KNOWN", ("model_size",))
    ended = command(*given, "stream_memory=600B", "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    costs = {one["trial"]: found["trials"][one["trial"]]["costs"]["stream_memory"] for one in found["finalists"]}
    fallen = {number for number, size in costs.items() if size > 600}
    assert len(fallen) == 1
    assert found["winner"] in set(costs) - fallen
    for one in found["measured"]:
        assert one["figures"]["stream_memory"] == costs[one["trial"]]  # as it was told before training
        assert 0 < one["figures"]["latency_max"] < 100e6
        assert bool(one["broken"]) == (one["trial"] in fallen)
    assert "falls out: stream_memory" in Path("recipe.search/search.html").read_text()
    if FULL:
        ended = command(*given, "stream_memory=1B")
        assert ended.code == 1
        assert "board: no finalist keeps its budget: trial" in ended.err
        assert ended.err.count("\n") == 1
