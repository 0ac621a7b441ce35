"""Times and sizes, as they are written and as they are shown."""

import pytest

from edgelstm.devices.units import (
    NONE,
    parse_duration,
    parse_size,
    parse_time,
    show_decimal,
    show_duration,
    show_figure,
    show_hertz,
    show_number,
    show_rate,
    show_size,
    show_time,
)
from edgelstm.records import Unavailable


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (parse_time, "800us", 800),
        (parse_time, "800µs", 800),
        (parse_time, "2ms", 2000),
        (parse_time, "1.5s", 1_500_000),
        (parse_size, "768B", 768),
        (parse_size, "4KiB", 4096),
        (parse_size, "20MiB", 20 * 1024 * 1024),
        (parse_duration, "90s", 90),
        (parse_duration, "10m", 600),
        (parse_duration, "1h", 3600),
    ],
)
def test_quantities(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize("read", [parse_time, parse_size, parse_duration])
@pytest.mark.parametrize(
    "text",
    ["", "2", "ms", "-2ms", "2 ms", "2ms ", "1e3ms", "2MS", ".5s", "5.s", "٢s", "2kB", "1" * 16 + "s", "2ms\n"],
)
def test_a_quantity_is_a_number_and_its_unit_and_nothing_else(read, text):
    with pytest.raises(ValueError, match="expected a "):
        read(text)


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (show_time, 0.0, "0.00 µs"),
        (show_time, 4.123, "4.12 µs"),
        (show_time, 35.04, "35.0 µs"),
        (show_time, 999.4, "999 µs"),
        (show_time, 999.6, "1.00 ms"),
        (show_time, 1_200.0, "1.20 ms"),
        (show_time, -2_000_000.0, "-2.00 s"),
        (show_time, 1e300, "1e+294 s"),
        (show_size, 1234, "1,234 B"),
        (show_size, -4096, "-4,096 B"),
        (show_size, 10_000, "9.8 KiB"),
        (show_size, 40_580_000, "38.7 MiB"),
        (show_size, 1e300, "1e+300 B"),
        (show_number, 12345, "12,345"),
    ],
)
def test_three_digits_and_the_unit_that_suits(show, value, text):
    assert show(value) == text


def test_what_could_not_be_had_is_a_dash():
    nothing = Unavailable("no sensor")
    assert [show(nothing) for show in (show_time, show_size, show_number)] == [NONE] * 3
    assert show_decimal(nothing, 1) == show_figure(nothing, "µs") == NONE
    assert show_figure(1200.0, "µs") == "1.20 ms"
    assert show_figure(1200.0, "B") == "1,200 B"
    assert show_figure(3, "") == "3"


@pytest.mark.parametrize(("parse", "show"), [(parse_time, show_time), (parse_size, show_size)])
@pytest.mark.parametrize("number", [1, 20, 333])
def test_what_is_shown_can_be_written(parse, show, number):
    for unit in ("ms",) if parse is parse_time else ("KiB", "MiB"):
        value = parse(f"{number}{unit}")
        assert parse(show(value).replace(" ", "").replace(",", "")) == value


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (show_duration, 0.0012, "1.20 ms"),
        (show_duration, 35, "35.0 s"),
        (show_duration, 600, "10.0 min"),
        (show_duration, 356_400, "4.12 days"),
        (show_duration, 36_000, "10.0 h"),
        (show_rate, 50, "50 frames per second"),
        (show_rate, 1, "1 frame per second"),
        (show_rate, 16_000, "16,000 frames per second"),
        (show_rate, 119.88, "119.9 frames per second"),
        (show_rate, 1 / 3600, "a frame every 60.0 min"),
        (show_rate, 0.1, "a frame every 10.0 s"),
        (show_hertz, 50, "50 Hz"),
        (show_hertz, 0.5, "0.5 Hz"),
        (show_hertz, 1 / 86_400, "every 24.0 h"),
        (show_hertz, 12_345.6, "12,346 Hz"),
    ],
)
def test_rates_and_what_people_wait_for(show, value, text):
    assert show(value) == text
