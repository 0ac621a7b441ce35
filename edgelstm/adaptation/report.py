"""What an adaptation came to: figures, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgelstm.adaptation.chance import LIKELY
from edgelstm.adaptation.outside import Outside

WORSE = 0.02
"""In the share of right decisions: what is harm."""


DOUBTS, FEWEST_DOUBTS = 0.05, 3
"""Share, and number, of the clips that are surely something else than their labels say, from which on labels are
wrong."""


@dataclass(frozen=True)
class Judged:
    """How good decisions are, over pieces of clips, or over labels of these where several may be true."""

    right: int
    of: int
    cost: float  # a decision, in nats: the mean of what each costs

    @property
    def share(self) -> float:
        return self.right / max(self.of, 1)


@dataclass(frozen=True)
class Compared:
    """The old model and the new one on the same recordings."""

    before: Judged
    after: Judged

    @property
    def is_harm(self) -> bool:
        return self.after.share < self.before.share - WORSE


@dataclass(frozen=True)
class Evidence:
    """Whether what clips held out gained is more than chance. Pieces of one clip count as one."""

    won: int  # clips that are decided better than before
    lost: int  # and worse
    chance: float  # the probability of so many won by chance
    is_cheaper: bool  # whether a clip costs less than before, beyond two standard errors
    is_learned: bool  # whether a clip costs less than a guess by the labels' shares, beyond two standard errors
    guess: float  # what such a guess costs, a decision

    @property
    def is_enough(self) -> bool:
        return self.is_learned and (self.chance <= LIKELY or self.is_cheaper)


@dataclass(frozen=True)
class Report:
    """What an adaptation came to; a part of the adapted model's provenance. All but `known`, `carried` and `same` are
    of clips held out: each was judged by a model that had learned from the others alone."""

    clips: int
    pieces: int  # of clips
    folds: int
    strength: float
    before: Judged  # the old model in int8
    float32: Judged
    int8: Judged
    evidence: Evidence
    groups: dict[str, Compared] = field(default_factory=dict)  # where clips are of several
    labels: dict[str, Compared] = field(default_factory=dict)  # of each that was taught: pieces that it is said of
    known: Compared | None = None  # on recordings that were named for that, in int8
    carried: Compared | None = None  # on those that the model carries and knows the truth of, in int8
    less: dict[str, Compared] = field(default_factory=dict)  # labels told less often of these, more than by chance
    untaught: tuple[str, ...] = ()  # labels that no clip has
    kept: Compared | None = None  # recordings of these labels, of `known` or else `carried`; None where one has none
    same: float | None = None  # share of all that it carries which are still decided as before
    outside: dict[str, Outside] = field(default_factory=dict)  # columns, of all clips
    widened: bool = False  # whether int8's range of frames became that of the clips, which clips held out were for
    exchanged: tuple[tuple[str, ...], ...] = ()  # labels each of which the old model hears as the next
    doubted: dict[str, str] = field(default_factory=dict)  # clips, and what everybody hears but their label
    rehearsed: int = 0  # of the clips: they taught, and were never held out
    rounds: int = 0  # through the clips that all layers learned by; 0: the last layer alone learned
    head: Judged | None = None  # the last layer alone, in int8; None where all layers were not asked for

    @property
    def forgets(self) -> bool:
        """Whether the recordings that the model carries are worse off: by their truth, and where that is not known,
        by how many are decided otherwise than before."""
        if self.carried is not None:
            return self.carried.is_harm
        return self.same is not None and self.same < 1 - WORSE

    @property
    def is_better(self) -> bool:
        return self.int8.right > self.before.right

    @property
    def disagrees(self) -> bool:
        """Whether more clips than chance makes are surely something else than their labels say."""
        count = len(self.doubted)
        return count >= FEWEST_DOUBTS and count > DOUBTS * (self.clips - self.rehearsed)

    @property
    def lost(self) -> tuple[str, ...]:
        """Labels that are told less than half as often as before."""
        return tuple(name for name, of in self.labels.items() if 2 * of.after.right < of.before.right)

    @property
    def fallen(self) -> tuple[str, ...]:
        """Labels that are told less often than before, or not once."""
        found = self.labels.items()
        return tuple(name for name, of in found if of.after.right < max(of.before.right, 1))

    @property
    def harmed(self) -> tuple[str, ...]:
        """Groups of clips that are worse off."""
        return tuple(name for name, found in self.groups.items() if found.is_harm)
