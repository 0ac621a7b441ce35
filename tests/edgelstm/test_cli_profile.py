"""`edgelstm profile`: what it prints on real models, and what nonsense gets."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.devices import Missing, detect, read_report
from edgelstm.devices.report import Report
from edgelstm.export import onnx_float32
from edgelstm.export.elstm import encode
from edgelstm.model import LSTM, Dense, Model, Normalize
from edgelstm.quantization import calibrate, quantize
from edgelstm.runtime import Model as RuntimeModel

FEW = ("--frames", "1000", "--seconds", "30")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with two models and frames for them."""
    folder = tmp_path_factory.mktemp("profile")
    rng = np.random.default_rng(3)
    frames = rng.normal(5, 2, (30, 3)).astype(np.float32)
    lstm = LSTM(rng.normal(size=(32, 3)), rng.normal(0, 0.3, (32, 8)), rng.normal(size=32))
    head = (Dense(rng.normal(size=(2, 8)), np.zeros(2)),)
    model = Model(Normalize(np.full(3, 5.0), np.full(3, 2.0)), (lstm,), head, sample_rate=50.0, name="small")
    model = calibrate(model, [frames])
    (folder / "float.elstm").write_bytes(encode(model))
    (folder / "int8.elstm").write_bytes(encode(quantize(model)))
    (folder / "model.onnx").write_bytes(onnx_float32.encode(model))
    np.savetxt(folder / "frames.csv", frames, delimiter=",")
    return folder


@pytest.fixture
def run(files, monkeypatch, capfd):
    """(exit code, stdout, stderr) of a command in this process."""

    def call(*arguments):
        monkeypatch.chdir(files)
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        return ended.value.code, *capfd.readouterr()

    return call


def test_models_stand_side_by_side_on_one_screen(run):
    code, out, err = run("profile", "float.elstm", "int8.elstm", *FEW)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) <= 32
    assert max(map(len, lines)) <= 118
    assert re.search(r"float\.elstm +int8\.elstm$", out, re.MULTILINE)
    for name in ("first frame", "warm-up", "p50", "p90", "p99", "p99.9", "max", "memory at start", "growth"):
        assert re.search(rf"^ *{re.escape(name)}|{re.escape(name)} ", out, re.MULTILINE), name
    assert "synthetic" in out  # invented input is said to be so
    assert "× 50 Hz" in out


def test_the_report_says_what_was_run(run, files, tmp_path):
    output = tmp_path / "report.json"
    code, out, _ = run("profile", "int8.elstm", *FEW, "--data", "frames.csv", "--json", "--output", output)
    assert code == 0
    report = read_report(output)
    assert Report.from_json(json.loads(out)) == report
    (one,) = report.runs
    model = RuntimeModel(files / "int8.elstm")
    assert (one.model.file, one.model.size) == ("int8.elstm", (files / "int8.elstm").stat().st_size)
    assert (one.model.precision, one.model.kernel, one.model.engine) == ("int8", model.kernel, model.engine)
    assert (one.model.stream_bytes, one.model.state_bytes) == (model.stream_bytes, model.snapshot_bytes)
    assert (one.model.sample_rate, one.model.features) == (50.0, 3)
    assert one.input == "30 frames of frames.csv"
    assert (one.latency.warm_up.frames, one.latency.steady.frames) == (1000, 1000)
    assert [stage.name for stage in one.stages] == [
        "start",
        "model opened",
        "stream made",
        "input read",
        "after the run",
    ]
    assert report.board == detect()


def test_a_short_time_gives_no_percentile_it_cannot_know(run):
    code, out, _ = run("profile", "int8.elstm", "--frames", 50, "--json")
    steady = json.loads(out)["runs"][0]["latency"]["steady"]
    assert (code, steady["frames"]) == (0, 50)
    assert steady["p99_us"] == {"available": False, "reason": "50 frames, this percentile needs 100"}


