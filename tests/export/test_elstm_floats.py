"""`.elstm` files of layers that are floats alone: the C core's floats are those of the equations, and its streams
keep the laws; what no exporter writes is refused."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.export import export_model
from edgelstm.export.elstm import HEADER_SIZE, encode
from edgelstm.export.elstm.entry import ENTRY_SIZE
from edgelstm.export.elstm.places import numbers
from edgelstm.export.metadata import metadata
from edgelstm.layers import LSTM, Activation, Affine, Context, Dense, Log, OverlapAdd, Spectrum
from edgelstm.model import Model, Normalize
from edgelstm.runtime import Model as RuntimeModel
from edgelstm.runtime.layers import frame_macs, parts_of_streams, read_layers
from kernels_here import kernels_here
from random_float_layers import random_float_layers, seeds_of_every_kind
from random_models import random_signal

FRAMES = 41
SEEDS = seeds_of_every_kind(40)


def opened(content: bytes, folder: Path) -> RuntimeModel:
    path = folder / "model.elstm"
    path.write_bytes(content)
    return RuntimeModel(path, chunks=True)


def test_weights_that_the_core_refuses_are_named_by_their_layer() -> None:
    layers = (LSTM(np.ones((4, 1)), np.ones((4, 1)), np.zeros(4)), Dense(np.full((2, 1), 2e6), np.zeros(2)))
    with pytest.raises(ValueError, match=r"^dense0: weights up to 2\.0e\+06, expected at most 1e\+06$"):
        encode(Model(Normalize(np.zeros(1), np.ones(1)), layers, "linear"))


@pytest.mark.parametrize("seed", SEEDS)
def test_floats_are_the_equations(seed: int, tmp_path: Path) -> None:
    model = random_float_layers(seed)
    frames = random_signal(FRAMES, model.features, seed + 1)
    file = opened(encode(model), tmp_path)
    stream = file.stream()
    found = stream.push(frames)
    exact = forward.forward(model, frames, np.float64).scores
    expected = forward.answers(exact, model.run_answer)
    size = max(1.0, float(np.abs(exact).max()))
    np.testing.assert_allclose(found, expected, atol=2e-6 * size)
    np.testing.assert_allclose(stream.answer(), forward.final_answer(exact, model.run_answer), atol=2e-6 * size)


@pytest.mark.parametrize("seed", seeds_of_every_kind(12))
@pytest.mark.parametrize("suffix", [".elstm", ".c"])
def test_exports_are_proven(seed: int, suffix: str, tmp_path: Path) -> None:
    model = random_float_layers(seed)
    model = replace(model, examples=(random_signal(FRAMES, model.features, seed + 1),))
    exported = export_model(model, tmp_path / f"model{suffix}", precision="float32")
    assert exported.proof is not None
    assert exported.proof.passed


@pytest.mark.parametrize("seed", SEEDS)
def test_the_core_and_the_metadata_have_the_same_layers_and_parts(seed: int, tmp_path: Path) -> None:
    source = random_float_layers(seed)
    model = opened(encode(source), tmp_path)
    said = read_layers(metadata(source), source.features, source.outputs)
    assert [layer.to_json() for layer in model.layers] == [layer.to_json() for layer in said]
    assert [(layer.macs, layer.inputs) for layer in model.layers] == [(layer.macs, layer.inputs) for layer in said]
    assert [layer.macs for layer in said] == [at.macs for at in source.road]
    assert model.frame_macs == frame_macs(said)
    assert {part.name: (part.layer, part.shape) for part in model.parts if part.layer} == parts_of_streams(said)


@pytest.mark.parametrize("kernel", kernels_here())
@pytest.mark.parametrize("seed", seeds_of_every_kind(10))
def test_splits_saves_questions_and_pools_are_one_call(
    seed: int, kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELSTM_KERNEL", kernel)
    model = opened(encode(random_float_layers(seed)), tmp_path)
    frames = random_signal(FRAMES, model.features, seed + 1)
    whole = model.stream()
    expected, parts = whole.push(frames), []
    stream, pool = model.stream(), model.pool(2)
    for count, frame in enumerate(frames, 1):
        saved, stream = stream.save(), model.stream()
        stream.restore(saved)
        parts.append(stream.push(frame[None]))
        if count >= model.stride:
            asked = stream.answer()
            if len(parts[-1]):
                np.testing.assert_array_equal(asked, parts[-1][0])
        answers, answered = pool.push(np.stack([frame, frame[::-1]]), np.array([True, count % 3 == 0]))
        np.testing.assert_array_equal(answers[:1][answered[:1]], parts[-1])
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    np.testing.assert_array_equal(stream.answer(), whole.answer())
    assert stream.save() == whole.save() == pool[0].save()
    stream.reset()
    np.testing.assert_array_equal(stream.push(frames), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_results_that_are_still_read_overlap(seed: int) -> None:
    model = random_float_layers(seed)
    content, known = encode(model), numbers(model.road)
    sizes = [0 if at.keeps_result else at.result.size * 4 for at in model.road]
    sizes = [model.features * 4, *sizes[:-1], 0]
    lasts = list(range(len(sizes)))
    for number, at in enumerate(model.road, 1):
        for name in at.reads:
            lasts[known[name]] = number
    starts = [struct.unpack_from("<I", content, 92)[0]]
    starts += [
        struct.unpack_from("<I", content, HEADER_SIZE + n * ENTRY_SIZE + 24)[0] for n in range(len(model.road))
    ]
    for one, other in combinations(range(len(sizes)), 2):
        if sizes[one] and sizes[other] and lasts[one] >= other:
            apart = starts[one] + sizes[one] <= starts[other] or starts[other] + sizes[other] <= starts[one]
            assert apart, (one, other)


def sealed(content: bytearray) -> bytes:
    struct.pack_into("<I", content, 12, zlib.crc32(content[16:]))
    return bytes(content)


MODEL = Model(
    Normalize(np.zeros(4), np.ones(4)),
    (
        Context(3, channels=2),
        Spectrum(4, 1, taper=np.ones(4)),
        Activation("clip", high=3.0),
        Log(),
        LSTM(np.ones((4, 6)), np.ones((4, 1)), np.zeros(4), h0=[0.5]),
        OverlapAdd(3, 1),
        Affine([1.0], [0.0]),
    ),
    "linear",
)
CONTEXT, SPECTRUM, ACTIVATION, LOG, CELL, OVERLAP, AFFINE = range(7)
NAN, INFINITY, HUGE = 0x7FC00000, 0x7F800000, 0x7F000000


@pytest.mark.parametrize(
    ("layer", "at", "value"),
    [
        (CONTEXT, 92, 1),  # two rows are brought
        (CONTEXT, 92, 4),
        (SPECTRUM, 84, 6),  # no power of two
        (SPECTRUM, 84, 1 << 31),
        (SPECTRUM, 88, 0),
        (SPECTRUM, 92, 1),
        (SPECTRUM, 104, 1),  # another padding than the rows say
        (SPECTRUM, 108, 0xFFFFFFFF),
        (SPECTRUM, 116, 1),
        (SPECTRUM, 100, 12),  # a taper that is too short
        (ACTIVATION, 84, 9),
        (ACTIVATION, 84, 6),  # leaky without slopes
        (ACTIVATION, 92, NAN),
        (ACTIVATION, 92, INFINITY),
        (ACTIVATION, 88, HUGE),
        (LOG, 84, 0),
        (LOG, 88, NAN),
        (LOG, 92, 1),
        (CELL, 88, 2),
        (CELL, 92, 512),
        (CELL, 92, 9),
        (CELL, 100, 4),  # a first h without a c
        (OVERLAP, 20, 4),
        (OVERLAP, 24, 64),
        (AFFINE, 8, 1),  # it reads but one result
        (AFFINE, 96, 128),
        (AFFINE, 0, 12),  # an add has two
    ],
)
def test_what_no_exporter_writes_is_refused(layer: int, at: int, value: int, tmp_path: Path) -> None:
    content = bytearray(encode(MODEL))
    opened(bytes(content), tmp_path)
    struct.pack_into("<I", content, HEADER_SIZE + layer * ENTRY_SIZE + at, value)
    with pytest.raises(ValueError, match=r"^[^\n]*$"):
        opened(sealed(content), tmp_path)


def test_every_word_of_the_table_at_the_edges_gives_a_status_or_finite_answers(tmp_path: Path) -> None:
    content = encode(MODEL)
    frames = 3 * random_signal(6, 4)
    for at in range(HEADER_SIZE, HEADER_SIZE + len(MODEL.layers) * ENTRY_SIZE, 4):
        for value in (1, 0xFFFFFFFF, NAN):
            changed = bytearray(content)
            struct.pack_into("<I", changed, at, value)
            try:
                model = opened(sealed(changed), tmp_path)
            except ValueError:
                continue
            assert np.isfinite(model.stream().push(frames)).all()


def test_the_largest_weights_keep_every_answer_finite(tmp_path: Path) -> None:
    layers = (
        Context(8, channels=1),
        Spectrum(8, 4, taper=np.full(8, 1e6), before=3),
        Affine(np.full(10, 1e6), np.full(10, -1e6)),
        Affine(np.full(10, 1e6), np.full(10, -1e6)),
        LSTM(np.full((4, 10), 1e6), np.full((4, 2), 1e6).reshape(4, 2)[:, :1], np.zeros(4), candidate="linear"),
        Dense([[1e6]], [1e6]),
    )
    model = opened(encode(Model(Normalize([0.0], [1e-6]), layers, "linear")), tmp_path)
    assert np.isfinite(model.stream().push(np.full((300, 1), 1e3, np.float32))).all()
