"""Clips as they teach a model: read as its training's data were, and cut to what an answer is to be of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.head import Activation, truth_of_classes
from edgelstm.adaptation.near import nearly_twins
from edgelstm.adaptation.ordered import Float64
from edgelstm.again import options_of, stated_rate
from edgelstm.data.dataset import Dataset
from edgelstm.data.known import joined, marks_of, places_known
from edgelstm.data.pieces import Piece, Pieces
from edgelstm.data.twins import twins
from edgelstm.matching import match
from edgelstm.model import Model
from edgelstm.plain import counted, printable
from edgelstm.runtime.clips import frames_after, is_kept_clip
from edgelstm.tasks import Classify, Tags

if TYPE_CHECKING:
    from edgelstm.data.recordings import Recording


@dataclass(frozen=True, eq=False)
class Taught:
    """Pieces of clips, and what is true of them."""

    dataset: Dataset  # a sequence for each piece
    clips: tuple[int, ...]  # of each piece: which clip it is of
    truth: Float64  # (pieces, outputs), as `head.fit` takes it
    kinds: tuple[int, ...]  # of each piece: what folds keep in proportion
    marks: str = ""  # what whole clips are known again by, see `edgelstm.data.known`
    names: tuple[str, ...] = ()  # of clips, where they have some
    seen: tuple[int, ...] = ()  # clips that the model has learned from already
    rehearsed: frozenset[int] = frozenset()  # clips that teach, and judge nothing

    def name(self, clip: int) -> str:
        return (self.names[clip] if clip < len(self.names) else "") or f"clip {clip}"

    @property
    def judges(self) -> NDArray[np.bool_]:
        """(pieces,): those that may be held out."""
        return np.array([clip not in self.rehearsed for clip in self.clips], np.bool_)

    def rehearsing(self, other: Taught) -> Taught:
        """With `other`, of the same model, that teaches as well and judges nothing: held out it would not be unknown
        to a model that has learned from it before."""
        count, mine, theirs = max(*self.clips, len(self.names) - 1) + 1, self.dataset, other.dataset
        names = [*(mine.group(n) for n in range(len(mine))), *(theirs.group(n) for n in range(len(theirs)))]
        known, groups = np.unique(names, return_inverse=True)
        dataset = replace(
            mine,
            sequences=(*mine.sequences, *theirs.sequences),
            y=np.zeros(len(names), np.int64),
            groups=groups,
            group_names=tuple(known.tolist()),
            test=None,
            targets=None,
        )
        clips = tuple(clip + count for clip in other.clips)
        return Taught(
            dataset,
            (*self.clips, *clips),
            np.concatenate([self.truth, other.truth]),
            (*self.kinds, *other.kinds),
            joined(self.marks, other.marks),
            (*self.names, *other.names),
            self.seen,
            frozenset(clips),
        )

    def some(self, which: NDArray[np.bool_]) -> Taught:
        """Those pieces alone."""
        places = np.flatnonzero(which).tolist()
        clips, kinds = (tuple(of[place] for place in places) for of in (self.clips, self.kinds))
        return replace(self, dataset=self.dataset.subset(which), clips=clips, truth=self.truth[which], kinds=kinds)


def activation_of(model: Model) -> Activation:
    """ValueError for a model whose last layer cannot be learned from labels of clips."""
    can = isinstance(model.task, Classify) or (isinstance(model.task, Tags) and not model.task.each_frame)
    if not can or model.activation == "linear":
        raise ValueError(
            f"model {model.name}: its task is {model.task.kind} with {model.activation} answers, expected one that "
            "tells the label, or the tags, of a recording"
        )
    return model.activation


def read_clips(path: Path, model: Model, window: int | None = None) -> Taught:
    """The labelled clips at `path`, in any format. window: frames of the pieces that longer clips are cut into; None:
    as in training. A clip that `stream --keep` kept is taken up to the moment at which its event was known, and the
    newest window of that alone. Errors as of `edgelstm.tasks.read_dataset` and `edgelstm.matching.match`; ValueError
    for a clip that is there twice, or nearly."""
    options = options_of(model.provenance)
    names = (*model.feature_names, *(n for n in model.task.columns_to_tell if n not in model.feature_names))
    features = names if model.feature_names else ()
    options = replace(options, roles=replace(options.roles, features=features), label_from="auto", names="")
    found = model.task.recordings(path, replace(options, may_lack=("time", "label", "group", "series")))
    found = replace(found, name=printable(str(path)), sample_rate=found.sample_rate or stated_rate(model.provenance))
    _refuse_unlabelled(found.recordings, model)
    kept = [is_kept_clip(Path(recording.name).name) for recording in found.recordings]
    rate = found.sample_rate or model.sample_rate
    cut = [_until_known(one, rate) if is_kept else one for one, is_kept in zip(found.recordings, kept)]
    dataset = match(model, model.task.dataset(replace(found, recordings=tuple(cut))))
    _refuse_copies(found.recordings, dataset)
    frames = model.trained_window if window is None else window
    pieces = _pieces(dataset, frames, kept)
    cut_up = dataset.pieces(pieces)
    whole = match(model, model.task.dataset(found))
    seen = places_known(whole, model.provenance.get("seen"))
    return Taught(
        cut_up,
        tuple(map(int, pieces.places)),
        _truth(cut_up, model),
        tuple(map(int, cut_up.y)),
        marks_of(whole),
        tuple(printable(one.name, 60) for one in found.recordings),
        tuple(seen),
    )


def refuse_seen(taught: Taught) -> None:
    """ValueError for clips that the model has learned from already: one of these that is held out is not unknown to
    the model that it would be judged by."""
    if taught.seen:
        count, first = len(taught.seen), taught.name(taught.seen[0])
        raise ValueError(
            f"{first}{f' and {count - 1} more' if count > 1 else ''}, of {counted(len(set(taught.clips)), 'clip')}: "
            "the model has learned from them already and cannot be judged by them; give new clips alone, these by "
            "--rehearse, or all to the model.npz that it was before"
        )


def refuse_single(taught: Taught, labels: Sequence[str]) -> None:
    """ValueError for a label of one clip alone: where that is held out nothing is known of the label."""
    clips, judges = np.array(taught.clips), taught.judges
    of = [taught.truth[:, place] == 1 for place in range(len(labels))]
    alone = [label for label, own in zip(labels, of) if len(np.unique(clips[own])) == 1 and (own & judges).any()]
    if alone:
        names = ", ".join(printable(label, 40) for label in alone[:3]) + (", …" if len(alone) > 3 else "")
        raise ValueError(f"1 clip of {names}, expected at least two of each label: one is held out to judge by")


def refuse_shared(
    taught: Taught, others: Taught, what: str = "learned from as well, expected others to judge by"
) -> None:
    """ValueError for recordings of `others`, one of which would judge what it has taught, that are clips too."""
    own = len(taught.dataset)
    both = (*taught.dataset.sequences, *others.dataset.sequences)
    pairs = {*twins(both), *nearly_twins(both)}
    shared = len({other for one, other in pairs if one < own <= other})
    if shared:
        raise ValueError(f"{shared} of {len(others.dataset)} are {what}")


def _refuse_unlabelled(recordings: Sequence[Recording], model: Model) -> None:
    lost = next((one for one in recordings if one.label is None), None)
    if lost is not None and isinstance(model.task, Classify) and lost.targets is None:
        what = "has no label" if lost.frame_labels is None else "has labels of frames"
        raise ValueError(
            f"{printable(lost.name, 60)}: {what}, expected one for each clip: a list with the columns file,label "
            "(edgelstm annotate writes one), or a folder for each label"
        )


def _refuse_copies(recordings: Sequence[Recording], dataset: Dataset) -> None:
    """A copy of a clip held out would be learned from; so would one that is nearly the same."""
    alike = [(pair, "the same") for pair in twins(dataset.sequences)]
    for (one, other), same in alike or [(pair, "nearly the same") for pair in nearly_twins(dataset.sequences)]:
        told = [printable(recordings[n].name or f"clip {n}", 60) for n in (one, other)]
        if told[0] == told[1]:
            raise ValueError(f"{told[0]} is listed twice, expected each clip once")
        names = " and ".join(told)
        labels = [dataset.labels[int(dataset.y[n])] for n in (one, other)] if dataset.targets is None else ["", ""]
        what = f"are {same}" if labels[0] == labels[1] else f"are {same}, with the labels {' and '.join(labels)}"
        raise ValueError(
            f"{names} {what}: each is judged as if the others were all unlike it, expected each clip once"
        )


def _until_known(recording: Recording, rate: float) -> Recording:
    """Without what was kept behind a clip's moment; of one whose stream ended soon after that, something is left."""
    length = len(recording.frames)
    after = frames_after(rate)
    return replace(recording, frames=recording.frames[: max(length - after, min(length, after))])


def _pieces(dataset: Dataset, window: int, kept: list[bool]) -> Pieces:
    found = []
    for place, (length, is_kept) in enumerate(zip(dataset.lengths.tolist(), kept)):
        if not 0 < window < length:
            found.append(Piece(place, 0, length))
        elif is_kept:
            found.append(Piece(place, length - window, length))
        else:
            found += [Piece(place, start, start + window) for start in range(0, length - window + 1, window)]
    return Pieces.of(found)


def _truth(dataset: Dataset, model: Model) -> Float64:
    if dataset.targets is None:
        return truth_of_classes(dataset.y, model.outputs)
    return np.array([dataset.targets[n][0] for n in range(len(dataset))], np.float64)
