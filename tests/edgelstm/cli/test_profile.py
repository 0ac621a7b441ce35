"""`edgelstm profile`: what it prints on real models, and what nonsense gets."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from counts import some
from edgelstm.cli import main
from edgelstm.cli.show.profile import table
from edgelstm.devices import Unavailable, detect, read_report
from edgelstm.devices.profiling.lock import alone
from edgelstm.devices.profiling.report import Report
from edgelstm.export.elstm import encode
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model, Normalize
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize
from edgelstm.runtime import Model as RuntimeModel

FEW = ("--frames", "1000", "--seconds", "30", "--paced-seconds", "0.5")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with two models and frames for them."""
    folder = tmp_path_factory.mktemp("profile")
    rng = np.random.default_rng(3)
    frames = rng.normal(5, 2, (30, 3)).astype(np.float32)
    lstm = LSTM(rng.normal(size=(32, 3)), rng.normal(0, 0.3, (32, 8)), rng.normal(size=32))
    head = (Dense(rng.normal(size=(2, 8)), np.zeros(2)),)
    model = Model(Normalize(np.full(3, 5.0), np.full(3, 2.0)), (lstm, *head), sample_rate=50.0, name="small")
    model = calibrate(model, [frames])
    save_model(model, folder / "small.npz")
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
    assert max(map(len, out.splitlines())) <= 80
    assert len(out.partition("\n\n")[2].splitlines()) <= 28  # below what is said of the machine
    assert re.search(r"float\.elstm +int8\.elstm$", out, re.MULTILINE)
    assert re.search(r"flat out +50 Hz +flat out +50 Hz$", out, re.MULTILINE)
    for name in (
        "first frame",
        "warm-up",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
        "memory at start",
        "growth",
        "jitter",
    ):
        assert re.search(rf"^ *{re.escape(name)}|{re.escape(name)} ", out, re.MULTILINE), name
    assert "synthetic" in out  # invented input is said to be so
    assert re.search(r"deadlines missed +\d+ +\d+$", out, re.MULTILINE)


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
    assert (one.latency.warm_up.frames, one.latency.flat.spread.frames) == (1000, 1000)
    assert one.latency.paced.pacing.rate == 50.0
    assert 1 <= one.latency.paced.spread.frames <= 26
    assert [stage.name for stage in one.stages] == [
        "start",
        "model opened",
        "stream made",
        "input read",
        "warmed up",
        "flat out",
        "paced",
    ]
    faults = [stage.usage.minor_faults for stage in one.stages]
    assert faults == sorted(faults)
    assert faults[0] > 0
    assert one.latency.flat.intervals[-1].moment.memory.resident > 0
    assert report.board == detect()


def test_a_stream_is_measured_with_the_answers_that_are_asked_for(run, files):
    asked = {"pooling": "mean", "window": 400, "hop": 2}
    options = [word for name, value in asked.items() for word in (f"--{name}", value)]
    code, out, _ = run("profile", "int8.elstm", "--frames", 50, "--pace", "flat", "--json", *options)
    (one,) = Report.from_json(json.loads(out)).runs
    stream = RuntimeModel(files / "int8.elstm").stream(**asked)
    assert (code, one.model.answer) == (0, stream.answering)
    assert (one.model.stream_bytes, one.model.state_bytes) == (
        stream.model.stream_size(stream.answering),
        stream.snapshot_bytes,
    )
    assert re.search(r"^answers +mean of 400, every 2$", table([Report.from_json(json.loads(out))]), re.MULTILINE)


def test_a_short_time_gives_no_percentile_it_cannot_know(run):
    code, out, _ = run("profile", "int8.elstm", "--frames", 50, "--pace", "flat", "--json")
    steady = json.loads(out)["runs"][0]["latency"]["flat"]["spread"]
    assert (code, steady["frames"]) == (0, 50)
    assert steady["p99_us"] == {"available": False, "reason": "50 frames, this percentile needs 100"}


def test_other_engines_are_measured_the_same_way(run):
    pytest.importorskip("onnxruntime")
    code, out, _ = run("profile", "float.elstm", "model.onnx", "--frames", 200, "--pace", "flat", "--json")
    report = Report.from_json(json.loads(out))
    assert code == 0
    assert [one.model.engine.split()[0] for one in report.runs] == ["edgelstm", "onnxruntime"]
    assert isinstance(report.runs[1].model.stream_bytes, Unavailable)
    starts = [one.stages[0].memory.resident for one in report.runs]
    assert starts[1] < starts[0] + (8 << 20)  # in a process of its own: the first engine's memory is not in it


