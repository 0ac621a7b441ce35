"""The C core through its binding: the integers of the reference, the law of streams, and no way to harm it."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counts import some, times
from edgelstm import forward
from edgelstm.data import Dataset
from edgelstm.export.elstm import encode
from edgelstm.model import Answer, Model
from edgelstm.quantization import Granularity, quantize
from edgelstm.quantization.reference import IntegerStream
from edgelstm.runtime import Model as RuntimeModel
from edgelstm.runtime import kernel_name, version
from kernels_here import SETS, kernels_here
from random_models import random_model, random_signal
from with_layers import lstms_of, with_layers


def opened(model: object, path: pathlib.Path) -> RuntimeModel:
    path.write_bytes(encode(model))  # type: ignore[arg-type]
    return RuntimeModel(path)


AWKWARD = [1, 3, 7, 13, 16, 17, 33]


KERNELS = kernels_here()


@settings(max_examples=60, deadline=None)
@given(
    features=st.sampled_from(AWKWARD),
    units=st.lists(st.sampled_from(AWKWARD), min_size=1, max_size=3),
    hidden=st.lists(st.sampled_from(AWKWARD), max_size=2),
    outputs=st.sampled_from(AWKWARD),
    gain=st.sampled_from([0.2, 1.5, 8.0]),
    granularity=st.sampled_from(["per-row", "per-gate"]),
    seed=st.integers(0, 1 << 20),
)
def test_int8_is_the_reference_in_every_bit(
    tmp_path_factory: pytest.TempPathFactory,
    features: int,
    units: list[int],
    hidden: list[int],
    outputs: int,
    gain: float,
    granularity: Granularity,
    seed: int,
) -> None:
    model = random_model(features, units, [*hidden, outputs], seed=seed, gain=gain, activation="linear", frames=40)
    quantized = quantize(model, granularity)
    # Three times what calibration saw: inputs, gates and cells saturate.
    frames = 3 * random_signal(30, features, seed + 1)
    expected = IntegerStream(quantized).push(frames)
    path = tmp_path_factory.mktemp("m") / "m.elstm"
    for kernel in KERNELS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EDGELSTM_KERNEL", kernel)
            stream = opened(quantized, path).stream()
        assert stream.model.kernel == kernel
        for t, frame in enumerate(frames):
            scores = stream.push(frame)
            states = stream.states()
            for n in range(len(units)):
                np.testing.assert_array_equal(states[f"h{n}"], expected.states[f"h{n}"][t])
                np.testing.assert_array_equal(states[f"c{n}"], expected.states[f"c{n}"][t])
            np.testing.assert_array_equal(scores[0], expected.scores[t])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(63, 64), (65, 129), (64, 512), (512, 65)])
def test_int8_is_the_reference_at_large_sizes(tmp_path: pathlib.Path, kernel: str, size: tuple[int, int]) -> None:
    features, units = size
    quantized = quantize(random_model(features, [units], [12], activation="linear", frames=20))
    frames = 2 * random_signal(20, features, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGELSTM_KERNEL", kernel)
        stream = opened(quantized, tmp_path / "m.elstm").stream()
    expected = IntegerStream(quantized).push(frames)
    np.testing.assert_array_equal(stream.push(frames), expected.scores)
    np.testing.assert_array_equal(stream.states()["h0"], expected.states["h0"][-1])
    np.testing.assert_array_equal(stream.states()["c0"], expected.states["c0"][-1])


def test_a_kernel_set_that_cannot_run_here_is_refused(
    runtime_model: RuntimeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bogus", next(n for n in reversed(SETS) if n not in KERNELS)):
        monkeypatch.setenv("EDGELSTM_KERNEL", name)
        assert kernel_name() == "none"
        with pytest.raises(ValueError, match="EDGELSTM_KERNEL"):
            RuntimeModel(runtime_model.path)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("exponent", range(-15, -4))
def test_every_cell_scale_is_exact(
    tmp_path: pathlib.Path, exponent: int, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELSTM_KERNEL", kernel)
    from dataclasses import replace

    quantized = quantize(random_model(5, [19], [4], gain=4, activation="linear"))
    quantized = with_layers(quantized, lstms=(replace(lstms_of(quantized)[0], cell_exponent=exponent),))
    frames = random_signal(200, 5, 3)
    stream = opened(quantized, tmp_path / "m.elstm").stream()
    np.testing.assert_array_equal(stream.push(frames), IntegerStream(quantized).push(frames).scores)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["watch", "vowels"])
@pytest.mark.parametrize("granularity", some(["per-row", "per-gate"]))
def test_int8_is_the_reference_on_every_test_recording(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, which: str, granularity: Granularity
) -> None:
    """Of the watch's hundred, every fourth; all of them with EDGELSTM_ALL=1."""
    data: Dataset = request.getfixturevalue(which)
    model: Model = request.getfixturevalue(f"{which}_model")
    tests = data.subset(data.test) if data.test is not None else data.subset(~np.isin(data.groups, (1, 3)))
    if which == "watch":
        tests = tests.subset(range(0, len(tests), times(4, 1)))
    quantized = quantize(model, granularity)
    stream = opened(quantized, tmp_path / "m.elstm").stream()
    for sequence, expected in zip(tests.sequences, _batched(quantized, tests), strict=True):
        stream.reset()
        stream.push(sequence)
        states = stream.states()
        assert states.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(states[name], values, name)


