"""`edgelstm report`: a page of real profiles, and what nonsense gets."""

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.devices import Plan, write_report
from edgelstm.devices.profiling.here import profile_here
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model, Normalize


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
        ([], 2, "REPORT.json"),
        (["none.json"], 2, "none.json: no such file"),
        (["a.json", "none.json"], 2, "none.json: no such file"),
        (["tiny.elstm"], 1, "tiny.elstm: no JSON"),
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
