"""A recipe's `[sound]` for recordings that nobody has trained on yet."""

from __future__ import annotations

import json
from dataclasses import fields

from edgelstm.data.dataset import Dataset
from edgelstm.data.hops import is_sound, say_sound
from edgelstm.data.targets import Kept
from edgelstm.resampling import step_between
from edgelstm.training.keys import comments
from edgelstm.training.sound import Sound

_LEAST_RATE, _USUAL_RATE, _HIGH_RATE = 4000, 16000, 32000  # samples per second: higher ones are resampled


def propose_sound(dataset: Dataset) -> Sound:
    """What is likely to do; no section for what is not called sound or is none of one channel, has a rate too low for
    any, lasts less than a tenth of a second, or is to be told ahead."""
    rate = round(dataset.sample_rate)
    if not say_sound(dataset.feature_names) or not _may_be_heard(dataset):
        return Sound()
    rate = _lower(rate) if rate > _HIGH_RATE else rate
    is_narrow = rate < _USUAL_RATE
    return Sound(bands=20 if is_narrow else 40, rate=rate, low=60 if is_narrow else 20)


def _may_be_heard(dataset: Dataset) -> bool:
    rate = round(dataset.sample_rate)
    is_ahead = dataset.targets is not None and not isinstance(dataset.targets, Kept)
    return not is_ahead and rate >= _LEAST_RATE and int(dataset.lengths.min()) >= rate // 10 and is_sound(dataset)


def _lower(rate: int) -> int:
    try:
        step_between(rate, _USUAL_RATE)
    except ValueError:
        return rate // 2
    return _USUAL_RATE


def sound_lines(sound: Sound, dataset: Dataset) -> list[str]:
    """The section, with a word on each key; without one a remark where `dataset` could be heard, as it is taken."""
    if not sound and _may_be_heard(dataset):
        return ["# If these are samples of sound, call the column sound: init then proposes [sound].", ""]
    if not sound:
        return []
    said = comments(Sound)
    keys = (f"{key.name} = {json.dumps(getattr(sound, key.name))}  # {said[key.name]}" for key in fields(sound))
    return ["[sound]", *keys, ""]
