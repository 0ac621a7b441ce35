"""What a search tries: the `[search]` table of a recipe, and what is proposed where there is none."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from edgelstm.hints import near
from edgelstm.search.shape import RECURRENT, SHAPES, Shape
from edgelstm.training.config import Config

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = object  # of a key of a recipe, as TOML has it
Held = Any  # the same as a storage has it: a number, or JSON

_MOST_KEYS, _MOST_CHOICES = 64, 256
_FIXED = {
    "data": ("window", "hop"),
    "model": ("hidden", "layers", "units", "activation"),
}
"""Section → the keys of it that may be tried. Of the sections in `_FREE` that is all but what is named there."""
_FREE: dict[str, tuple[str, ...]] = {"sound": ("rate",), "training": ("seed",), "augment": ("triads",), "answer": ()}
_ROUNDING = 1e-9  # of a count of steps
_RANGE = ("low", "high", "log", "step")


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    name: str
    values: tuple[Value, ...]

    @cached_property
    def _held(self) -> tuple[str, ...]:
        """Lists and tables are known by their JSON, as storages hold plain values alone."""
        return tuple(json.dumps(value) for value in self.values)

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self._held)

    def own(self, value: Value) -> str | None:
        """How a storage has `value`; None where it is none of these."""
        return self._held[self.values.index(value)] if value in self.values else None

    def read(self, held: Held) -> Value:
        """The value that a storage has as `held`."""
        return json.loads(str(held))

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    def at(self, place: int) -> Held:
        """The value at `place`, of so many as there are, as a storage has it."""
        return self._held[place]

    def place(self, held: Held) -> float:
        """Of what a storage has, the same for values that are the same."""
        return self._held.index(held)

    def by_chance(self, rng: np.random.Generator) -> Held:
        return self.at(int(rng.integers(len(self.values))))

    def ends(self) -> Iterator[Value]:
        yield from self.values

    def to_json(self) -> Value:
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both taken too."""

    name: str
    low: float
    high: float
    log: bool = False  # as likely in each octave
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int) and isinstance(self.step, int | None)

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution, IntDistribution

        with warnings.catch_warnings():  # of steps that do not end at `high`
            warnings.simplefilter("ignore")
            if self.is_whole:
                return IntDistribution(
                    int(self.low), int(self.high), self.log, 1 if self.step is None else int(self.step)
                )
            return FloatDistribution(self.low, self.high, self.log, self.step)

    def own(self, value: Value) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return None
        on_step = self.step is None or math.isclose(math.remainder(value - self.low, self.step), 0, abs_tol=1e-9)
        return value if on_step and (not self.is_whole or value == int(value)) else None

    def read(self, held: Held) -> Value:
        return held

    @property
    def count(self) -> int | None:
        step = 1 if self.is_whole and self.step is None else self.step
        if step is None:
            return None if self.low < self.high else 1
        return int((self.high - self.low) / step + _ROUNDING) + 1

    def at(self, place: int) -> Held:
        return min(self.low + place * (1 if self.step is None else self.step), self.high)  # 0.1 + 2 × 0.1 > 0.3

    def place(self, held: Held) -> float:
        return float(held) if self.count is None else round((float(held) - self.low) / (self.step or 1))

    def by_chance(self, rng: np.random.Generator) -> Held:
        if self.log:
            found = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
            return min(max(round(found) if self.is_whole else found, self.low), self.high)
        return rng.uniform(self.low, self.high) if self.count is None else self.at(int(rng.integers(self.count)))

    def ends(self) -> Iterator[Value]:
        yield from (self.low, self.high) if self.is_whole else (float(self.low), float(self.high))

    def to_json(self) -> Value:
        found: dict[str, Value] = {"low": self.low, "high": self.high}
        return found | ({"log": True} if self.log else {}) | ({} if self.step is None else {"step": self.step})


Knob = Choices | Range


@dataclass(frozen=True)
class Space:
    """All that is tried, by the names of `[search]`: those of `SHAPES`, and SECTION.KEY."""

    knobs: tuple[Knob, ...]

    def distributions(self) -> dict[str, BaseDistribution]:
        return {knob.name: knob.distribution() for knob in self.knobs}

    def read(self, params: Mapping[str, Any]) -> dict[str, Value]:
        """What a trial chose, of its parameters as a storage has them."""
        return {knob.name: knob.read(params[knob.name]) for knob in self.knobs}

    @property
    def count(self) -> int | None:
        """How many models there are to try; None where there is no end of them."""
        counts = [knob.count for knob in self.knobs]
        return None if None in counts else math.prod(count for count in counts if count)

    def own(self, config: Config) -> dict[str, Value]:
        """What the recipe itself has, as a storage holds it, of all that is among what is tried."""
        shape = Shape.of(config.model)
        found: dict[str, Value] = {}
        for knob in self.knobs:
            section, _, key = knob.name.rpartition(".")
            value = getattr(getattr(config, section), key) if section else shape.value(knob.name)
            value = list(value) if isinstance(value, tuple) else value
            if (held := knob.own(value)) is not None:
                found[knob.name] = held
        return found

    def starts(self, config: Config, most: int) -> list[dict[str, Value]]:
        """What to begin with, as `own` has it: the recipe itself, then what else it becomes by its lists, in their
        order, as far as all their combinations are no more than `most`; those that differ least first. All else is
        as somebody chose it for the recipe: a better guess than chance."""
        own = self.own(config)
        lists: list[Choices] = []
        for knob in self.knobs:
            if isinstance(knob, Choices) and math.prod(one.count for one in (*lists, knob)) <= most:
                lists.append(knob)
        found = [own] if all(knob.name in own for knob in lists) else []
        for places in itertools.product(*(range(knob.count) for knob in lists)):
            one = own | {knob.name: knob.at(place) for knob, place in zip(lists, places, strict=True)}
            found += [one] if one not in found else []
        return sorted(found, key=lambda one: sum(one[name] != own.get(name) for name in one))

    def to_json(self) -> dict[str, Value]:
        """As `[search]` has it."""
        table: dict[str, Value] = {}
        for knob in self.knobs:
            section, _, key = knob.name.rpartition(".")
            inner = table.setdefault(section, {}) if section else table
            assert isinstance(inner, dict)
            inner[key] = knob.to_json()
        return table


