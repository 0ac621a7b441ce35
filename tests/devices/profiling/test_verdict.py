"""Budgets beside what was found."""

from edgelstm.devices.profiling.budget import FIGURES, Budget
from edgelstm.devices.profiling.verdict import find, judge
from made_up_report import NOT_HERE, REPORT, SPREAD


def test_every_figure_that_a_budget_may_limit_is_found_in_a_run():
    run = REPORT.runs[0]
    found = {name: find(run, name) for name in FIGURES}
    assert found["latency_p99_9"] == found["paced_latency_p99_9"] == SPREAD.p99_9_us
    assert found["soak_latency_max"] == found["pss"] == NOT_HERE
    assert found["start_up"] == 1000 * run.open_ms + run.stream_us
    assert found["deadline_misses"] == 2.0
    assert {name for name, unit in FIGURES.items() if unit == "B"} == {
        "stream_memory", "state_memory", "model_size", "rss", "pss", "peak", "growth"
    }  # fmt: skip


def test_a_given_budget_goes_before_the_models_own():
    verdicts = judge(REPORT.runs[0], [Budget("rss", 1.0)], [Budget("rss", 2.0), Budget("jitter", 9.0)])
    assert [(one.name, one.unit, one.limit, one.source, one.holds) for one in verdicts] == [
        ("rss", "B", 1.0, "the command line", False),
        ("jitter", "µs", 9.0, "the model", True),
    ]


def test_what_nobody_can_tell_was_not_kept():
    (unknown,) = judge(REPORT.runs[0], [Budget("pss", 1e18)], [])
    assert unknown.found == NOT_HERE
    assert not unknown.holds
