"""A plan survives its way to the agent, and what makes no sense is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.devices.profiling.plan import Plan


@given(
    st.builds(
        Plan,
        frames=st.integers(1, 10**9),
        seconds=st.floats(1e-3, 1e5),
        pace=st.sampled_from(["both", "paced"]),
        rate=st.none() | st.floats(1e-3, 1e6),
        duration=st.floats(0, 1e5),
        core=st.none() | st.integers(0, 100),
        data=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        budget=st.lists(st.sampled_from(["latency_p99=2ms", "rss=20MiB", "deadline_misses=0"])).map(tuple),
    )
)
def test_a_plan_is_one_argument_that_reads_back(plan):
    argument = plan.to_argument()
    assert "\n" not in argument
    assert "\0" not in argument
    assert Plan.from_argument(argument) == plan


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"frames": 0}, "frames: 0, expected 1 to"),
        ({"seconds": 0.0}, "seconds: 0.0, expected more than 0"),
        ({"seconds": float("nan")}, "seconds: nan"),
        ({"warm_up": 0}, "warm_up: 0"),
        ({"pace": "slow"}, "pace: 'slow', expected one of both, flat, paced"),
        ({"rate": -1.0}, "rate: -1.0"),
        ({"rate": 50.0, "pace": "flat"}, "rate: 50 with pace flat"),
        ({"duration": 1e9}, "duration: 1000000000.0"),
        ({"core": -1}, "core: -1"),
        ({"threads": 0}, "threads: 0, expected 1 to 64"),
        ({"threads": 2, "core": 0}, "threads: 2, expected 1 with core"),
        ({"budget": ("latency=2ms",)}, "budget 'latency': no such figure, perhaps 'latency_"),
        ({"budget": ("xyz=2ms",)}, "budget 'xyz': no such figure, expected one of latency_p50,"),
        ({"budget": ("rss",)}, "budget 'rss': expected NAME=LIMIT"),
        ({"budget": ("rss=20",)}, "budget rss: '20', expected a size such as"),
        ({"budget": ("rss=20MB",)}, "budget rss: '20MB', expected a size such as"),
        ({"budget": ("latency_p99=2 ms",)}, "budget latency_p99: '2 ms', expected a time such as"),
        ({"budget": ("deadline_misses=none",)}, "budget deadline_misses: 'none', expected a whole number"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(fields, expected):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        Plan(**fields)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "plan: no JSON"),
        ("[]", "plan: a list of 0, expected an object"),
        ("[" * 100_000, "plan: no JSON"),
        (
            json.dumps({**json.loads(Plan().to_argument()), "frames": "many"}),
            "plan: frames: 'many', expected a",
        ),
        (json.dumps({**json.loads(Plan().to_argument()), "frames": 0}), "plan: frames: 0"),
        (json.dumps({**json.loads(Plan().to_argument()), "speed": 1}), "plan: unknown field 'speed'"),
    ],
)
def test_an_argument_that_is_no_plan_is_refused(text, expected):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        Plan.from_argument(text)
    assert str(caught.value).startswith(expected)
