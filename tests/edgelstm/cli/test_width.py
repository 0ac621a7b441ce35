"""Help, prose and tables stay within 80 columns on machines, models and files with long names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from edgelstm.cli import COMMANDS
from edgelstm.cli.show import text
from edgelstm.devices import Board, Plan, Report, detect
from edgelstm.devices.boards.profile import boards
from edgelstm.devices.deploy.settings import Settings
from edgelstm.devices.profiling.here import profile_here
from edgelstm.devices.profiling.report import Skipped
from edgelstm.export.elstm import encode
from edgelstm.model_file import save_model
from edgelstm.records import Unavailable
from random_models import random_model

PROCESSOR = "Intel(R) Xeon(R) Platinum 8581C Processor @ 2.90GHz of a very long name"
LONG = "the-model-of-the-third-floors-east-wings-vibration-sensor"


def too_wide(shown: str) -> list[str]:
    """Lines of more than 80 columns that could have been broken: none of their words is as wide by itself."""
    return [
        line
        for line in click.unstyle(shown).splitlines()
        if len(line) > text.WIDTH and len(line) - len(line.lstrip()) + max(map(len, line.split())) <= text.WIDTH
    ]


@pytest.fixture
def machine(tmp_path: Path) -> Board:
    """A machine whose processors, system and clock governors take room."""
    cpuinfo = "".join(
        f"processor\t: {n}\nmodel name\t: {PROCESSOR}{n % 2}\nflags\t: fma avx2 hypervisor\n\n" for n in range(128)
    )
    for name, content in {
        "proc/cpuinfo": cpuinfo,
        "proc/meminfo": "MemTotal: 1056964608 kB\n",
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie) of a spin with a long name"\n',
    }.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(content)
    return detect(tmp_path / "root", machine="x86_64", bits=64)


@pytest.fixture
def here(machine: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process takes itself for one that runs there."""
    monkeypatch.setattr("edgelstm.devices.detect", lambda: machine)
    monkeypatch.setattr("edgelstm.devices.predict.prediction.detect", lambda: machine)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model's file under a long name, with long names of all that has one."""
    folder = tmp_path_factory.mktemp("width")
    model = replace(
        random_model(12, [24, 16], [8, 9]),
        name=LONG,
        feature_names=tuple(f"acceleration of the {n}th bearing" for n in range(12)),
        labels=tuple(f"the {n}th state of the machine" for n in range(9)),
    )
    save_model(model, folder / f"{LONG}.npz")
    (folder / f"{LONG}.elstm").write_bytes(encode(model))
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    plan = Plan(frames=500, paced_seconds=0.1, budget=("latency_p99=10s", "rss=1B"))
    return profile_here(folder / f"{LONG}.elstm", plan)


def test_help(command: Callable[..., Any]) -> None:
    assert not too_wide(command("--help").out)
    for name in COMMANDS:
        assert not too_wide(command(name, "--help").out), name


@pytest.mark.usefixtures("here")
def test_boards(command: Callable[..., Any]) -> None:
    ended = command("boards")
    assert PROCESSOR.split()[0] in ended.out
    assert not too_wide(ended.out)
    for one in boards():
        assert not too_wide(command("boards", one.id).out), one.id


@pytest.mark.usefixtures("here")
def test_prediction(command: Callable[..., Any], folder: Path) -> None:
    for one in boards():
        ended = command("profile", folder / f"{LONG}.elstm", "--predict", one.id)
        assert ended.code == 0
        assert PROCESSOR.split()[0] in ended.out
        assert not too_wide(ended.out), one.id


@pytest.mark.parametrize("count", [1, 2])
def test_profile(report: Report, machine: Board, count: int) -> None:
    from edgelstm.cli.show.profile import breaches, table

    skipped = (Skipped(f"{LONG}.tflite", "needs LiteRT, which is not installed: pip install ai-edge-litert"),)
    one = replace(report, board=machine, skipped=skipped)
    soaked = replace(one.runs[0], latency=replace(one.runs[0].latency, soak=one.runs[0].latency.steady))
    one = replace(one, runs=(soaked, replace(soaked, input=f"{LONG}-frames.csv: 123,456 frames")))
    shown = table([one] * count, columns=80)
    assert PROCESSOR.split()[0] in shown
    assert "soaking" in shown
    assert not too_wide(shown)
    assert "latency_p99" in shown
    assert not too_wide("\n".join(text.paragraph(line) for line in breaches([one] * count)))


