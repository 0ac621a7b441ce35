"""What a search is: the recipe, what is tried, what a model may cost, and where the study lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from edgelstm import records
from edgelstm.data import splits
from edgelstm.data.dataset import Dataset
from edgelstm.devices.boards.profile import BoardProfile, board
from edgelstm.devices.profiling.budget import FIGURES, Budget
from edgelstm.search.shape import with_choices
from edgelstm.search.space import Space, proposed, read_space
from edgelstm.search.toml import inline
from edgelstm.tasks import read_dataset
from edgelstm.training.checkpoint import fingerprint
from edgelstm.training.config import Config, ModelConfig, config_of, parse_config
from edgelstm.training.trainer import split

ACCURACY = "accuracy"
SECOND = ("latency_p50", "model_size")
"""What accuracy may be weighed against."""

_HELD_OUT = 0.2  # where a recipe holds nothing out


@dataclass(frozen=True)
class Plan:
    """One search, as every process of it has it."""

    recipe: str  # its text (TOML)
    where: str  # its path, for errors
    data: str  # the recordings' path from here
    board: str | None  # that times are predicted for
    budgets: tuple[Budget, ...]
    against: str | None  # one of SECOND
    trials: int
    seeds: int
    finalists: int
    storage: str
    study: str

    @cached_property
    def values(self) -> dict[str, Any]:
        """The recipe's; where it holds nothing out to choose by, a fifth of what trains is held out."""
        values = records.parse_toml(self.recipe, self.where)
        config = parse_config(self.recipe, self.where)
        if not (config.data.validation or config.data.validation_groups or config.task.holds_out):
            values.setdefault("data", {})["validation"] = _HELD_OUT
        return values

    def config(self, chosen: Mapping[str, object] | None = None, run: int = 0) -> Config:
        """The recipe with what a trial chose. run: 0, or that of so many seeds further on. ValueError, one line, for
        what goes together in no recipe."""
        config = config_of(self.chosen(chosen or {}))
        seed = (config.training.seed + run) % (1 << 63)
        return replace(
            config,
            data=replace(config.data, file=self.data),
            training=replace(config.training, seed=seed),
        )

    def chosen(self, chosen: Mapping[str, object]) -> dict[str, Any]:
        """The values of a recipe with what a trial chose."""
        return with_choices(self.values, self._model, chosen)

    @cached_property
    def _model(self) -> ModelConfig:
        return config_of(self.values, self.where).model

    def profile(self) -> BoardProfile | None:
        return None if self.board is None else board(self.board)

    @property
    def directions(self) -> list[str]:
        return ["maximize"] if self.against is None else ["maximize", "minimize"]


class Recordings:
    """Those of a plan, read once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._read = _read(plan.config())

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """What tells them from others."""
        return fingerprint(self._read)

    def framed(self, config: Config) -> Dataset:
        return config.sound.framed(self._read)

    def config(self, chosen: Mapping[str, object], run: int = 0) -> Config:
        """As `Plan.config`, with the groups that this run holds out."""
        config, groups = self._plan.config(chosen, run), self.held_out(run)
        if not groups:
            return config
        return replace(config, data=replace(config.data, validation=0.0, validation_groups=groups))

    def held_out(self, run: int) -> tuple[str, ...]:
        """The groups that a run further on holds out where the recipe says a share of them: none that a run before it
        did, as long as there are others. Empty for run 0, which is the recipe's own, and where no share of whole
        groups is held out."""
        config = self._plan.config()
        data, dataset = config.data, self._learned
        named = data.validation_groups or not data.validation
        if not run or named or data.split == "stretches" or splits.is_by_time(dataset, data.split):
            return ()
        return splits.held_groups(dataset, data.validation, np.random.default_rng(config.training.seed), run)

    @cached_property
    def _learned(self) -> Dataset:
        config = self._plan.config()
        return config.task.to_learn(self.train_set(config))

    def train_set(self, config: Config) -> Dataset:
        """What may be learned from. The rest is for the end."""
        train, _ = split(self.framed(config), config)
        return train

    @property
    def shortest(self) -> int:
        """Frames, as the recipe has them."""
        return int(self.framed(self._plan.config()).lengths.min())


def _read(config: Config) -> Dataset:
    return read_dataset(config.data.file, config.data.read_options(), config.task)


def space_of(plan: Plan, recordings: Recordings) -> Space:
    """What the recipe's `[search]` names, or what is proposed where it names nothing."""
    table = plan.values.get("search")
    if table:
        return read_space(table, plan.where)
    return proposed(plan.config(), recordings.shortest)


def identity(plan: Plan, recordings: Recordings, space: Space) -> dict[str, dict[str, str]]:
    """What all who join a study have to have the same, as `study.join` takes it."""
    values = {section: table for section, table in plan.values.items() if section not in ("search", "budget")}
    values["data"] = {key: value for key, value in values.get("data", {}).items() if key != "file"}
    return {
        "recipe": by_key(values),
        "data": recordings.fingerprint,
        "[search]": {knob.name: inline(knob.to_json()) for knob in space.knobs},
        "budget": {one.name: f"{one.limit:.17g} {FIGURES[one.name]}" for one in plan.budgets},
        "objective": {"": ACCURACY if plan.against is None else f"{ACCURACY},{plan.against}"},
        "board": {"": plan.board or "none"},
    }


def by_key(values: Mapping[str, object]) -> dict[str, str]:
    """A recipe's values as text, by SECTION.KEY."""
    found = {}
    for section, table in values.items():
        for key, value in table.items() if isinstance(table, Mapping) else [("", table)]:
            found[f"{section}.{key}".rstrip(".")] = inline(value)
    return found