def _batched(quantized: object, data: Dataset) -> list[dict[str, np.ndarray]]:
    """The states after each whole sequence."""
    from edgelstm.quantization.reference import final_states

    return final_states(quantized, data.sequences)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(
    features=st.sampled_from(AWKWARD),
    units=st.lists(st.sampled_from(AWKWARD), min_size=1, max_size=3),
    hidden=st.lists(st.sampled_from(AWKWARD), max_size=1),
    outputs=st.sampled_from(AWKWARD),
    activation=st.sampled_from(["softmax", "sigmoid", "linear"]),
    answer=st.sampled_from(
        [Answer(), Answer(hop=3), Answer("mean"), Answer("mean", 12, 4), Answer("mean", 5, 1), Answer("mean", 0, 7)]
    ),
    seed=st.integers(0, 1 << 20),
)
def test_float32_is_float64_up_to_rounding(
    tmp_path_factory: pytest.TempPathFactory,
    features: int,
    units: list[int],
    hidden: list[int],
    outputs: int,
    activation: str,
    answer: Answer,
    seed: int,
) -> None:
    model = random_model(
        features,
        units,
        [*hidden, outputs],
        seed=seed,
        answer=answer,
        activation=activation,
        frames=40,  # type: ignore[arg-type]
    )
    frames = random_signal(40, features, seed + 1)
    path = tmp_path_factory.mktemp("m") / "m.elstm"
    scores = forward.forward(model, frames).scores
    expected = forward.activate(forward.answers(scores, answer), model.activation)
    final = forward.activate(forward.final_answer(scores, answer), model.activation)
    for kernel in KERNELS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EDGELSTM_KERNEL", kernel)
            stream = opened(model, path).stream()
        np.testing.assert_allclose(stream.push(frames), expected, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(stream.answer(), final, rtol=2e-5, atol=2e-5)


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 60), max_size=6).map(sorted),
    precision=st.sampled_from(["int8", "float32"]),
    answer=st.sampled_from([Answer(), Answer(hop=0), Answer("mean", 20, 5), Answer("mean", 0, 4)]),
)
def test_any_split_with_any_saves_gives_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], precision: str, answer: Answer
) -> None:
    model = random_model(6, [17, 9], [5, 3], answer=answer)
    source = quantize(model) if precision == "int8" else model
    runtime = opened(source, tmp_path_factory.mktemp("m") / "m.elstm")
    frames = random_signal(60, 6, 5)
    whole = runtime.stream()
    once = whole.push(frames)
    parts = []
    snapshot = runtime.stream().save()
    for part in np.split(frames, cuts):
        stream = runtime.stream()  # a new one each time: all that is known comes from the snapshot
        stream.restore(bytearray(snapshot))
        parts.append(stream.push(part))
        snapshot = stream.save()
    np.testing.assert_array_equal(np.concatenate(parts), once)
    assert snapshot == whole.save()
    stepped = runtime.stream()
    emitted = []
    for frame in frames:
        stepped.input[:] = frame
        if stepped.step():
            emitted.append(stepped.output.copy())
    np.testing.assert_array_equal(np.array(emitted).reshape(once.shape), once)
    np.testing.assert_array_equal(stepped.answer(), whole.answer())


@pytest.mark.slow
def test_streaming_does_not_drift(watch: Dataset, watch_model: Model, tmp_path: pathlib.Path) -> None:
    """int8 against float64 over one stream of more than 10,000 frames: the error of h stays what it was."""
    frames = np.concatenate([x for x, g in zip(watch.sequences, watch.groups) if g == 2])[:12_000]
    assert len(frames) >= 10_000
    reference = forward.forward(watch_model, frames).states["h0"]
    quantized = quantize(watch_model)
    scale, zero = float(lstms_of(quantized)[0].hidden.scale), lstms_of(quantized)[0].hidden.zero_point
    stream = opened(quantized, tmp_path / "m.elstm").stream()
    error = np.empty(len(frames))
    for t, frame in enumerate(frames):
        stream.push(frame)
        error[t] = np.abs((stream.states()["h0"].astype(float) - zero) * scale - reference[t]).mean()
    early, late = error[200:3000].mean(), error[-3000:].mean()
    assert late < 2 * early + 0.01
    assert error[200:].mean() < 0.05