@pytest.mark.slow
def test_export_and_what_reads_its_files(command: Callable[..., Any], folder: Path) -> None:
    assert not too_wide(command("export", "--list").out)
    source = folder / f"{LONG}.npz"
    ended = command("export", source, "--format", "all")
    assert ended.code == 0, ended.err
    assert not too_wide(ended.out.partition("Next:")[0])
    for path in sorted(folder.glob("*")):
        if path.suffix in (".npz", ".elstm", ".onnx", ".tflite"):
            assert not too_wide(command("inspect", path).out), path.suffix
    assert not too_wide(command("verify", folder / f"{LONG}-int8.elstm", "--against", source).out)


def test_deployments(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from edgelstm.devices.deploy.deployment import Status

    words = ("mosquitto_sub", "-h", "broker.of.the.building", "-t", "sensors/third-floor/east-wing/vibration")
    settings = Settings("m.elstm", "", source_command=words)
    status = Status(
        name=LONG[:48],
        current="20250101-000000-abcdef",
        versions=tuple(f"2025010{n}-000000-abcdef" for n in range(1, 8)),
        settings=settings,
        systemd=True,
        problem="the device has gone",
        active="failed",
        state="exit-code",
        restarts="1234",
        since="Wed 2025-01-01 00:00:00 UTC",
        linger=False,
        run="/home/pi/.local/share/edgelstm/name/current/run",
    )
    other = replace(status, systemd=False, problem="no systemd", settings=Unavailable("the file is not readable"))
    monkeypatch.setattr("edgelstm.devices.deploy.deployment.status", lambda _: (status, other))
    ended = command("deploy", "--board", "pi", "--status")
    assert ended.out.count(LONG[:48]) >= 2
    assert not too_wide(ended.out)


@pytest.mark.parametrize(("classes", "is_shown"), [(2, True), (7, True), (12, True), (40, False)])
@pytest.mark.parametrize(
    "label", ["the {}th state of the machine on the third floor", "Zustand {} 三階の機械の状態について"]
)
def test_evaluations_of_long_labels(classes: int, is_shown: bool, label: str) -> None:
    """Each label is told apart in a table by its beginning, and whole in JSON."""
    from edgelstm.cli.show.evaluation import tables
    from edgelstm.judging import Decisions

    labels = tuple(label.format(n) for n in range(classes))
    confusion = np.full((classes, classes), 12)
    found = [Decisions(name, False, labels, confusion) for name in ("float32", "int8 per-row", "int8 per-gate")]
    shown = tables(found)
    assert max(map(text.width_of, shown.splitlines())) <= text.WIDTH
    begin = label[: label.index("{}")]
    for n in range(classes):
        assert shown.count(f"{begin}{n}") >= 2 + is_shown
    assert ("true, decided as" in shown) is is_shown
    assert tuple(found[0].to_json()["recall"]) == labels


def test_errors_of_long_outputs_keep_their_units() -> None:
    from edgelstm.cli.show.evaluation import tables
    from edgelstm.judging import Errors

    outputs = tuple(f"acceleration of the {n}th bearing in the third floor's machine" for n in range(3))
    ones = np.ones(3)
    found = Errors(
        "float32",
        False,
        outputs,
        ("m/s^2", "rpm", "degC"),
        np.ones(3, np.int64),
        ones,
        {"persistence": ones},
        ones,
        ones,
    )
    shown = tables([found, replace(found, precision="int8 per-row"), replace(found, precision="int8 per-gate")])
    assert max(map(len, shown.splitlines())) <= text.WIDTH
    assert shown.count(" [rpm]") == 2  # RMSE and MAE


def test_a_paragraph_breaks_at_spaces_and_never_in_a_word() -> None:
    words = ["a" * n for n in range(1, 40)]
    shown = text.paragraph(" ".join(words), "first: ", "       ")
    assert shown.split() == ["first:", *words]
    assert max(map(len, shown.splitlines())) <= 80
    assert text.paragraph("x" * 100, "- ", "  ") == "- " + "x" * 100
    assert text.paragraph("") == ""


def test_a_table_gives_a_wide_name_a_line_to_itself() -> None:
    rows = [(f"{LONG}.elstm", *["1,234.5 µs"] * 3), ("short", *["1.0 µs"] * 3)]
    shown = text.table(("file", "p50", "p99", "max"), rows)
    header, name, figures, short = shown.splitlines()
    assert name.strip() == f"{LONG}.elstm"
    assert len(header) == len(figures) == len(short) <= 80
    assert text.table(("file", "p50"), [("a", "1")]).splitlines() == ["  file  p50", "  a       1"]
