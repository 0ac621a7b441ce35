"""The page: what it holds, that it needs nothing from elsewhere, and that a hostile report cannot write on it."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.devices import Plan
from edgelstm.devices.profiling.here import profile_here
from edgelstm.devices.profiling.page import page
from edgelstm.devices.profiling.report import Report, Skipped, parse_report
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model, Normalize
from edgelstm.page.markup import Markup, tag
from edgelstm.records import Unavailable
from pages import Page


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A real profile of a small model, with a short soak."""
    rng = np.random.default_rng(0)
    lstm = LSTM(rng.normal(size=(32, 3)), rng.normal(size=(32, 8)), rng.normal(size=32))
    head = (Dense(np.ones((2, 8)), np.zeros(2)),)
    model = Model(Normalize(np.zeros(3), np.ones(3)), (lstm, *head), sample_rate=200.0)
    path = tmp_path_factory.mktemp("page") / "small.elstm"
    path.write_bytes(encode(model))
    budget = ("latency_p99=10s", "rss=1KiB", "paced_latency_p99_9=1s")
    return profile_here(path, Plan(frames=2000, paced_seconds=0.3, duration=1.2, budget=budget))


def test_one_page_that_needs_nothing_else(report):
    text = page([report])
    reader = Page(text)
    names = {name for name, _ in reader.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}
    assert not re.search(r"url\(|@import|https?:|src=|href=|\bon\w+=", text)
    metas = [attributes for name, attributes in reader.elements if name == "meta"]
    assert {"charset": "utf-8"} in metas
    assert any(meta.get("name") == "viewport" and "width=device-width" in meta["content"] for meta in metas)
    assert any("default-src 'none'" in meta.get("content", "") for meta in metas)
    assert "prefers-color-scheme: dark" in text
    assert "NaN" not in text
    assert "Infinity" not in text


def test_the_figures_are_there(report):
    reader = Page(page([report]))
    (run,) = report.runs
    text = reader.text
    for expected in (
        "small.elstm",
        run.model.engine,
        report.board.name,
        f"{run.latency.flat.spread.frames:,}",
        f"{run.latency.soak.spread.frames:,}",
        "Latency distribution",
        "Latency over time",
        "Memory by stage",
        "Memory over time",
        "200 Hz",
        "kept",
        "broken",
        "unknown: ",
    ):
        assert expected in text, expected
    for stage in run.stages:
        assert stage.name in text
    assert reader.count("svg") >= 5
    areas = [attributes for name, attributes in reader.elements if "area" in attributes.get("class", "")]
    assert len(areas) > 10


def test_a_figure_stands_under_its_own_heading(report):
    """The summary: p50 flat out under p50, the engine under engine."""
    text = page([report])
    first = text[text.index("<table>") : text.index("</table>")]
    header = re.findall(r"<th scope=\"col\">(.*?)</th>", first)
    (row,) = re.findall(r"<tr><th scope=\"row\">.*?</tr>", first)
    cells = ["", *re.findall(r"<td>(.*?)</td>", row)]
    assert len(header) == len(cells)
    found = dict(zip(header, cells))
    (run,) = report.runs
    assert found["engine"] == run.model.engine
    assert found["precision"] == "float32"
    assert found["missed"] == f"{run.latency.paced.pacing.misses} of {run.latency.paced.spread.frames}"
    assert found["p50"].endswith("µs")
    assert float(found["p50"].split()[0]) == pytest.approx(run.latency.flat.spread.p50_us, abs=0.05)