def read_space(table: Mapping[str, object], where: str) -> Space:
    """A `[search]` table. ValueError, one line: `where`, the key, what it has, what would be right."""
    knobs = []
    for key, value in table.items():
        if isinstance(value, Mapping) and not value.keys() & set(_RANGE):
            knobs += [_knob(f"{key}.{inner}", one, where) for inner, one in value.items()]
        else:
            knobs.append(_knob(key, value, where))
    if not knobs:
        raise ValueError(f"{where}: search: nothing, expected what to try, such as units = [32, 64]")
    both = [knob.name for knob in knobs if knob.name in ("model.layers", "model.units")]
    if both and any(knob.name in SHAPES for knob in knobs):
        raise ValueError(f"{where}: search: {both[0]} and {', '.join(SHAPES)}: expected either of them")
    if len(knobs) > _MOST_KEYS:
        raise ValueError(f"{where}: search: {len(knobs)} keys, expected at most {_MOST_KEYS}")
    return Space(tuple(knobs))


def _knob(name: str, value: object, where: str) -> Knob:
    place = f"{where}: search.{name[:60]}"
    if name not in _known():
        raise ValueError(f"{place}: nothing that can be tried{near(name, _known())}")
    if isinstance(value, Mapping):
        return _range(name, value, place)
    if not isinstance(value, list) or not value:
        raise ValueError(f"{place}: {str(value)[:40]}, expected a list of values, or low and high")
    if len(value) > _MOST_CHOICES:
        raise ValueError(f"{place}: {len(value)} values, expected at most {_MOST_CHOICES}")
    if any(value[n] in value[:n] for n in range(len(value))):
        raise ValueError(f"{place}: a value twice, expected each once")
    return Choices(name, tuple(value))


def _range(name: str, table: Mapping[str, object], place: str) -> Range:
    for key in table:
        if key not in _RANGE:
            raise ValueError(f"{place}: unknown field {str(key)[:40]!r}{near(str(key), _RANGE)}")
    low, high, log, step = (table.get(key) for key in _RANGE)
    if not (_is_number(low) and _is_number(high)) or low > high:  # type: ignore[operator]  # numbers by then
        raise ValueError(f"{place}: low {low}, high {high}; expected two numbers, low not above high")
    if log is not None and not isinstance(log, bool):
        raise ValueError(f"{place}.log: {str(log)[:40]}, expected true or false")
    if step is not None and (not _is_number(step) or step <= 0 or log):  # type: ignore[operator]
        raise ValueError(f"{place}.step: {str(step)[:40]}, expected a number above 0, and none with log")
    if log and low <= 0:  # type: ignore[operator]
        raise ValueError(f"{place}.low: {low}, expected above 0 with log")
    return Range(name, low, high, bool(log), step)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _known() -> list[str]:
    """Every name that a key of `[search]` may have."""
    found = list(SHAPES)
    for section, names in _FIXED.items():
        found += [f"{section}.{name}" for name in names]
    for section, left_out in _FREE.items():
        keys = fields(getattr(Config(), section))
        found += [f"{section}.{key.name}" for key in keys if key.name not in left_out]
    return found


def proposed(config: Config, shortest: int) -> Space:
    """What is tried where a recipe does not say. shortest: frames of the shortest recording."""
    shape = Shape.of(config.model)
    knobs: list[Knob] = []
    if shape.is_plain:
        knobs.append(Choices("kind", RECURRENT))
        knobs.append(Range("units", 16, max(128, 2 * shape.units), step=8))
        stacks = tuple(n for n in (1, 2, 3, 5, 8, 10) if _stacks(config, n, shortest))
        if len(stacks) > 1:
            knobs.append(Choices("stack", stacks))
        knobs.append(Choices("layers", (1, 2)))
    if config.sound.bands:
        knobs.append(Choices("sound.bands", tuple(sorted({20, 40, config.sound.bands}))))
    most = 0.02 if config.training.optimizer == "adam" else 1.0
    knobs.append(Range("training.learning_rate", most / 20, most, log=True))
    knobs.append(Range("training.dropout", 0.0, 0.4))
    if config.task.normalizes and config.task.kind not in ("forecast", "regress"):
        knobs.append(Range("augment.noise", 0.0, 0.4))
    if config.task.pools and config.task.activation != "linear" and not config.training.truncate:
        knobs.append(Choices("augment.mixup", (0.0, 0.4)))
    return Space(tuple(knobs))


def _stacks(config: Config, rows: int, shortest: int) -> bool:
    """Whether so many frames side by side go with what the recipe counts in frames."""
    window, hop, truncate = config.data.window, config.answer.hop, config.training.truncate
    goes_on = all(count % rows == 0 for count in (window, config.answer.window, truncate))
    return goes_on and (hop < rows or hop % rows == 0) and (window or shortest) // rows >= 8
