"""Reports survive writing and reading, and whatever is wrong in one is named."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.devices.conditions import Conditions
from edgelstm.devices.detect import Board, Cache, Cores
from edgelstm.devices.measure import Latency, Spread
from edgelstm.devices.memory import Memory
from edgelstm.devices.record import Missing
from edgelstm.devices.report import ModelFacts, Report, Run, Stage, parse_report, read_report, write_report

NOT_HERE = Missing("no such file")
SPREAD = Spread(1000, 10.5, 10.0, 11.0, 12.25, 13.0, 99.0)
NOW = Conditions({"cpu0": 1800.0}, "ondemand", {"cpu-thermal": 48.5}, ("throttled",))
REPORT = Report(
    Board(
        name="Raspberry Pi 4",
        known_by="device tree",
        compatible=("raspberrypi,4-model-b",),
        architecture="aarch64",
        kernel_machine="aarch64",
        system=NOT_HERE,
        kernel="Linux 6.1",
        python="3.11.2",
        cores=(Cores("Cortex-A72", 4, 1800.0), Cores(NOT_HERE, 1, NOT_HERE)),
        usable_cores=4,
        memory=4 << 30,
        caches=(Cache("L1d", 32768),),
        instruction_sets=("neon",),
        virtual=NOT_HERE,
        emulated=False,
    ),
    (
        Run(
            model=ModelFacts("m.elstm", 9, "ab", "edgelstm 0.1", "int8", "scalar", 6, 7, 50.0, 768, NOT_HERE),
            input="synthetic",
            open_ms=1.5,
            stream_us=80.0,
            latency=Latency(90.0, SPREAD, SPREAD, 0.5, 0.1),
            stages=(Stage("start", Memory(1 << 20, NOT_HERE, 1 << 21)),),
            growth=-4096,
            before=NOW,
            after=Conditions(NOT_HERE, NOT_HERE, NOT_HERE, ()),
        ),
    ),
)


def test_what_is_written_reads_back(tmp_path):
    path = tmp_path / "report.json"
    write_report(REPORT, path)
    assert read_report(path) == REPORT
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert json.loads(path.read_text())["board"]["system"] == {"available": False, "reason": "no such file"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["version"], 2, "r.json: version 2, expected 1"),
        (["version"], True, "r.json: version True, expected 1"),
        (["runs"], [], "r.json: runs: none, expected at least one"),
        (["runs"], {}, "r.json.runs: '{}', expected a list"),
        (["runs", 0, "latency", "steady", "p50_us"], "fast", "steady.p50_us: 'fast', expected a number"),
        (["runs", 0, "latency", "steady", "p50_us"], 1e3, "r.json.runs[0].latency.steady: percentiles"),
        (["runs", 0, "latency", "steady", "frames"], 1.5, "frames: '1.5', expected a whole number"),
        (["runs", 0, "latency", "steady", "frames"], 0, "frames: 0, expected at least 1"),
        (["runs", 0, "latency", "first_us"], 10**400, "expected a finite number"),
        (["runs", 0, "latency", "first_us"], True, "first_us: 'True', expected a number"),
        (["runs", 0, "latency", "first_us"], {"available": False, "reason": "no"}, "first_us: "),
        (["runs", 0, "growth"], {"available": False}, "growth.reason: 'None', expected text"),
        (["runs", 0, "growth"], {"available": True}, "growth: "),
        (["runs", 0, "before", "temperature_c"], {"zone": "hot"}, "temperature_c['zone']: 'hot', expected a number"),
        (["board", "cores", 0, "count"], None, "board.cores[0].count: 'None', expected a whole number"),
        (["board", "virtual"], 1, "board.virtual: '1', expected true or false"),
        (["board", "nmae"], "x", "r.json.board: unknown field 'nmae', perhaps 'name'"),
    ],
)
def test_a_wrong_field_is_named(path, value, expected):
    fields = copy.deepcopy(REPORT.to_json())
    *parents, last = path
    owner = fields
    for step in parents:
        owner = owner[step]
    owner[last] = value
    with pytest.raises(ValueError, match=r"^r\.json[^\n]*$") as caught:
        parse_report(json.dumps(fields), "r.json")
    assert expected in str(caught.value)


def test_every_field_is_needed():
    def without_each(value, path=()):
        """(path, a copy of the report less the field at `path`) for each field that is no figure's reason."""
        if (
            isinstance(value, dict)
            and "available" not in value
            and path[-1:] not in [("clock_mhz",), ("temperature_c",)]
        ):
            for key in value:
                yield (*path, key)
                yield from without_each(value[key], (*path, key))
        elif isinstance(value, list):
            for n, item in enumerate(value):
                yield from without_each(item, (*path, n))

    paths = list(without_each(REPORT.to_json()))
    assert len(paths) > 60
    for path in paths:
        fields = copy.deepcopy(REPORT.to_json())
        owner = fields
        for step in path[:-1]:
            owner = owner[step]
        del owner[path[-1]]
        with pytest.raises(ValueError, match=r"no field|no profile report"):
            parse_report(json.dumps(fields), "r.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", "NaN", "[" * 100_000, b"\xff\xfe", '{"version": 1}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(ValueError, match=r"^r\.json[^\n]*$"):
        parse_report(text, "r.json")


@settings(max_examples=200)
@given(st.data())
def test_a_changed_report_reads_or_is_refused_in_one_line(data):
    fields = REPORT.to_json()
    owner = fields
    while True:
        keys = list(owner) if isinstance(owner, dict) else range(len(owner))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(owner[key], dict | list) or not owner[key] or data.draw(st.booleans()):
            break
        owner = owner[key]
    owner[key] = data.draw(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        )
    )
    problem = "r.json"
    try:
        report = parse_report(json.dumps(fields), "r.json")
        assert parse_report(json.dumps(report.to_json()), "r.json") == report
    except ValueError as error:
        problem = str(error)
    assert problem.startswith("r.json")
    assert "\n" not in problem