def test_the_course_shows_a_rise(report):
    """Temperature and clock of a made-up soak that heats: the line rises, the other falls."""
    (run,) = report.runs
    soak = run.latency.soak
    hour = []
    for minute in range(60):
        point = soak.intervals[0]
        conditions = replace(
            point.moment.conditions,
            temperature_c={"cpu-thermal": 45.0 + minute / 2},
            clock_mhz={"cpu0": 1000.0 - 5 * minute},
            throttling=("soft temperature limit",) if minute > 40 else (),
        )
        hour.append(replace(point, end_s=60.0 * (minute + 1), moment=replace(point.moment, conditions=conditions)))
    hot = replace(run, latency=replace(run.latency, soak=replace(soak, seconds=3600.0, intervals=tuple(hour))))
    text = page([replace(report, runs=(hot,))])
    assert "74.5" in text  # the hottest
    assert "soft temperature limit" in text
    lines = {}
    for figure in re.findall(r"<figure>.*?</figure>", text):
        if points := re.search(r'points="([^"]*)"', figure):
            heights = [float(pair.split(",")[1]) for pair in points[1].split()]
            lines[re.search(r"<figcaption>(.*?)</figcaption>", figure)[1]] = heights
    heat, clock = lines["Temperature, soak"], lines["Clock, soak"]
    assert heat == sorted(heat, reverse=True)  # y grows downwards
    assert heat[0] > heat[-1] + 50
    assert clock == sorted(clock)
    assert re.search(r">60 min<", text)


def test_several_boards_stand_side_by_side(report):
    other = replace(
        report,
        board=replace(report.board, name="Raspberry Pi Zero 2 W", emulated=True),
        skipped=(Skipped("big.onnx", "needs onnxruntime"),),
    )
    text = Page(page([report, other, other])).text
    assert f"small.elstm · {report.board.name}" in text
    assert "Raspberry Pi Zero 2 W is emulated: its times mean nothing" in text
    assert "small.elstm · Raspberry Pi Zero 2 W · " in text  # twice the same board: told apart by when
    assert text.count("(emulated)") >= 2
    assert "big.onnx on Raspberry Pi Zero 2 W was not measured: needs onnxruntime" in text
    assert "is emulated" not in Page(page([report])).text


EVIL = "</style><script>alert(1)</script><img src=x onerror='x'>\"'&amp;"


def test_no_text_of_a_report_is_read_as_html(report):
    """Every free text of the report is HTML: the page has the same elements as with the real ones."""

    def poisoned(value, key=""):
        if isinstance(value, str):
            return value if key in ("measured_at", "unit", "pooling") else EVIL
        if isinstance(value, dict):
            return {name: poisoned(item, name) for name, item in value.items()}
        return [poisoned(item) for item in value] if isinstance(value, list) else value

    fields = report.to_json()
    evil = poisoned(fields)
    for board in (fields, evil):
        board["runs"][0]["after"]["temperature_c"] = {EVIL: 1.0}
    assert json.dumps(evil).count("alert(1)") > 40
    found, expected = (Page(page([parse_report(json.dumps(one), "r.json")])) for one in (evil, fields))
    assert [(name, set(attributes)) for name, attributes in found.elements] == [
        (name, set(attributes)) for name, attributes in expected.elements
    ]
    assert "alert(1)" in found.text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_figures_a_report_holds_there_is_a_page(report, data):
    """Numbers at the edges of their types, in a report that reading accepts."""
    fields = report.to_json()

    def numbers(value, path=()):
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield path
        elif isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from numbers(item, (*path, key))

    paths = list(numbers(fields))
    for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=6)):
        owner = fields
        for step in path[:-1]:
            owner = owner[step]
        owner[path[-1]] = data.draw(
            st.sampled_from([0, -1, 1, 1e-300, 1e299, -1e299, 2**62, -(2**62), 10**18]) | st.floats(0, 1e6)
        )
    try:
        read = parse_report(json.dumps(fields), "r.json")
    except ValueError:
        return
    text = page([read])
    Page(text)
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL))


def test_markup_escapes_what_is_no_markup():
    assert tag("p", "<b>", Markup("<i>x</i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i>x</i></p>'


def test_a_report_with_little_in_it_has_a_page_too(report):
    (run,) = report.runs
    nothing = Unavailable("not asked for")
    bare = replace(
        run,
        latency=replace(run.latency, paced=nothing, soak=nothing, flat=replace(run.latency.flat, intervals=())),
        stages=run.stages[:1],
        budget=(),
    )
    text = Page(page([Report(report.measured_at, report.board, (bare,), ())])).text
    assert "Budgets" not in text
    assert "over time" not in text
