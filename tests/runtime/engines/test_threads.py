"""Two threads in one stream: the second is refused in one line, and nothing is harmed."""

from __future__ import annotations

import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from edgelstm.export import find_form
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from edgelstm.runtime.engines import guard, stepping
from edgelstm.runtime.engines.engine import EngineStream
from edgelstm.runtime.engines.open import open_model
from random_models import random_model, random_signal

FEATURES = 8
MODEL = random_model(FEATURES, [192], [3], answer=Answer("mean", 6, 2), frames=20)
FRAMES = random_signal(2000, FEATURES, 3)


@pytest.fixture(params=["compiled", "ctypes"])
def model(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    if request.param == "ctypes":
        monkeypatch.setattr(stepping, "CompiledStep", None)
        monkeypatch.setattr(guard, "CompiledGuard", None)
    elif stepping.CompiledStep is None:
        pytest.skip("the binding was not compiled: no headers of Python where this wheel was built")
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(quantize(MODEL)))
    model = Model(path)
    assert model.frame_macs >= stepping.RELEASE_MACS  # a step lets other threads run
    return model


class Busy:
    """Another thread that makes the same call again and again until the block ends."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.done = 0
        self.said: set[str] = set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._call()
                self.done += 1
            except RuntimeError as error:
                self.said.add(str(error))

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self.done
        assert self.said <= {"stream is in use by another thread", "pool is in use by another thread"}


def is_refused(call: Callable[[], object], what: str) -> bool:
    """Sooner or later: the other thread is inside most of the time, once it is let in."""
    for _ in range(10_000):
        time.sleep(0.001)
        try:
            call()
        except RuntimeError as error:
            return str(error) == f"{what} is in use by another thread"
    return False


CALLS: dict[str, Callable[[EngineStream, bytes], object]] = {
    "push": lambda stream, _: stream.push(FRAMES[:3]),
    "step": lambda stream, _: stream.step(FRAMES[0]),
    "step a list": lambda stream, _: stream.step([0.0] * FEATURES),
    "step the input": lambda stream, _: stream.step(),
    "answer": lambda stream, _: stream.answer(),
    "reset": lambda stream, _: stream.reset(),
    "save": lambda stream, _: stream.save(),
    "restore": lambda stream, saved: stream.restore(saved),
    "states": lambda stream, _: stream.states(),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_refused_while_another_thread_pushes(model: Model, name: str) -> None:
    stream = model.stream()
    stream.push(FRAMES[:2])
    saved = stream.save()
    with Busy(lambda: stream.push(FRAMES)):
        assert is_refused(lambda: CALLS[name](stream, saved), "stream")
    stream.reset()
    np.testing.assert_array_equal(stream.push(FRAMES[:20]), model.stream().push(FRAMES[:20]))


def test_a_pool_and_its_streams_keep_each_other_out(model: Model) -> None:
    pool = model.pool(64)
    with Busy(lambda: pool.push(FRAMES[:64])):
        assert is_refused(lambda: pool.push(FRAMES[:64]), "pool")
        assert is_refused(lambda: pool[3].push(FRAMES[:3]), "pool")
        assert is_refused(lambda: pool[5].reset(), "pool")
    with Busy(lambda: pool[0].push(FRAMES)):
        assert is_refused(lambda: pool.push(FRAMES[:64]), "pool")


@pytest.mark.parametrize("way", ["push", "step"])
def test_what_several_threads_get_through_is_whole(model: Model, way: str) -> None:
    stream, chunk, each = model.stream(), FRAMES[:5], 40

    def run() -> None:
        for _ in range(each):
            while True:
                try:
                    stream.push(chunk) if way == "push" else stream.step(chunk[0])
                    break
                except RuntimeError:
                    pass

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = model.stream()
    for _ in range(4 * each):
        alone.push(chunk if way == "push" else chunk[:1])
    assert stream.save() == alone.save()


def test_streams_of_one_model_run_side_by_side(model: Model) -> None:
    found: dict[int, np.ndarray] = {}

    def run(n: int) -> None:
        stream = model.stream()
        found[n] = np.concatenate([stream.push(part) for part in np.split(FRAMES, 20)])

    threads = [threading.Thread(target=run, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = model.stream().push(FRAMES)
    for answers in found.values():
        np.testing.assert_array_equal(answers, expected)


def test_a_refused_frame_lets_the_next_one_in(model: Model) -> None:
    stream = model.stream()
    for _ in range(3):
        with pytest.raises(ValueError, match="nan"):
            stream.step(np.full(FEATURES, np.nan, np.float32))
        with pytest.raises(ValueError, match="nan"):
            stream.push(np.full((2, FEATURES), np.nan))
    with Busy(lambda: stream.push(FRAMES[:1])):
        pass  # another thread may use it now


def test_a_handler_of_a_signal_may_look_into_the_stream_it_interrupts(model: Model) -> None:
    """It runs between two calls of the core: in the thread that is inside, and never beside it."""
    stream, seen = model.stream(), []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(stream.save()))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(seen) < 20:
            stream.push(FRAMES[:50])
            stream.step(FRAMES[0])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with Busy(lambda: stream.push(FRAMES[:1])):
        pass


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_other_engines_refuse_the_same(form: str, tmp_path: pathlib.Path) -> None:
    for needed in {"onnx": ("onnx", "onnxruntime"), "tflite": ("flatbuffers", "ai_edge_litert")}[form]:
        pytest.importorskip(needed)  # 32-bit ARM has none of them
    path = tmp_path / f"m.{form}"
    path.write_bytes(find_form(form, "float32").encode(MODEL, "float32"))
    stream = open_model(path).stream()
    stream.push(FRAMES[:4])
    saved = stream.save()
    with Busy(lambda: stream.push(FRAMES[:500])):
        for call in CALLS.values():
            assert is_refused(lambda: call(stream, saved), "stream")  # noqa: B023


@pytest.mark.parametrize("make", [guard.new_guard, guard.LockGuard])
def test_a_guard_knows_who_is_inside(make: Callable[[str], guard.Guard]) -> None:
    made, said = make("pool"), []

    def enter() -> None:
        try:
            with made:
                said.append("entered")
        except RuntimeError as error:
            said.append(str(error))

    def beside() -> str:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return said.pop()

    references = sys.getrefcount(made)
    assert beside() == "entered"
    with made:
        assert beside() == "pool is in use by another thread"
        with made:
            assert beside() == "pool is in use by another thread"
        assert beside() == "pool is in use by another thread"
    assert beside() == "entered"
    assert sys.getrefcount(made) == references
