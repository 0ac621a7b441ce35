"""How a report's numbers are written."""

from __future__ import annotations

from edgelstm.judging import Figure
from edgelstm.report.record import Result

NONE = "–"
_DURATIONS = ((2 * 86_400.0, "days", 86_400.0), (7200.0, "h", 3600.0), (180.0, "min", 60.0), (0.0, "s", 1.0))


def show(figure: Figure) -> str:
    """Its value with its unit, or why there is none."""
    if figure.value is None:
        return figure.why or NONE
    return share(figure.value) if figure.is_share else with_unit(number(figure.value), figure.unit)


def share(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f} %"


def small_share(value: float | None) -> str:
    """Of what is rare: three digits, however small."""
    return NONE if value is None else f"{100 * value:.3g} %"


def number(value: float | None) -> str:
    """Four digits; whole numbers whole."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.4g}"


def with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit and text != NONE else text


def way(result: Result) -> str:
    """How it came about: float32, or int8 per-row, streamed."""
    return f"{result.precision}, streamed" if result.streamed else result.precision


def sign(symbol: str) -> str:
    """A symbol of a text such that it can be seen."""
    return {" ": "␣", "\n": "↵\n", "\t": "⇥", "": "∅"}.get(symbol, symbol)


def epoch(number: float) -> str:
    """A tick: epochs are whole."""
    return f"{number:.0f}" if number == round(number) else ""


class Clock:
    """Frames as times, where the rate is known."""

    def __init__(self, sample_rate: float, frames: float) -> None:
        """frames: as many as are shown, which tells the unit."""
        self._scale, self.unit = 1.0, "frames"
        if sample_rate > 0:
            least = frames / sample_rate
            self.unit, seconds = next((unit, per) for most, unit, per in _DURATIONS if least >= most)
            self._scale = 1 / (sample_rate * seconds)

    def time(self, frame: float) -> float:
        return frame * self._scale

    def label(self, time: float) -> str:
        shown = f"{time:,.10g}"  # ticks are round, and far from 0 they differ in late digits
        return shown if self.unit == "frames" else f"{shown} {self.unit}"
