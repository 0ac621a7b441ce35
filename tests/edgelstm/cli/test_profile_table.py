"""The table of profiles: boards and models side by side, as wide as the screen."""

import re
from dataclasses import replace

import click
import numpy as np
import pytest

from edgelstm.cli.show.profile import breaches, table
from edgelstm.devices import Plan, Unavailable
from edgelstm.devices.profiling import sharing
from edgelstm.devices.profiling.here import profile_here
from edgelstm.devices.profiling.histogram import Distribution
from edgelstm.devices.profiling.report import Report, Skipped
from edgelstm.devices.profiling.sharing import Sharing
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model, Normalize
from random_models import random_model


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    rng = np.random.default_rng(0)
    lstm = LSTM(rng.normal(size=(16, 2)), rng.normal(size=(16, 4)), rng.normal(size=16))
    head = (Dense(np.ones((2, 4)), np.zeros(2)),)
    model = Model(Normalize(np.zeros(2), np.ones(2)), (lstm, *head), sample_rate=100.0)
    path = tmp_path_factory.mktemp("table") / "tiny.elstm"
    path.write_bytes(encode(model))
    made = profile_here(path, Plan(frames=2000, paced_seconds=0.1, budget=("latency_p99=10s", "rss=1B")))
    return replace(made, board=replace(made.board, name="Raspberry Pi 4B"))


def test_boards_stand_side_by_side(report):
    other = replace(report, board=replace(report.board, name="Raspberry Pi 5", emulated=True))
    text = table([report, other])
    assert text.count("tiny.elstm") >= 2
    assert re.search(r"Raspberry Pi 4B +Raspberry Pi 5$", text, re.MULTILINE)
    assert text.count("EMULATED: times mean nothing") == 1
    assert "EMULATED" not in table([report])
    assert "EMULATED" not in table([replace(report, board=replace(report.board, emulated=Unavailable("no /proc")))])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_columns_go_on_below_where_the_screen_ends(report, count, columns):
    runs = tuple(
        replace(report.runs[0], budget=(), model=replace(report.runs[0].model, file=f"m{n}.elstm"))
        for n in range(count)
    )
    lines = table([replace(report, runs=runs)], columns).splitlines()
    blocks = [line for line in lines if re.search(r"m\d\.elstm$", line)]
    assert re.findall(r"m(\d)\.elstm", " ".join(blocks)) == [str(n) for n in range(count)]
    measured = [line for line in lines if re.match("  p50 ", line)]
    assert len(measured) == len(blocks)
    assert all(len(line) <= max(columns, 80) for line in measured + blocks)


def test_threads_that_share_a_frame_stand_beside_one(tmp_path, monkeypatch):
    pytest.importorskip("edgelstm.runtime._step")
    monkeypatch.setattr(sharing, "SECONDS", 0.001)
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(random_model(4, [130], [2], frames=20)))
    report = profile_here(path, Plan(frames=20, pace="flat", threads=3))
    found = report.runs[0].sharing
    assert isinstance(found, Sharing)
    assert found.threads == 3
    assert re.search(r"\n  3 threads, 1 in turns +[\d.]+ [µm]s, [\d.]+ [µm]s\n", table([report]))
    assert Report.from_json(report.to_json()) == report
    assert Sharing(2, 5.0, 8.0).words == "2, 1.60 times as fast as one"
    assert Sharing(2, 5.0, 4.0).words == "2, one is 1.25 times as fast"


def test_what_is_missing_is_a_dash_and_never_0(report):
    run = report.runs[0]
    bare = replace(
        run,
        growth=Unavailable("no /proc"),
        latency=replace(run.latency, paced=Unavailable("not asked for")),
        model=replace(run.model, stream_bytes=Unavailable("?"), state_bytes=Unavailable("?")),
    )
    text = table([replace(report, runs=(bare,), skipped=(Skipped("m.onnx", "needs onnxruntime"),))])
    assert re.search(r"growth after warm-up +–$", text, re.MULTILINE)
    assert re.search(r"one stream, its state +–, –$", text, re.MULTILINE)
    assert "100 Hz" not in text
    assert "m.onnx: not measured: needs onnxruntime" in text


def test_a_broken_budget_names_the_board_where_there_are_several(report):
    other = replace(report, board=replace(report.board, name="Raspberry Pi 5"))
    assert len(breaches([report])) == 1
    assert breaches([report, other])[1].startswith("tiny.elstm on Raspberry Pi 5: rss ")
    assert "✓ tiny.elstm: latency_p99 " in click.unstyle(table([report]))


def with_paced(report, frames, rate):
    """`report` with so many frames paced at such a rate."""
    run = report.runs[0]
    paced = run.latency.paced
    spread = replace(paced.spread, frames=frames, p99_us=Unavailable("few"), p99_9_us=Unavailable("few"))
    counts = Distribution((1.0,), (1e6,), (frames,))
    paced = replace(paced, spread=spread, distribution=counts, intervals=(), pacing=replace(paced.pacing, rate=rate))
    return replace(report, runs=(replace(run, latency=replace(run.latency, paced=paced)),))


def test_a_handful_of_frames_has_no_percentiles(report):
    lines = table([with_paced(report, 2, 1.0)]).splitlines()
    for name in ("p50", "p90"):
        (line,) = (line for line in lines if line.startswith(f"  {name} "))
        assert re.search(r"µs +–$", line)
    assert re.search(r"  frames +2,000 +2$", "\n".join(lines), re.MULTILINE)


@pytest.mark.parametrize(
    ("rate", "title"), [(1.0, "1 Hz"), (1 / 3600, "every 60.0 min"), (1 / 86_400, "every 24.0 h")]
)
def test_rates_of_any_size_have_their_own_column(report, rate, title):
    assert re.search(rf"a frame +flat out +{title}$", table([with_paced(report, 2, rate)]), re.MULTILINE)