def test_other_engines_are_measured_the_same_way(run):
    pytest.importorskip("onnxruntime")
    code, out, _ = run("profile", "float.elstm", "model.onnx", "--frames", 200, "--json")
    report = Report.from_json(json.loads(out))
    assert code == 0
    assert [one.model.engine.split()[0] for one in report.runs] == ["edgelstm", "onnxruntime"]
    assert isinstance(report.runs[1].model.stream_bytes, Missing)
    starts = [one.stages[0].memory.resident for one in report.runs]
    assert starts[1] < starts[0] + (8 << 20)  # in a process of its own: the first engine's memory is not in it


def test_a_module_of_the_current_folder_is_not_imported(run, files, monkeypatch):
    (files / "json.py").write_text("raise SystemExit('a file beside the model was run')")
    try:
        assert run("profile", "int8.elstm", "--frames", 10)[0] == 0
    finally:
        (files / "json.py").unlink()


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["none.elstm"], 2, "none.elstm: no such file"),
        (["int8.elstm", "none.elstm"], 2, "none.elstm: no such file"),
        (["frames.csv"], 1, "frames.csv: suffix .csv"),
        (["cut.elstm"], 1, "cut.elstm: "),
        (["empty.elstm"], 1, "empty.elstm: "),
        (["text.elstm"], 1, "text.elstm: "),
        (["int8.elstm", "--data", "none.csv"], 2, "none.csv: no such file"),
        (["int8.elstm", "--data", "."], 2, ".: is a directory"),
        (["int8.elstm", "--data", "letters.csv"], 1, "letters.csv line 2, column 3: 'c' is not a number"),
        (["int8.elstm", "--data", "nan.csv"], 1, "nan.csv line 1, column 2: 'nan' is not a finite number"),
        (["int8.elstm", "--data", "wide.csv"], 1, "wide.csv line 1: 4 columns, expected 3"),
        (["int8.elstm", "--data", "empty.csv"], 1, "empty.csv: no frames"),
        (["int8.elstm", "--frames", "0"], 2, "--frames"),
        (["int8.elstm", "--seconds", "nan"], 2, "--seconds"),
        (["int8.elstm", "--seconds", "0"], 2, "--seconds"),
        (["int8.elstm", "--frobnicate"], 2, "--frobnicate"),
        ([], 2, "MODEL"),
        (["int8.elstm", "--frames", "10", "--output", "no/such/r.json"], 2, "no/such: no such folder"),
    ],
)  # fmt: skip
def test_nonsense_gets_one_line_and_leaves_nothing(run, files, arguments, code, expected):
    whole = (files / "int8.elstm").read_bytes()
    hostile = {
        "cut.elstm": whole[: len(whole) // 2],
        "empty.elstm": b"",
        "text.elstm": b"no model\n" * 100,
        "empty.csv": b"",
        "letters.csv": b"1,2,3\n1,2,c\n",
        "nan.csv": b"1,nan,3\n",
        "wide.csv": b"1,2,3,4\n",
    }
    for name, content in hostile.items():
        (files / name).write_bytes(content)
    before = {path: path.read_bytes() for path in files.iterdir()}
    found, out, err = run("profile", *arguments)
    assert (found, out) == (code, "")
    assert err.startswith("edgelstm: ")
    assert err.count("\n") == 1
    assert expected in err
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_a_process_that_dies_is_told_with_its_signal(run, monkeypatch, tmp_path):
    killer = tmp_path / "python"
    killer.write_text("#!/bin/sh\nkill -ILL $$\n")
    killer.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killer))
    code, _, err = run("profile", "int8.elstm")
    assert (code, err) == (1, "edgelstm: int8.elstm: profiling it was ended by SIGILL\n")


def test_a_report_that_cannot_be_written_leaves_the_old_one(run, tmp_path):
    folder = tmp_path / "report.json"
    folder.mkdir()
    code, _, err = run("profile", "int8.elstm", "--frames", 10, "--output", folder)
    assert code == 2
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_devices_need_numpy_alone():
    """What a board imports: neither click nor any engine."""
    script = (
        "import sys, edgelstm.devices, edgelstm.devices.agent;"
        "print([name for name in ('click', 'onnx', 'onnxruntime', 'ai_edge_litert', 'msgspec', 'edgelstm.model')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_help_has_an_example(run):
    code, out, _ = run("profile", "--help")
    assert code == 0
    assert "Example:" in out