def test_a_module_of_the_current_folder_is_not_imported(run, files, monkeypatch):
    (files / "json.py").write_text("raise SystemExit('a file beside the model was run')")
    try:
        assert run("profile", "int8.elstm", "--frames", 10, "--pace", "flat")[0] == 0
    finally:
        (files / "json.py").unlink()


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["none.elstm"], 2, "none.elstm: no such file"),
        (["int8.elstm", "none.elstm"], 2, "none.elstm: no such file"),
        (["frames.csv"], 1, "frames.csv: suffix .csv"),
        *some([([f"{name}.elstm"], 1, f"{name}.elstm: ") for name in ("cut", "empty", "text")]),
        (["int8.elstm", "--data", "none.csv"], 2, "none.csv: no such file"),
        (["int8.elstm", "--data", "."], 2, ".: is a directory"),
        *some(  # each starts a process; that files are refused so is asked of their readers
            [
                (["int8.elstm", "--data", "letters.csv"], 1, "letters.csv line 2, column 3: 'c' is not a number"),
                (["int8.elstm", "--data", "empty.csv"], 1, "empty.csv: no frames"),
                (["int8.elstm", "--data", "nan.csv"], 1, "nan.csv line 1, column 2: 'nan' is not a finite number"),
                (["int8.elstm", "--data", "wide.csv"], 1, "wide.csv line 1: 4 columns, expected 3"),
            ],
            2,
        ),
        (["int8.elstm", "--frames", "0"], 2, "--frames"),
        (["int8.elstm", "--seconds", "nan"], 2, "--seconds: nan"),
        (["int8.elstm", "--pace", "slow"], 2, "--pace"),
        (["int8.elstm", "--rate", "0"], 2, "--rate: 0.0"),
        (["int8.elstm", "--rate", "50", "--pace", "flat"], 2, "--rate: 50 with pace flat"),
        (["int8.elstm", "--duration", "1"], 2, "'1', expected a duration such as 90s"),
        (["int8.elstm", "--duration", "-1s"], 2, "'-1s', expected a duration"),
        (["int8.elstm", "--core", "4000"], 2, "--core 4000: this process may run on "),
        (["int8.elstm", "--core", "-1"], 2, "--core: -1"),
        (["int8.elstm", "--budget", "latncy_p99=2ms"], 2, "'latncy_p99': no such figure, perhaps 'latency_p99'"),
        (["int8.elstm", "--budget", "latency_p99=2"], 2, "latency_p99: '2', expected a time such as"),
        (["int8.elstm", "--budget", "rss=20ms"], 2, "rss: '20ms', expected a size such as"),
        (["int8.elstm", "--seconds", "0"], 2, "--seconds"),
        (["int8.elstm", "--frobnicate"], 2, "--frobnicate"),
        (["int8.elstm", "--pooling", "median"], 2, "--pooling: 'median', expected one of last"),
        (["int8.elstm", "--window", "9"], 1, "int8.elstm: window: 9, expected 0 with pooling last"),
        ([], 2, "MODEL"),
        (["int8.elstm", "--frames", "10", "--output", "no/such/r.json"], 2, "folder no/such does not exist"),
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


def test_one_core_alone(run):
    core = max(os.sched_getaffinity(0))
    code, out, _ = run("profile", "int8.elstm", "--frames", 10, "--pace", "flat", "--core", core, "--json")
    assert (code, json.loads(out)["runs"][0]["core"]) == (0, core)


def test_a_soak_is_told_by_interval(run, tmp_path):
    output = tmp_path / "report.json"
    arguments = ("--frames", 10, "--pace", "paced", "--paced-seconds", 0.1, "--rate", 200, "--duration", "1.2s")
    code, out, _ = run("profile", "int8.elstm", *arguments, "--output", output)
    latency = read_report(output).runs[0].latency
    assert code == 0
    assert isinstance(latency.flat, Unavailable)
    assert latency.soak.pacing.rate == 200
    assert 1 <= len(latency.soak.intervals) <= 3
    assert re.search(r"^int8\.elstm, soaking$", out, re.MULTILINE)
    assert out.count("MiB   –    –") + out.count("°C") >= 1


