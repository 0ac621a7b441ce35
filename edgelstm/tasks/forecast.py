"""`forecast`: what columns will be some frames later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.changes import by_change, momentum, with_a_trend
from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import from_recordings
from edgelstm.data.numbers import places_of
from edgelstm.data.options import ReadOptions
from edgelstm.data.read import read_recordings
from edgelstm.data.recordings import Recordings
from edgelstm.data.store import select_columns
from edgelstm.data.targets import Ahead
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.errors import Told, errors, joined, quantiles
from edgelstm.judging.evaluation import Floats, check_finite
from edgelstm.judging.gathering import parts
from edgelstm.records import Bounds, Distinct, Length, Line
from edgelstm.tasks.task import Criterion, Task

Column = Annotated[str, Line(1000)]
Step = Annotated[int, Bounds(1, 1 << 20)]
Quantile = Annotated[float, Bounds(above=0, below=1)]
MAX_SEASON = 1 << 24
Season = Annotated[int, Bounds(0, MAX_SEASON)]

_DAY = 86_400  # seconds
_TO_TELL = ("y", "target")  # what others call the column that is told ahead: no labels here
_WHOLE = 1e-4  # how far from a whole number of frames a day may be
_MOMENTUM = 0.3  # from which on a column is better told by its changes (docs/forecasts.md)
_FEWEST_SEASONS = 4  # in a recording, for it to be judged beside its last


@dataclass(frozen=True)
class Forecast(Task):
    """Columns, told ahead from all columns up to now."""

    kind = "forecast"
    summary = "what columns will be, so many frames later"
    says = "forecasts"
    activation = "linear"
    criteria = ("mse", "huber", "quantile")
    scaled = True

    columns: Annotated[tuple[Column, ...], Distinct()] = ()  # to be told; empty = all
    ahead: Annotated[tuple[Step, ...], Length(1, 1000), Distinct()] = (1,)  # so many frames
    quantiles: Annotated[tuple[Quantile, ...], Length(0, 99), Distinct()] = ()  # told of each; empty = the mean
    season: Season = 0  # frames after which all is alike, such as a day: judged beside what was then; 0 = none
    changes: Annotated[
        tuple[Column, ...], Distinct()
    ] = ()  # with a trend or momentum: taken and told by their changes

    def suited(self, dataset: Dataset) -> Forecast:
        """With a season of a day, where that is a whole number of frames and the recordings hold some of them, and
        with those columns by their changes that have a trend, or are told and have momentum."""
        names = dataset.feature_names or tuple(map(str, range(dataset.features)))
        moving = [name for name, share in zip(names, momentum(dataset)) if share > _MOMENTUM and self._tells(name)]
        trending = [names[n] for n in with_a_trend(dataset)]
        changes = self.changes or tuple(name for name in names if name in {*moving, *trending})
        return replace(self._with_season(dataset), changes=changes)

    def _tells(self, column: str) -> bool:
        return not self.columns or column in self.columns

    def _with_season(self, dataset: Dataset) -> Forecast:
        day = _DAY * dataset.sample_rate
        frames = round(day)
        few = _FEWEST_SEASONS * frames > min(map(len, dataset.sequences))
        if self.season or frames < 2 or frames > MAX_SEASON or few or abs(day - frames) > _WHOLE * day:
            return self
        return replace(self, season=frames)

    @property
    def usual_criterion(self) -> Criterion:
        return "quantile" if self.quantiles else "mse"

    @property
    def each_frame(self) -> bool:
        return True

    @property
    def columns_to_tell(self) -> tuple[str, ...]:
        return self.columns

    def recordings(self, path: Path | str, options: ReadOptions) -> Recordings:
        return read_recordings(path, replace(options, measured=(*self.columns, *_TO_TELL)))

    def taken(self, recordings: Recordings) -> Recordings:
        return by_change(recordings, places_of(recordings, self.changes))

    def dataset(self, recordings: Recordings) -> Dataset:
        names = recordings.column_names
        places = places_of(recordings, self.columns) or tuple(range(recordings.columns))
        by_changes = tuple(names[n] in self.changes for n in places)
        of_quantile = [f" q{q:g}" for q in self.quantiles] or [""]
        labels = [f"{names[n]} +{step}{q}" for step in self.ahead for n in places for q in of_quantile]
        units = recordings.units or ("",) * recordings.columns
        of_labels = [units[n] for _ in self.ahead for n in places for _ in of_quantile]
        taken = self.taken(recordings)
        targets = Ahead(tuple(r.frames for r in taken.recordings), places, self.ahead, len(of_quantile))
        if any(by_changes):
            measured = select_columns([r.frames for r in recordings.recordings], places)
            targets = replace(targets, changes=by_changes, measured=measured)
        y = np.zeros(len(recordings.recordings), np.int64)
        return from_recordings(taken, y, tuple(labels), targets, tuple(of_labels))

    def levels(self, outputs: int) -> NDArray[np.float64] | None:
        return np.resize(np.array(self.quantiles), outputs) if self.quantiles else None

    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        check_finite(precision, said)
        levels, names, units = self.levels(len(dataset.labels)), dataset.labels, dataset.label_units
        if levels is None:
            return errors(precision, streamed, names, units, lambda: self._parts(dataset, said))
        return quantiles(precision, streamed, names, units, levels, lambda: self._parts(dataset, said))

    def told(self, dataset: Dataset, said: Sequence[Said]) -> Told:
        """Answers `said` along the sequences of `dataset`, as columns are measured, beside what came and what simple
        guesses would have been."""
        return joined(self._parts(dataset, said))

    def _parts(self, dataset: Dataset, said: Sequence[Said]) -> Iterator[Told]:
        targets = dataset.targets
        assert isinstance(targets, Ahead)  # `dataset` gave them
        for place, frames, answers in parts(said):
            truth = targets.at(place, frames)
            guesses = {"persistence": self._earlier(targets, place, frames, 0)}
            if self.season:
                guesses["season"] = self._earlier(targets, place, frames, self.season)
            if targets.changes:
                now = targets.now(place, frames)
                answers, truth = answers + now, truth + now
            yield Told(answers, truth, guesses)

    def _earlier(self, targets: Ahead, place: int, frames: NDArray[np.int64], season: int) -> Floats:
        """(answers, outputs): for every output its column as of these frames, or, with a season, as it was a season
        before the frame that is told; NaN where that is not known yet."""
        steps = np.array(self.ahead)
        then = frames[:, None] - (-(-steps // season) * season - steps if season else 0 * steps)
        found = targets.measured_at(place, np.maximum(then, 0))
        found[then < 0] = np.nan
        return np.repeat(found.reshape(len(frames), -1), targets.repeats, axis=1)
