"""`edgelstm report`: a page of real profiles, one of a model, links between them, and what nonsense gets."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.devices import Plan, write_report
from edgelstm.devices.profiling.here import profile_here
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model, Normalize
from edgelstm.report import read_report
from pages import Page


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    lstm = LSTM(rng.normal(size=(16, 2)), rng.normal(size=(16, 4)), rng.normal(size=16))
    model = Model(Normalize(np.zeros(2), np.ones(2)), (lstm, Dense(np.ones((2, 4)), np.zeros(2))))
    (folder / "tiny.elstm").write_bytes(encode(model))
    write_report(profile_here(folder / "tiny.elstm", Plan(frames=200, pace="flat")), folder / "a.json")
    (folder / "model.json").write_text('{"layers": []}')
    (folder / "old.json").write_text('{"version": 1}')
    (folder / "empty.json").write_text("")
    (folder / "prediction.json").write_text('{"kind": "prediction", "version": 2}')
    (folder / "none-in-it.json").write_text("[]")
    one = (folder / "a.json").read_text()
    (folder / "boards.json").write_text(f"[{one}, {one}]")
    (folder / "half.json").write_text(f"[{one}, 7]")
    return folder


@pytest.fixture
def run(files, monkeypatch, capfd):
    def call(*arguments):
        monkeypatch.chdir(files)
        with pytest.raises(SystemExit) as ended:
            main(["report", *map(str, arguments)])
        return ended.value.code, *capfd.readouterr()

    return call


def test_one_page_of_several_profiles(run, tmp_path):
    page = tmp_path / "page.html"
    code, out, err = run("a.json", "boards.json", "-o", page)
    assert (code, err) == (0, "")
    assert "page.html" in out
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert text.count("<section>") == 3
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ([], 2, "FILE"),
        (["none.json"], 2, "none.json: no such file"),
        (["a.json", "none.json"], 2, "none.json: no such file"),
        (["tiny.elstm"], 2, "tiny.elstm: a file that was exported; expected MODEL.npz and its DATA"),
        (["a.json", "."], 2, ".: no profile; expected MODEL.npz and then its DATA"),
        (["a.json", "-o", "a.json"], 2, "a.json: suffix .json, expected .html"),
        (["model.json"], 1, "model.json: no profile report"),
        (["old.json"], 1, "old.json: version 1, expected 2"),
        (["empty.json"], 1, "empty.json: no JSON"),
        (["prediction.json"], 1, "prediction.json: a prediction (profile --predict), which has nothing measured"),
        (["none-in-it.json"], 1, "none-in-it.json: an empty list"),
        (["half.json"], 1, "half.json[1]: no profile report"),
        (["a.json", "-o", "no/such/page.html"], 2, "folder no/such does not exist"),
    ],
)
def test_nonsense_gets_one_line_and_no_page(run, files, arguments, code, expected):
    before = sorted(files.iterdir())
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    assert expected in err
    assert sorted(files.iterdir()) == before


def test_help_has_an_example(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "Example:" in out


@pytest.fixture
def trained(tmp_path, command):
    """A folder with recordings, a recipe, and model.npz with the folder of its run."""
    rng = np.random.default_rng(0)
    for label, level in (("low", 0.0), ("high", 2.0)):
        for n in range(6):
            (tmp_path / "data" / label).mkdir(parents=True, exist_ok=True)
            x = rng.normal(level, 1, size=(40, 2))
            np.savetxt(tmp_path / "data" / label / f"{n}.csv", x, delimiter=",", header="a,b", comments="")
    assert command("init", tmp_path / "data", "-o", tmp_path / "recipe.toml").code == 0
    small = ("--set", "training.epochs=2", "--set", "model.units=[4]")
    found = command("train", tmp_path / "recipe.toml", "-o", tmp_path / "model.npz", *small)
    assert found.code == 0, found.err
    assert f"report        {tmp_path / 'model.run' / 'report.html'}" in found.out
    return tmp_path


@pytest.fixture
def command(capfd):
    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Ended(ended.value.code or 0, *capfd.readouterr())

    return call


@dataclass
class Ended:
    code: int
    out: str
    err: str


def test_training_leaves_a_report_and_report_makes_it_again(trained, command):
    page, record = trained / "model.run" / "report.html", trained / "model.run" / "report.json"
    first = read_report(record)
    assert len(first.epochs) == 2
    assert all(epoch.rate is not None for epoch in first.epochs)
    Page(page.read_text(encoding="utf-8")).check_self_contained()
    shown = json.loads(command("evaluate", trained / "model.npz", trained / "data", "--json").out)
    assert first.results[0].figures[0].value == shown[0]["accuracy"]
    page.unlink()
    found = command("report", trained / "model.npz", trained / "data")
    assert (found.code, found.err) == (0, "")
    assert replace(read_report(record), made_at=first.made_at, notes=first.notes) == first
    assert page.is_file()
    of_all = trained / "all.html"
    assert command("report", trained / "model.npz", trained / "data", "--all", "-o", of_all).code == 0
    assert read_report(trained / "all.json").judged.recordings == 12


def test_no_report_where_none_is_wanted(trained, command):
    line = ("train", trained / "recipe.toml", "-o", trained / "other.npz", "--set", "training.epochs=1")
    assert command(*line, "--no-report").code == 0
    assert [path.name for path in (trained / "other.run").iterdir()] == ["run.json"]


@pytest.mark.parametrize("how", ["no report", "killed before the report", "calibrated"])
def test_no_report_stays_beside_another_model(trained, command, monkeypatch, how):
    line = ["train", trained / "recipe.toml", "-o", trained / "model.npz", "--set", "training.epochs=1"]
    before = (trained / "model.npz").read_bytes()
    if how == "no report":
        assert command(*line, "--no-report").code == 0
    elif how == "calibrated":
        (trained / "old.npz").write_bytes(before)
        assert command("calibrate", trained / "old.npz", trained / "data", "-o", trained / "model.npz").code == 0
    else:
        monkeypatch.setattr("edgelstm.training.run_folder.RunFolder.finish", _interrupt)
        assert command(*line).code != 0
    assert (trained / "model.npz").read_bytes() != before
    assert not {"report.html", "report.json"} & {path.name for path in (trained / "model.run").iterdir()}


def test_a_run_that_ends_without_a_model_leaves_the_report_of_the_one_there(trained, command, monkeypatch):
    monkeypatch.setattr("edgelstm.training.train", _interrupt)
    assert command("train", trained / "recipe.toml", "-o", trained / "model.npz").code != 0
    assert (trained / "model.run" / "report.html").is_file()


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def test_curves_are_of_the_very_model(trained, command):
    weights = (trained / "model.npz").read_bytes()
    line = ("train", trained / "recipe.toml", "-o", trained / "other.npz", "--set", "training.epochs=1")
    assert command(*line).code == 0
    (trained / "other.npz").write_bytes(weights)
    assert command("report", trained / "other.npz", trained / "data").code == 0
    found = read_report(trained / "other.run" / "report.json")
    assert found.epochs == ()
    assert "of another model than other.npz" in found.no_epochs


def test_scores_and_costs_link_to_each_other(trained, command):
    model, page = trained / "model.npz", trained / "pages" / "costs.html"
    page.parent.mkdir()
    assert command("export", model, "--format", "elstm", "-o", trained / "model-int8.elstm").code == 0
    write_report(profile_here(trained / "model-int8.elstm", Plan(frames=200, pace="flat")), trained / "here.json")
    assert command("report", trained / "here.json", "-o", page).code == 0
    shown = Page(page.read_text(encoding="utf-8"))
    record = read_report(trained / "model.run" / "report.json")
    int8 = next(result for result in record.results if result.precision == "int8 per-row")
    accuracy = f"accuracy {100 * int8.figures[0].value:.1f} %"
    assert accuracy in shown.words
    assert shown.links == ["../model.run/report.html"]
    (cost,) = record.costs
    assert (cost.file, cost.page) == ("model-int8.elstm", "../pages/costs.html")
    of_model = Page((trained / "model.run" / "report.html").read_text(encoding="utf-8"))
    assert of_model.links == [cost.page]
    assert f"{cost.bytes:,}" in of_model.words
    for found in (shown, of_model):
        found.check_self_contained()


def test_another_models_report_beside_a_profile_says_nothing_of_it(trained, command, files):
    (trained / "tiny.elstm").write_bytes((files / "tiny.elstm").read_bytes())
    (trained / "model.run").rename(trained / "tiny.run")
    before = (trained / "tiny.run" / "report.json").read_bytes()
    (trained / "a.json").write_bytes((files / "a.json").read_bytes())
    assert command("report", trained / "a.json", "-o", trained / "page.html").code == 0
    assert Page((trained / "page.html").read_text(encoding="utf-8")).links == []
    assert (trained / "tiny.run" / "report.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["model.npz"], 2, "expected its data after it"),
        (["model.npz", "data", "more"], 2, "expected its data after it"),
        (["model.npz", "none"], 2, "none: no such file"),
        (["model.run/report.json"], 1, "a model's report, whose page is there"),
        (["model.run/run.json"], 1, "no profile report"),
        (["a.json", "--all"], 2, "--all: goes with a model and its data"),
        (["model.npz", "data", "-o", "no/such/page.html"], 2, "folder no/such does not exist"),
    ],
)
def test_nonsense_about_models_gets_one_line(trained, command, monkeypatch, arguments, code, expected):
    monkeypatch.chdir(trained)
    found = command("report", *arguments)
    assert (found.code, found.out) == (code, "")
    assert found.err.count("\n") == 1
    assert expected in found.err
