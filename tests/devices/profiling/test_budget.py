"""Limits as people write them."""

import pytest

from edgelstm.devices.profiling.budget import FIGURES, Budget, model_budget, parse_budget, read_budget


def test_a_limit_is_in_its_figures_unit():
    assert parse_budget("latency_p99=1.5ms") == Budget("latency_p99", 1500.0)
    assert parse_budget("rss=4KiB") == Budget("rss", 4096.0)
    assert parse_budget("deadline_misses=0") == Budget("deadline_misses", 0.0)


def test_every_figure_may_stand_in_a_table():
    limits = {"µs": "1.5ms", "B": "4KiB", "": 3}
    expected = {"µs": 1500.0, "B": 4096.0, "": 3.0}
    table = {name: limits[unit] for name, unit in FIGURES.items()}
    assert read_budget(table) == [Budget(name, expected[unit]) for name, unit in FIGURES.items()]


def test_a_model_without_a_budget_has_none():
    assert model_budget({}) == model_budget({"provenance": {"config": {"budget": {}}}}) == []


@pytest.mark.parametrize("table", [3, [], {"rss": 1.5}, {"rss": True}, {"rss": "1"}, {"rsss": "1B"}, {"peak": None}])
def test_a_models_budget_that_is_none_is_refused(table):
    with pytest.raises(ValueError, match=r"^metadata\.provenance\.config: budget[^\n]*$"):
        model_budget({"provenance": {"config": {"budget": table}}})