def test_an_engine_that_is_not_there_is_told_beside_the_others(run, files, tmp_path, monkeypatch):
    """A package of the engine's name that does not import stands for a board without the engine."""
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('not for this board')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, out, err = run("profile", "int8.elstm", "model.onnx", "--frames", 10, "--pace", "flat")
    assert (code, err) == (0, "")
    assert re.search(r"^model\.onnx: not measured: .*needs onnxruntime", out, re.MULTILINE)
    code, out, err = run("profile", "model.onnx", "--frames", 10, "--pace", "flat")
    assert (code, out) == (1, "")
    assert "needs onnxruntime" in err


def test_budgets_that_hold_and_one_that_does_not(run):
    budgets = ("--budget", "latency_p50=10s", "--budget", "rss=1KiB", "--budget", "soak_latency_p50=10s")
    code, out, err = run("profile", "int8.elstm", "--frames", 200, "--pace", "flat", *budgets)
    assert (code, err) == (3, "")
    assert re.search(r"✓ int8\.elstm: latency_p50 .* µs, budget 10\.0 s$", out, re.MULTILINE)
    assert re.search(r"✗ int8\.elstm: rss .* MiB, budget 1,024 B, from the command line$", out, re.MULTILINE)
    assert re.search(r"✗ int8\.elstm: soak_latency_p50 unknown \(not asked for", out, re.MULTILINE)
    code, out, err = run("profile", "int8.elstm", "--frames", 200, "--pace", "flat", *budgets, "--json")
    assert code == 3
    assert len(Report.from_json(json.loads(out)).runs[0].budget) == 3
    assert err.count("✗") == err.count("\n") == 2


def test_the_budget_of_the_configuration_travels_with_the_model(run, files):
    provenance = {"config": {"budget": {"stream_memory": "1MiB", "model_size": "100B"}}}
    (files / "budget.elstm").write_bytes(encode(replace(load_model(files / "small.npz"), provenance=provenance)))
    few = ("--frames", 10, "--pace", "flat", "--json")
    code, _, err = run("profile", "budget.elstm", *few)
    assert code == 3
    assert re.fullmatch(r"✗ budget\.elstm: model_size .*, budget 100 B, from the model\n", err)
    assert run("profile", "budget.elstm", *few, "--budget", "model_size=1MiB")[0] == 0  # the user knows better
    (files / "budget.elstm").write_bytes(
        encode(replace(load_model(files / "small.npz"), provenance={"config": {"budget": {"speed": "high"}}}))
    )
    code, _, err = run("profile", "budget.elstm", *few)
    assert (code, err.count("\n")) == (1, 1)
    assert "budget 'speed': no such figure" in err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_profile_that_is_ended_leaves_nothing_running(files, how):
    script = "import sys; from edgelstm.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-P", "-c", script, "profile", "int8.elstm", "--duration", "10m"]
    parent = subprocess.Popen(command, cwd=files, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        agent = wait_for(lambda: agent_of(parent.pid))
        parent.send_signal(how)
        parent.communicate(timeout=30)
        assert parent.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}[how]
        wait_for(lambda: not Path(f"/proc/{agent}").exists() or "Z" in Path(f"/proc/{agent}/stat").read_text())
    finally:
        parent.kill()
        parent.wait()


def agent_of(parent):
    """The process that measures, once it does."""
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in children.read_text().split():
            if b"edgelstm.devices.profiling.agent" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return None


def wait_for(condition):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("30 s were not enough")


def test_two_profiles_at_once_go_one_after_the_other_or_not_at_all(run):
    with alone(60):
        code, out, err = run("profile", "int8.elstm", "--frames", 10, "--pace", "flat", "--wait", "0.3s")
    assert (code, out) == (1, "")
    assert re.fullmatch(
        rf"edgelstm: another profile is being measured on this machine \(process {os.getpid()}\): waited 0\.3 s .*\n",
        err,
    )


def test_a_report_that_cannot_be_written_leaves_the_old_one(run, tmp_path):
    folder = tmp_path / "report.json"
    folder.mkdir()
    code, _, err = run("profile", "int8.elstm", "--frames", 10, "--pace", "flat", "--output", folder)
    assert code == 2
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_devices_need_numpy_alone():
    """What a board imports: neither click nor any engine."""
    script = (
        "import sys, edgelstm.devices, edgelstm.devices.profiling.agent;"
        "print([name for name in ('click', 'onnx', 'onnxruntime', 'ai_edge_litert', 'edgelstm.model')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_help_has_an_example(run):
    code, out, _ = run("profile", "--help")
    assert code == 0
    assert "Example:" in out
