"""Samples of a sound in any split, with saves between, are heard as whole frames are, in every bit."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from edgelstm.runtime.engines.elstm_stream import Stream
from random_models import random_model
from sound_models import framed, hard_sound, hearing_model

HOP = 80
SAMPLES = hard_sound(8000).astype(np.int16)[: 120 * HOP + 33]


@pytest.fixture(params=["int8", "float32", "raw"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    """raw: no layer that hears, frames that go straight into an LSTM."""
    made = random_model(HOP, [6], [2]) if request.param == "raw" else hearing_model(256, "running")
    path = tmp_path / "model.elstm"
    path.write_bytes(encode(quantize(made) if request.param == "int8" else made))
    return Model(path, samples=request.param == "raw")


@pytest.mark.parametrize("kernel", [None, "scalar"])
def test_any_split_is_heard_as_the_whole(model: Model, kernel: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model.stream()
    if kernel is not None:
        monkeypatch.setenv("EDGELSTM_KERNEL", kernel)
        model = Model(model.path, samples=True)
    if model.precision == "float32":  # whose bits are those of a kernel set
        whole = model.stream()
    expected = whole.push(framed(SAMPLES, HOP))
    whole.push_samples(SAMPLES[-33:])
    rng, stream, found, at = np.random.default_rng(1), model.stream(), [], 0
    while at < len(SAMPLES):
        part = SAMPLES[at : at + int(rng.integers(0, 3 * HOP))]
        at += len(part)
        kind = int(rng.integers(0, 3))
        if kind == 2 and len(part) >= HOP:  # whole frames, behind samples that wait
            found.append(stream.push(framed(part, HOP)))
            part = part[len(part) // HOP * HOP :]
        found.append(stream.push_samples(part if kind else part.astype(np.float32)))
        if rng.integers(0, 4) == 0:
            saved, stream = stream.save(), model.stream()
            stream.restore(saved)
    assert stream.waiting == 33
    np.testing.assert_array_equal(np.concatenate(found), expected)
    assert stream.save() == whole.save()


def test_what_waits_is_counted_and_cut_off_from_snapshots_of_before(model: Model) -> None:
    """A stream's bytes hold a frame that is not whole; a snapshot of before streams kept one goes on without."""
    assert [part.name for part in model.parts][-1] == "waiting"
    stream = model.stream()
    assert isinstance(stream, Stream)
    assert stream.keeps_samples
    assert stream.snapshot_bytes == model.snapshot_bytes == 64 + sum(part.bytes for part in model.parts)
    stream.push_samples(SAMPLES[:HOP])
    size = (stream.snapshot_bytes - 4 * HOP).to_bytes(8, "little")
    body = size + stream.save()[24 : -4 * HOP]
    other = model.stream()
    other.restore(stream.save()[:12] + zlib.crc32(body).to_bytes(4, "little") + body)
    assert (other.frames, other.waiting) == (1, 0)
    np.testing.assert_array_equal(other.push_samples(SAMPLES[HOP:999]), stream.push_samples(SAMPLES[HOP:999]))


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        (np.zeros((2, 3), np.int16), r"samples: shape \(2, 3\), expected \(samples,\)"),
        (np.zeros(3, np.complex64), "samples: dtype complex64, expected int16 or float32"),
        (np.zeros(3, np.uint8), "samples: dtype uint8, expected int16 or float32, on the scale of 16 bits"),
        ([1.0, np.nan], "sample 1: nan, expected a finite float32 number"),
        ([1e39], r"sample 0: 1e\+39, expected a finite float32 number"),
    ],
)
def test_what_is_no_sound_changes_nothing(model: Model, samples: object, problem: str) -> None:
    stream = model.stream()
    stream.push_samples([1, 2, 3])
    before = stream.save()
    with pytest.raises(ValueError, match=problem):
        stream.push_samples(samples)  # type: ignore[arg-type]
    assert stream.save() == before


def test_frames_of_a_sensor_are_no_samples_unless_who_opens_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model.elstm"
    path.write_bytes(encode(random_model(3, [8], [2])))
    stream, other = Model(path).stream(), Model(path, samples=True).stream()
    assert (stream.keeps_samples, other.keeps_samples) == (False, True)
    assert other.snapshot_bytes == stream.snapshot_bytes + 4 * 3
    with pytest.raises(ValueError, match="this model's frames are no samples of a sound: it takes whole frames, or"):
        stream.push_samples(np.zeros(3, np.int16))
    with pytest.raises(ValueError, match=r"^samples: 'no', expected True or False$"):
        Model(path, samples="no")  # type: ignore[arg-type]
    other.push_samples([1, 2, 3])
    stream.restore(other.save())  # nothing waits: each goes on from the other
    other.restore(stream.save())
    assert stream.frames == other.frames == 1
    other.push_samples([1])
    with pytest.raises(ValueError, match="snapshot: "):
        stream.restore(other.save())
