"""States that integer layers begin with: the C core's are the reference's after every reset, and near the floats'."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export.elstm import encode
from edgelstm.export.forms import FORMS
from edgelstm.layers import GRU, LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.reference import IntegerStream
from edgelstm.runtime import Model as RuntimeModel
from random_models import random_signal

FEATURES, UNITS = 3, 21


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("first")


def begun(seed: int, *, with_c: bool = True) -> Model:
    """LSTM, then GRU, each with a state to begin with."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    first = {"h0": rng.uniform(-3, 2, UNITS), "c0": drawn(UNITS) * 4 if with_c else None}
    lstm = LSTM(drawn(4 * UNITS, FEATURES), drawn(4 * UNITS, UNITS), drawn(4 * UNITS), **first)
    before = seed % 2 == 1
    weights = drawn(3 * UNITS, UNITS), drawn(3 * UNITS, UNITS), drawn(3 * UNITS), drawn(UNITS) * (not before)
    gru = GRU(*weights, "before" if before else "after", h0=rng.uniform(-1, 1, UNITS))
    layers = (lstm, gru, Dense(drawn(2, UNITS), drawn(2)))
    signal = random_signal(80, FEATURES, seed)
    model = Model(
        Normalize(np.zeros(FEATURES), np.ones(FEATURES)),
        layers,
        activation="linear",
        answer=Answer(),
        examples=(signal,),
    )
    return calibrate(model, model.examples)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), with_c=st.booleans(), wide=st.booleans())
def test_integers_begin_as_the_reference_does_and_again_after_a_reset(
    folder: Path, seed: int, with_c: bool, wide: bool
) -> None:
    quantized = quantize(begun(seed, with_c=with_c), input_codes="int16" if wide else "int8")
    frames = random_signal(12, FEATURES, seed + 1)
    expected = IntegerStream(quantized).push(frames)
    (folder / "m.elstm").write_bytes(encode(quantized))
    model = RuntimeModel(folder / "m.elstm")
    stream, pool, fresh = model.stream(), model.pool(2), model.stream().save()
    for _ in range(2):
        assert stream.save() == fresh
        for n, frame in enumerate(frames):
            assert stream.step(frame)
            np.testing.assert_array_equal(stream.output, expected.scores[n])
            for name, state in stream.states().items():
                np.testing.assert_array_equal(state, expected.states[name][n], name)
        saved = stream.save()
        stream.reset()
        stream.restore(saved)
        assert stream.save() == saved
        stream.reset()
    for frame in frames:
        pool.push(np.stack([frame, frame]), np.array([False, True]))
    assert [pool[0].save(), pool[1].save()] == [fresh, saved]


@pytest.mark.parametrize("seed", [1, 2])
def test_integers_begin_near_the_floats(seed: int) -> None:
    model = begun(seed)
    lstm, gru, _ = model.layers
    found = quantize(model).layers
    np.testing.assert_allclose(
        (found[0].h0.astype(float) - found[0].hidden.zero_point) * found[0].hidden.scale,
        lstm.h0,
        atol=found[0].hidden.scale / 2 + 1e-6,
    )
    np.testing.assert_allclose(
        found[0].c0 * 2.0 ** found[0].cell_exponent, lstm.c0, atol=2.0 ** found[0].cell_exponent
    )
    np.testing.assert_allclose(found[1].h0 / 2.0**15, gru.h0, atol=2.0**-15)
    frames = random_signal(20, FEATURES, 9)
    exact = forward.forward(model, frames).scores
    scores = IntegerStream(quantize(model)).push(frames).scores
    assert np.sqrt(((scores - exact) ** 2).mean()) < 0.05 * exact.std()


def test_a_state_that_int8_does_not_hold_is_refused() -> None:
    model = begun(2)
    lstm, gru, last = model.layers
    with pytest.raises(ValueError, match=r"^model model: gru0: h0 reaches 1\.5, more than the 1 that int8 holds"):
        quantize(replace(model, layers=(lstm, replace(gru, h0=np.full(UNITS, 1.5)), last)))


def test_a_file_whose_first_states_have_another_size_is_refused(tmp_path: Path) -> None:
    file = bytearray(encode(quantize(begun(3))))
    for size in (0, 1, 4 * UNITS * 2, 1 << 30):  # where there are none, the offset is 0 too
        wrong = bytearray(file)
        struct.pack_into("<I", wrong, 128 + 100, size)
        struct.pack_into("<I", wrong, 12, zlib.crc32(wrong[16:]))
        (tmp_path / "m.elstm").write_bytes(wrong)
        with pytest.raises(ValueError, match=r"m\.elstm: "):
            RuntimeModel(tmp_path / "m.elstm")


def test_only_the_c_core_begins_with_them() -> None:
    model = begun(4)
    held = {(form.format, form.name) for form in FORMS if form.why_not(model) is None and form.scales}
    assert held == {(form, precision) for form in ("elstm", "c") for precision in ("int8", "int4")}
