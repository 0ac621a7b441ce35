"""int8 models whose layers are not all integer: the C core's integers and floats are the reference's in every bit,
from every kernel set, and its streams keep the laws."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from counts import times
from edgelstm import forward
from edgelstm.export.elstm import HEADER_SIZE, encode
from edgelstm.export.elstm.entry import ENTRY_SIZE
from edgelstm.layers import LSTM, Activation, Affine, Concat, Context, Log, Magnitude
from edgelstm.model import Model as SourceModel
from edgelstm.model import Normalize
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.reference import IntegerStream, scores
from edgelstm.runtime import Model
from kernels_here import kernels_here
from mixed_models import INT16, KEPT, SHAPES, random_mixed, shaped
from random_models import random_signal

FRAMES = 41
ARITHMETIC = 28
SEEDS = range(times(8, 100))


def opened(content: bytes, folder: Path, kernel: str | None = None) -> Model:
    path = folder / "model.elstm"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        if kernel is not None:
            patch.setenv("EDGELSTM_KERNEL", kernel)
        return Model(path, chunks=True)


def source_of(which: str | int) -> SourceModel:
    return shaped(which) if isinstance(which, str) else random_mixed(which)


@pytest.mark.parametrize("which", [*SHAPES, *KEPT, *INT16, *SEEDS])
def test_every_bit_is_the_references_from_every_kernel_set(which: str | int, tmp_path: Path) -> None:
    source = source_of(which)
    quantized = quantize(source)
    content, frames = encode(quantized), random_signal(FRAMES, source.features, 77)
    trace = IntegerStream(quantized).push(frames)
    wanted = forward.answers(trace.scores, source.run_answer)
    for kernel in kernels_here():
        stream = opened(content, tmp_path, kernel).stream()
        found = stream.push(frames)
        if source.answer.pooling == "last":
            np.testing.assert_array_equal(found, wanted)
        for name, state in stream.states().items():
            if len(trace.states.get(name, ())) and len(frames) % source.stride == 0:
                np.testing.assert_array_equal(state.reshape(-1), trace.states[name][-1], err_msg=f"{kernel} {name}")


@pytest.mark.parametrize("which", [*SHAPES, *KEPT[1:], *INT16[1:3], *SEEDS[:3]])
def test_steps_pushes_snapshots_and_pools_give_the_same(which: str | int, tmp_path: Path) -> None:
    source = source_of(which)
    model = opened(encode(quantize(source)), tmp_path)
    frames = random_signal(FRAMES, source.features, 78)
    whole = model.stream()
    wanted = whole.push(frames)
    steps, other, pool = model.stream(), model.stream(), model.pool(3)
    found = [steps.push(frame[None]) for frame in frames]
    np.testing.assert_array_equal(np.concatenate(found), wanted)
    other.push(frames[:17])
    again = model.stream()
    again.restore(other.save())
    again.push(frames[17:])
    assert again.save() == steps.save() == whole.save()
    for frame in frames:
        pool.push(np.tile(frame, (3, 1)))
    assert all(pool[n].save() == whole.save() for n in range(3))
    np.testing.assert_array_equal(steps.answer(), whole.answer())


@pytest.mark.parametrize("which", SHAPES)
def test_integers_stay_near_the_floats(which: str) -> None:
    source = source_of(which)
    frames = source.examples[0]
    exact = forward.forward(source, frames).scores
    (found,) = scores(quantize(source), [frames])
    assert np.sqrt(np.mean((found - exact) ** 2)) < 0.05 * exact.std()


FUNCTIONS = ("sigmoid", "tanh", "hard_sigmoid", "hard_sigmoid6", "softmax", "log", "magnitude")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_are_the_references_over_all_their_range(function: str, tmp_path: Path) -> None:
    """Numbers of every size, of both signs, side by side in a frame."""
    rng = np.random.default_rng(9)
    ends = [0, 88, 87, 1e-30, 0.5, 1, 2, 3]
    values = np.concatenate([2.0 ** rng.uniform(-40, 19, 479), np.linspace(0, 100, 481), ends])
    values = np.concatenate([values, -values]).astype(np.float32)
    wide = len(values) // 8  # to calibrate on frames of them all would take most of the time
    layer = {"log": Log(1.0, 1e-30), "magnitude": Magnitude()}.get(function) or Activation(function)
    cell = LSTM(np.zeros((4, wide)), np.zeros((4, 1)), np.zeros(4))
    width = wide // 2 if function == "magnitude" else wide
    layers = (cell, Context(1, of="input"), layer, Concat("lstm0"), Affine(np.ones(width + 1), np.zeros(width + 1)))
    source = SourceModel(Normalize(np.zeros(wide), np.ones(wide)), layers, "linear")
    frames = np.concatenate([values, rng.permutation(values)]).reshape(16, wide)
    quantized = quantize(calibrate(source, (frames,)))
    found = opened(encode(quantized), tmp_path).stream().push(frames)
    np.testing.assert_array_equal(found, IntegerStream(quantized).push(frames).scores)


def with_field(content: bytes, layer: int, at: int, value: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into("<I", changed, HEADER_SIZE + ENTRY_SIZE * layer + at, value)
    struct.pack_into("<I", changed, 12, zlib.crc32(changed[16:]))
    return bytes(changed)


@pytest.mark.parametrize("which", [*SHAPES, "denoiser kept", "denoiser int16", "detector int16"])
def test_another_arithmetic_than_the_layer_can_have_is_refused(which: str, tmp_path: Path) -> None:
    content = encode(quantize(source_of(which)))
    for layer in range(len(source_of(which).layers)):
        (right,) = struct.unpack_from("<I", content, HEADER_SIZE + ENTRY_SIZE * layer + ARITHMETIC)
        for value in {*range(33), 1 << 31} - {right}:
            # 8 bits in the place of 16 are as good to the core, where the zero point allows
            if {value, right} not in ({2, 4}, {3, 5}):
                with pytest.raises(ValueError, match=r"model\.elstm: "):
                    opened(with_field(content, layer, ARITHMETIC, value), tmp_path)


def test_a_factor_that_is_no_positive_number_is_refused(tmp_path: Path) -> None:
    content = encode(quantize(source_of("capture")))
    inverse = 104 + 4 * 4  # of the LSTM, which rounds the float32 context
    for value in (0, 0x7F800000, 0x7FC00000, 0xBF800000, 0xFFFFFFFF):
        with pytest.raises(ValueError, match=r"model\.elstm: "):
            opened(with_field(content, 1, inverse, value), tmp_path)