def test_what_a_model_says_of_itself(runtime_model: RuntimeModel) -> None:
    assert (runtime_model.features, runtime_model.outputs, runtime_model.precision) == (3, 2, "int8")
    assert runtime_model.labels == ("class 0", "class 1")
    assert runtime_model.feature_names == ("x0", "x1", "x2")
    assert runtime_model.sample_rate == 50.0
    assert runtime_model.frame_macs == 4 * 8 * (3 + 8) + 2 * 8
    # 64 of header, 3 bytes per unit, two blocks of two float64 sums
    assert runtime_model.snapshot_bytes == 64 + 3 * 8 + 2 * 2 * 8
    assert runtime_model.kernel == kernel_name()
    assert version().count(".") == 2


def test_memory_limit(runtime_model: RuntimeModel) -> None:
    runtime_model.stream(memory_limit=runtime_model.stream_bytes)
    with pytest.raises(ValueError, match=f"{runtime_model.stream_bytes} bytes, the memory limit is"):
        runtime_model.stream(memory_limit=runtime_model.stream_bytes - 1)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (np.zeros((2, 4)), r"shape \(2, 4\), expected \(frames, 3\)"),
        (np.zeros((1, 2, 3)), "shape"),
        ("abc", "dtype"),
        (np.zeros((2, 3), complex), "dtype"),
        ([[0, 0, 0], [0, float("nan"), 0]], r"frame 1, feature 1 \(x1\): nan"),
        ([[1e300, 0, 0]], r"frame 0, feature 0 \(x0\): 1e\+300"),
    ],
)
def test_wrong_frames_are_refused_and_change_nothing(runtime_model: RuntimeModel, frames: object, said: str) -> None:
    stream = runtime_model.stream()
    stream.push(random_signal(5, 3))
    before = stream.save()
    with pytest.raises(ValueError, match=said):
        stream.push(frames)  # type: ignore[arg-type]
    assert stream.save() == before


def test_a_refused_step_names_the_feature(runtime_model: RuntimeModel) -> None:
    stream = runtime_model.stream()
    stream.input[2] = np.inf
    with pytest.raises(ValueError, match=r"feature 2 \(x2\): inf"):
        stream.step()
    assert stream.frames == 0


def test_no_answer_before_the_first_frame(runtime_model: RuntimeModel) -> None:
    with pytest.raises(ValueError, match="no frame"):
        runtime_model.stream().answer()


def test_no_frames_is_nothing(runtime_model: RuntimeModel) -> None:
    stream = runtime_model.stream()
    assert stream.push(np.zeros((0, 3))).shape == (0, 2)
    assert stream.frames == 0


def test_a_snapshot_of_another_model_is_refused(runtime_model: RuntimeModel, tmp_path: pathlib.Path) -> None:
    other = opened(quantize(random_model(3, [8], [2], seed=1, answer=Answer("mean", 4, 2))), tmp_path / "o.elstm")
    with pytest.raises(ValueError, match="another model"):
        other.stream().restore(runtime_model.stream().save())
    for damaged in (b"", b"x", runtime_model.stream().save()[:-1], bytes(300)):
        with pytest.raises(ValueError, match="snapshot"):
            runtime_model.stream().restore(damaged)


def test_the_tables_of_the_c_core_are_those_of_the_reference(tmp_path: pathlib.Path) -> None:
    """All 65,536 values of sigmoid and of tanh at each scale, from the core's header in a program made here."""
    import shutil
    import subprocess

    from edgelstm.quantization.fixed_point import sigmoid_table, tanh_table

    root, compiler = pathlib.Path(__file__).parents[3], shutil.which("cc")
    if compiler is None or not (root / "runtime/core").exists():
        pytest.skip("no C compiler here, or no sources")
    folders = [f"-I{root / folder}" for folder in ("tests/c", "runtime/core/src", "runtime/core/include")]
    source, program = root / "tests/c/test_fixed_point.c", tmp_path / "test_fixed_point"
    subprocess.run([compiler, "-std=c11", "-O2", *folders, source, "-o", program, "-lm"], check=True)
    raw = subprocess.run([program, "dump"], capture_output=True, check=True).stdout
    tables = np.frombuffer(raw, "<i2").reshape(12, 65536)
    np.testing.assert_array_equal(tables[0], sigmoid_table())
    for bits in range(11):
        np.testing.assert_array_equal(tables[1 + bits], tanh_table(bits))
