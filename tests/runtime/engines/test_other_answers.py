"""Streams that are asked for other answers than their model's own: they are those of a model whose own these are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export import find_form
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.model import Model as SourceModel
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.kept_state import KeptState
from random_layers import random_layers
from random_models import random_model, random_signal

FRAMES = 40
FORMS = [("elstm", "int8"), ("elstm", "float32"), ("onnx", "float32"), ("tflite", "float32-explicit")]
ENGINES = {"onnx": ("onnx", "onnxruntime"), "tflite": ("flatbuffers", "ai_edge_litert")}


def in_runs(pooling: str, blocks: int, hop: int) -> Answer:
    return Answer(pooling, blocks * hop if pooling != "last" else 0, hop)  # type: ignore[arg-type]


ANSWERS = st.builds(in_runs, st.sampled_from(["last", "mean", "mean+max"]), st.integers(0, 20), st.integers(0, 4))


def over(source: SourceModel, answer: Answer) -> SourceModel:
    """`source` with `answer`, counted in its runs, as its own."""
    return replace(source, answer=Answer(answer.pooling, answer.window * source.stride, answer.hop * source.stride))


def asked(answer: Answer) -> dict[str, object]:
    return {"pooling": answer.pooling, "window": answer.window, "hop": answer.hop}


def exported(source: SourceModel, form: tuple[str, str], path: Path) -> EngineModel:
    for module in ENGINES.get(form[0], ()):
        pytest.importorskip(module)
    made = find_form(*form)
    path = path.with_suffix(made.suffix)
    path.write_bytes(made.encode(quantize(source) if made.scales else source))
    return open_model(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 16), ANSWERS, ANSWERS, st.lists(st.integers(0, FRAMES), max_size=4).map(sorted))
def test_asked_for_they_are_a_models_own_through_any_split_and_save(
    folder: Path, seed: int, own: Answer, other: Answer, cuts: list[int]
) -> None:
    source = random_layers(seed)
    wanted = over(source, other)
    (folder / "own.elstm").write_bytes(encode(quantize(over(source, own))))
    (folder / "wanted.elstm").write_bytes(encode(quantize(wanted)))
    model, expected = Model(folder / "own.elstm"), Model(folder / "wanted.elstm").stream()
    frames, options = random_signal(FRAMES, model.features, seed + 1), asked(wanted.answer)
    answers = [expected.output.copy() for frame in frames if expected.step(frame)]
    stream = model.stream(**options)
    assert stream.answering == expected.answering
    assert stream.snapshot_bytes == expected.snapshot_bytes
    pool, rows = model.pool(2, **options), []
    for frame in frames:
        found, answered = pool.push(np.stack([frame, frame]), np.array([True, False]))
        rows += list(found[:1][answered[:1]])
    parts = []
    for part in np.split(frames, cuts):
        parts.append(stream.push(part))
        saved, stream = stream.save(), model.stream(**options)
        stream.restore(saved)
    np.testing.assert_array_equal(np.concatenate(parts), np.reshape(answers, (-1, model.outputs)))
    np.testing.assert_array_equal(np.reshape(rows, (-1, model.outputs)), np.reshape(answers, (-1, model.outputs)))
    assert stream.save() == pool[0].save()
    assert stream.save()[64:] == expected.save()[64:]
    if stream.frames >= model.stride:
        np.testing.assert_array_equal(stream.answer(), expected.answer())


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize(("own", "other"), [(("last", 0, 0), ("mean", 6, 2)), (("mean", 9, 3), ("mean+max", 8, 2))])
def test_in_every_engine(tmp_path: Path, form: tuple[str, str], own: tuple, other: tuple) -> None:
    source = next(model for model in map(random_layers, range(99)) if model.stride > 1)
    model = exported(over(source, in_runs(own[0], own[1] and 3, own[2])), form, tmp_path / "own")
    wanted = over(source, Answer(*other))
    expected = exported(wanted, form, tmp_path / "wanted").stream()
    frames, options = random_signal(FRAMES, model.features, 5), asked(wanted.answer)
    stream = model.stream(**options)
    np.testing.assert_array_equal(stream.push(frames), expected.push(frames))
    saved = stream.save()
    assert len(saved) == stream.snapshot_bytes
    again = model.stream(**options)
    again.restore(saved)
    np.testing.assert_array_equal(again.push(frames), expected.push(frames))
    for others in (model.stream(), model.stream(hop=5 * model.stride, window=0)):
        before = others.save()
        with pytest.raises(ValueError, match=r"^snapshot: .* another pooling, window or hop$"):
            others.restore(saved)
        with pytest.raises(ValueError, match=r"^snapshot: .* another pooling, window or hop$"):
            stream.restore(before)
        assert others.save() == before


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_what_is_not_given_stays_the_models_own(tmp_path: Path, form: tuple[str, str]) -> None:
    model = exported(random_model(3, [5], [2], answer=Answer("mean", 12, 4)), form, tmp_path / "m")
    told = [
        (stream.answering.pooling, stream.answering.window, stream.answering.hop)
        for stream in (
            model.stream(),
            model.stream(hop=6),
            model.stream(window=0, hop=5),
            model.stream(pooling="last"),
            model.stream(pooling="mean", window=0),
        )
    ]
    assert told == [("mean", 12, 4), ("mean", 12, 6), ("mean", 0, 5), ("last", 0, 4), ("mean", 0, 4)]
    assert model.stream(pooling="mean", window=12, hop=4).save() == model.stream().save()


@pytest.mark.parametrize("form", FORMS[1:], ids=" ".join)
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"hop": 5}, "window: 12, expected a multiple of hop (5)"),
        ({"hop": 0}, "window: 12, expected 0 where hop is 0; with a window an answer has a hop"),
        ({"hop": -1}, "hop: -1, expected 0 to 1048576 frames"),
        ({"hop": True}, "hop: True, expected 0 to 1048576 frames"),
        ({"hop": 4.0}, "hop: 4.0, expected 0 to 1048576 frames"),
        ({"window": 1 << 21}, "window: 2097152, expected 0 to 1048576 frames"),
        ({"pooling": "last", "window": 12}, "window: 12, expected 0 with pooling last; a mean has a window"),
        ({"pooling": "median"}, "pooling: median, expected one of last, mean, mean+max"),
        ({"hop": 1, "window": 1 << 20}, "window: 1048576, expected at most 838860 times hop (1)"),
    ],
)
def test_what_a_model_cannot_answer_is_refused_in_one_line(
    folder: Path, form: tuple[str, str], options: dict[str, object], line: str
) -> None:
    source = random_model(3, [5], [20], answer=Answer("mean", 12, 4))
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole line is compared
        exported(source, form, folder / "refused").stream(**options)
    assert str(raised.value) == line


def test_a_hop_between_two_scores_is_refused(tmp_path: Path) -> None:
    source = next(model for model in map(random_layers, range(99)) if model.stride == 2)
    model = exported(source, ("elstm", "int8"), tmp_path / "m")
    with pytest.raises(
        ValueError, match=r"^hop: 3, expected a multiple of 2: the model's scores come every 2 frames"
    ):
        model.stream(hop=3, pooling="last")


def test_memory_is_known_to_the_byte_whatever_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(random_model(3, [5], [2])))
    model = Model(path)
    ring = 64 * 2 * 8  # 64 rows of two float64 sums; above them 4 totals
    needed = model.stream_bytes + ring + 4 * 2 * 8
    assert model.stream_size(model.answering("mean", 64, 1)) == needed
    assert model.pool(3, pooling="mean", window=64).memory_bytes == 64 + 3 * needed
    model.stream(needed, pooling="mean", window=64)
    with pytest.raises(ValueError, match=f"a stream takes {needed} bytes, the memory limit is {needed - 1}"):
        model.stream(needed - 1, pooling="mean", window=64)


def test_a_kept_state_belongs_to_the_answers_that_it_was_kept_with(tmp_path: Path) -> None:
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(random_model(3, [5], [2])))
    model, state = Model(path), tmp_path / "state"

    def kept(hop: int) -> KeptState:
        return KeptState(model.stream(hop=hop), state, every=0.0, most_age=0.0, tell=lambda _: None)

    kept(4).save()
    kept(4).load()
    with pytest.raises(ValueError, match="state: snapshot: the snapshot is of a stream with another pooling, window"):
        kept(1).load()
