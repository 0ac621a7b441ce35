"""Threads that share the frames of one stream: the bits of one thread, whoever of them runs and whenever."""

from __future__ import annotations

import os
import pathlib
import threading
from collections.abc import Callable

import numpy as np
import pytest

from edgelstm.export.elstm import encode, encode_bf16
from edgelstm.model import Model as SourceModel
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from edgelstm.runtime.engines import guard, stepping
from random_layers import random_layers
from random_models import random_model, random_signal

ENCODE: dict[str, Callable[[SourceModel], bytes]] = {
    "int8": lambda source: encode(quantize(source)),
    "int4": lambda source: encode(quantize(source, weights="int4")),
    "float32": encode,
    "bf16": encode_bf16,
}
FRAMES = 40

is_compiled = pytest.mark.skipif(
    stepping.CompiledStep is None, reason="no headers of Python where this wheel was built"
)


def opened(source: SourceModel, precision: str, folder: pathlib.Path, **settings: bool) -> Model:
    path = folder / f"{precision}.elstm"
    path.write_bytes(ENCODE[precision](source))
    return Model(path, **settings)


@pytest.fixture
def model(tmp_path: pathlib.Path) -> Model:
    return opened(random_model(8, [192], [3], frames=20), "int8", tmp_path)


@is_compiled
@pytest.mark.parametrize(
    ("precision", "seed"),  # GRU, dense; LSTM, dense, dense; GRU, conv, dense
    [("int8", 2), ("int8", 13), ("int8", 14), ("int4", 13), ("float32", 13), ("float32", 14), ("bf16", 2)],
)
def test_threads_give_the_bits_of_one_for_any_layers_split_and_saves(
    tmp_path: pathlib.Path, precision: str, seed: int
) -> None:
    model = opened(random_layers(seed, times=8, frames=24), precision, tmp_path, chunks=seed % 2 == 0)
    frames = random_signal(FRAMES, model.features, seed)
    assert max(layer.macs for layer in model.layers if layer.channels > 64) > 1 << 15  # so that steps are shared
    alone, stop = model.stream(), threading.Event()
    expected = alone.push(frames)
    load = threading.Thread(target=lambda: [sum(range(1000)) for _ in iter(stop.is_set, True)])
    load.start()
    try:
        for threads in (2, 3):
            stream, parts = model.stream(threads=threads), []
            for part in np.split(frames, [1, 2, 9, 30]):
                saved = stream.save()
                stream = model.stream(threads=threads)
                stream.restore(saved)
                parts.append(stream.push(part))
            np.testing.assert_array_equal(np.concatenate(parts), expected)
            assert stream.save() == alone.save()
            single = model.stream(threads=threads)
            steps = [single.output.copy() for frame in frames if single.step(frame)]
            np.testing.assert_array_equal(np.reshape(steps, expected.shape), expected)
            np.testing.assert_array_equal(single.answer(), alone.answer())
    finally:
        stop.set()
        load.join()


def _tasks() -> int:
    return len(list(pathlib.Path("/proc/self/task").iterdir()))


@is_compiled
@pytest.mark.skipif(not pathlib.Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_threads_are_there_as_long_as_the_stream(model: Model) -> None:
    before, frames = _tasks(), random_signal(FRAMES, 8)
    stream = model.stream(threads=3)
    assert _tasks() == before + 2
    stream.push(frames)
    step = stream.step
    del stream
    assert _tasks() == before + 2  # whoever has its step has it
    assert step(frames[0])
    del step
    assert _tasks() == before


@is_compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_goes_on_alone(model: Model) -> None:
    frames = random_signal(FRAMES, 8)
    stream, expected = model.stream(threads=2), model.stream().push(frames)
    np.testing.assert_array_equal(stream.push(frames[:9]), expected[:9])
    child = os.fork()
    if child == 0:
        same = False
        try:
            same = np.array_equal(stream.push(frames[9:]), expected[9:])
            del stream
        finally:
            os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(stream.push(frames[9:]), expected[9:])


@is_compiled
@pytest.mark.parametrize("threads", [0, -1, 65])
def test_numbers_that_cannot_be_are_refused(model: Model, threads: int) -> None:
    with pytest.raises(ValueError, match=f"^threads: {threads}, expected 1 to 64$"):
        model.stream(threads=threads)


@pytest.mark.parametrize("threads", [None, "two", 2.5, True])
def test_what_is_no_number_is_refused(model: Model, threads: object) -> None:
    with pytest.raises(ValueError, match=f"^threads: '{threads}', expected a whole number from 1 on$"):
        model.stream(threads=threads)  # type: ignore[arg-type]


def test_without_the_binding_there_is_one_thread(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "CompiledStep", None)
    monkeypatch.setattr(guard, "CompiledGuard", None)
    assert model.stream(threads=1).push(random_signal(2, 8)).shape == (2, 3)
    with pytest.raises(ImportError, match="threads: 2, expected 1: the compiled binding"):
        model.stream(threads=2)
