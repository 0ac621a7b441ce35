"""A set of labelled sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.data.pieces import Cut, Piece, Pieces
from edgelstm.data.store import is_finite
from edgelstm.data.targets import Targets
from edgelstm.plain import is_unicode, printable


def _per_sequence(name: str, value: ArrayLike, count: int, kind: str) -> NDArray[np.generic]:
    array = np.asarray(value)
    if array.shape != (count,) or array.dtype.kind not in kind:
        wanted = "whole numbers" if "i" in kind else "true or false"
        raise ValueError(f"Dataset.{name}: {array.dtype} {array.shape}, expected ({count},) {wanted}")
    return array


def _checked(sequences: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], ...]:
    found = tuple(np.ascontiguousarray(x, dtype=np.float32) for x in sequences)
    features = found[0].shape[-1] if found else 0
    for place, x in enumerate(found):
        if x.ndim != 2 or 0 in x.shape or x.shape[1] != features:
            raise ValueError(f"Dataset.sequences: {place} has shape {x.shape}, expected (1 or more, {features})")
        if not is_finite(x):
            frame, feature = np.argwhere(~np.isfinite(x))[0]
            raise ValueError(f"Dataset.sequences: {place} holds NaN or infinity at frame {frame}, feature {feature}")
    return found


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sequences of raw frames and what a model is to say of them: a class each, or `targets`. Checked when made: a
    ValueError names the field. Sequences may lie in a file and be larger than memory (`edgelstm.data.store`): those
    who go over all frames take some at a time."""

    sequences: Sequence[NDArray[np.float32]]  # each (frames, features)
    y: NDArray[np.int64]  # (sequences,): the class, a place in labels; with targets, what splits keep in proportion
    labels: tuple[str, ...]  # the classes, or what each output says
    groups: NDArray[np.int64]  # (sequences,): who or where it was recorded; splits keep a group together
    feature_names: tuple[str, ...]
    feature_units: tuple[str, ...] = ()
    sample_rate: float = 0.0  # frames per second; 0 = unknown
    name: str = "data"
    source: str = ""  # where it comes from, and its licence
    test: NDArray[np.bool_] | None = None  # (sequences,): the data's own test split, where it has one
    group_names: tuple[str, ...] = ()  # where groups are places in it; none where they are numbers of their own
    is_each_alone: bool = False  # no group is named: each recording is one, told by its name or by its place
    label_units: tuple[str, ...] = ()  # of what outputs say, where they are numbers with units
    targets: Targets | None = None  # where a class for each sequence is not what is to be said

    def __post_init__(self) -> None:
        if not isinstance(self.sequences, Cut):  # out of a data set that has been checked
            object.__setattr__(self, "sequences", _checked(self.sequences))
        count = len(self.sequences)
        if not count:
            raise ValueError("Dataset.sequences: none, expected at least one")
        features = self.features
        y = _per_sequence("y", self.y, count, "iu").astype(np.int64)
        if y.min() < 0 or (self.targets is None and y.max() >= len(self.labels)):
            raise ValueError(
                f"Dataset.y: {y.min()} to {y.max()}, expected places in labels, 0 to {len(self.labels) - 1}"
            )
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "groups", _per_sequence("groups", self.groups, count, "iu").astype(np.int64))
        names = tuple(self.group_names)
        if names and (self.groups.min() < 0 or self.groups.max() >= len(names)):
            raise ValueError(
                f"Dataset.groups: {self.groups.min()} to {self.groups.max()}, expected places in group_names, 0 to "
                f"{len(names) - 1}"
            )
        if len(set(names)) != len(names) or not all(isinstance(name, str) for name in names):
            raise ValueError("Dataset.group_names: expected text, each name once")
        object.__setattr__(self, "group_names", names)
        if self.test is not None:
            object.__setattr__(self, "test", _per_sequence("test", self.test, count, "b").astype(np.bool_))
        for name, texts, wanted in (
            ("labels", self.labels, None),
            ("feature_names", self.feature_names, features),
            ("feature_units", self.feature_units, features),
            ("label_units", self.label_units, len(self.labels)),
        ):
            texts = tuple(texts)
            if not all(isinstance(text, str) and is_unicode(text) for text in texts):
                raise ValueError(f"Dataset.{name}: expected text only, without halves of surrogate pairs")
            if texts and wanted is not None and len(texts) != wanted:
                raise ValueError(f"Dataset.{name}: {len(texts)} names, expected {wanted} or none")
            object.__setattr__(self, name, texts)
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("Dataset.labels: a name occurs twice")
        if not 0 <= self.sample_rate <= 1e9:
            found = f"{self.sample_rate:g}"
            raise ValueError(f"Dataset.sample_rate: {found}, expected 0 to 1e9 frames per second, 0: unknown")

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def features(self) -> int:
        return int(self.sequences[0].shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(sequences,): frames of each."""
        if isinstance(self.sequences, Cut):
            return self.sequences.pieces.stops - self.sequences.pieces.starts
        return np.array([len(x) for x in self.sequences], np.int64)

    @property
    def frames(self) -> int:
        """Frames of all sequences together."""
        return int(self.lengths.sum())

    def group(self, place: int) -> str:
        """The name of the group that a sequence belongs to."""
        return self._name(int(self.groups[place]))

    @property
    def all_groups(self) -> tuple[str, ...]:
        """The names of all groups that sequences belong to, numbers in their order."""
        return tuple(self._name(group) for group in np.unique(self.groups).tolist())

    def in_groups(self, names: Iterable[int | str]) -> NDArray[np.bool_]:
        """(sequences,): which belong to one of these groups, told by name; where each recording is its own also by
        its place. ValueError for a name that no sequence has."""
        groups = np.unique(self.groups).tolist()
        known = {str(group): group for group in groups} if self.is_each_alone else {}
        known |= {self._name(group): group for group in groups}
        wanted = [str(name) for name in names]
        for name in wanted:
            if name not in known:
                raise ValueError(f"group {printable(name, 40)}: not in {self.name}, expected {self._expected()}")
        return np.isin(self.groups, [known[name] for name in wanted])

    def _expected(self) -> str:
        """What groups there are, in words."""
        names = [printable(name, 40) for name in self.all_groups]
        if self.is_each_alone:
            shown = f" ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})" if self.group_names else ""
            return (
                f"a recording by its name{shown} or place, {self.groups.min()} to {self.groups.max()}: no group is "
                "named (data.group names one)"
            )
        return f"one of {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"

    def _name(self, group: int) -> str:
        return self.group_names[group] if self.group_names else str(group)

    def subset(self, which: ArrayLike) -> Dataset:
        """The sequences at these places, in this order, or where this mask is true; at least one."""
        places = np.asarray(which)
        if places.dtype.kind == "b":
            if places.shape != (len(self),):
                raise ValueError(f"Dataset.subset: a mask of shape {places.shape}, expected ({len(self)},)")
            places = np.flatnonzero(places)
        places = places.astype(np.int64)
        return self.pieces(Pieces(places, np.zeros(len(places), np.int64), self.lengths[places]))

    def pieces(self, pieces: Sequence[Piece]) -> Dataset:
        """Pieces of sequences, at least one, each a sequence of its own with the group and the class of the whole."""
        pieces = Pieces.of(pieces)
        places = pieces.places
        sequences = Cut(self.sequences, pieces)
        return replace(
            self,
            sequences=sequences,
            y=self.y[places],
            groups=self.groups[places],
            test=None if self.test is None else self.test[places],
            targets=None if self.targets is None else self.targets.pieces(pieces, sequences),
        )
