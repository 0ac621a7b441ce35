"""Reports survive writing and reading, and whatever is wrong in one is named."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.devices.profiling.report import parse_report, read_report, write_report
from made_up_report import REPORT


def test_what_is_written_reads_back(tmp_path):
    path = tmp_path / "report.json"
    write_report(REPORT, path)
    assert read_report(path) == REPORT
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert json.loads(path.read_text())["board"]["system"] == {"available": False, "reason": "no such file"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["version"], 1, "r.json: version 1, expected 2"),
        (["version"], True, "r.json: version True, expected 2"),
        (["measured_at"], "noon", "r.json: measured_at: 'noon', expected a time as ISO 8601 has it"),
        (["runs"], [], "r.json: runs: none, expected at least one"),
        (["runs"], {}, "r.json: runs: an object of 0, expected a list"),
        (["runs", 0, "latency", "warm_up", "p50_us"], "fast", "warm_up.p50_us: 'fast', expected a number"),
        (["runs", 0, "latency", "warm_up", "p50_us"], 1e3, "r.json: runs[0].latency.warm_up: percentiles"),
        (["runs", 0, "latency", "warm_up", "frames"], 1.5, "frames: 1.5, expected a whole number"),
        (["runs", 0, "latency", "warm_up", "frames"], 0, "frames: 0, expected at least 1"),
        (["runs", 0, "latency", "first_us"], 10**400, "expected a finite number"),
        (["runs", 0, "latency", "first_us"], True, "first_us: true, expected a number"),
        (["runs", 0, "latency", "first_us"], {"available": False, "reason": "no"}, "first_us: "),
        (["runs", 0, "latency", "flat", "spread", "frames"], 7, "latency.flat: distribution: 1000 times, expected 7"),
        (["runs", 0, "latency", "flat", "distribution", "counts"], [999], "distribution: from_us, to_us, counts: of"),
        (
            ["runs", 0, "latency", "flat", "distribution", "from_us"],
            [9, 9],
            "distribution: from_us, to_us, counts: e",
        ),
        (["runs", 0, "latency", "paced", "pacing", "slow"], 3, "paced.pacing: rate 50.0, misses 2, slow 3"),
        (["runs", 0, "stages"], [], "runs[0]: stages: none"),
        (["runs", 0, "budget", 0, "limit"], "2ms", "budget[0].limit: '2ms', expected a number"),
        (["runs", 0, "growth"], {"available": False}, "growth.reason: null, expected text"),
        (["runs", 0, "growth"], {"available": True}, "growth: "),
        (["runs", 0, "before", "temperature_c"], {"zone": "hot"}, "temperature_c['zone']: 'hot', expected a number"),
        (["board", "cores", 0, "count"], None, "board.cores[0].count: null, expected a whole number"),
        (["board", "virtual"], 1, "board.virtual: 1, expected true or false"),
        (["board", "nmae"], "x", "r.json: board: unknown field 'nmae', perhaps 'name'"),
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


def test_one_part_at_least_was_measured():
    fields = copy.deepcopy(REPORT.to_json())
    for part in ("flat", "paced"):
        fields["runs"][0]["latency"][part] = {"available": False, "reason": "not asked for"}
    with pytest.raises(ValueError, match="flat and paced: neither was measured"):
        parse_report(json.dumps(fields), "r.json")


def test_every_field_is_needed():
    def without_each(value, path=()):
        """(path, a copy of the report less the field at `path`) for each field that is no figure's reason."""
        if (
            isinstance(value, dict)
            and "available" not in value
            and path[-1:] not in [("clock_mhz",), ("temperature_c",), ("power_w",)]
        ):
            for key in value.keys() - {"agrees", "answer", "sharing"}:  # reports of before have none
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
