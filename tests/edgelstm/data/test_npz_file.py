"""What NPZ files say of their sequences, however they say it; and recordings that come back from one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgelstm.data import load_dataset, store
from edgelstm.data.npz_file import read_npz_file
from edgelstm.data.npz_writing import save_recordings
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.tasks import Forecast, Frames, Regress, read_dataset

Command = Callable[..., Any]
X = np.arange(30, dtype=np.float64).reshape(3, 5, 2)
JOINED = {"X": X.reshape(15, 2)[:10], "lengths": np.array([3, 5, 2], np.uint8)}


def read(folder: Path, **arrays: Any) -> Recordings:
    path = folder / "d.npz"
    np.savez(path, **arrays)
    return read_npz_file(path)


def test_classes_of_any_type_keep_the_order_of_their_numbers(tmp_path: Path) -> None:
    for y, labels in (
        (np.array([10, 2, 10]), ("2", "10")),
        (np.array([-1, 3, 200], np.int16), ("-1", "3", "200")),
        (np.array([True, False, True]), ("False", "True")),
        (np.array([b"\xc3\xa9", b"b", b"b"]), ("b", "é")),
    ):
        np.savez(tmp_path / "d.npz", X=X, y=y)
        dataset = load_dataset(tmp_path / "d.npz")
        assert dataset.labels == labels
        texts = [one.decode() if isinstance(one, bytes) else str(one) for one in y.tolist()]
        assert [dataset.labels[place] for place in dataset.y] == texts


def test_labels_of_csv_that_are_numbers_are_in_their_order_too(tmp_path: Path) -> None:
    for label in (10, 9):
        for n in range(2):
            (tmp_path / f"{label}.{n}.csv").write_text("x\n1\n2\n")
    assert read_dataset(tmp_path).labels == ("9", "10")


def test_true_or_false_may_be_numbers_and_names_bytes(tmp_path: Path) -> None:
    found = read(
        tmp_path, X=X, y=np.array([True, False, True]), labels=np.array([b"no", b"yes"]), test=np.array([0, 1, 1]),
        group=np.array([b"eve", b"adam", b""]), feature_names=np.array([b"ax", b"ay"]),
    )  # fmt: skip
    assert [r.label for r in found.recordings] == ["yes", "no", "yes"]
    assert [r.test for r in found.recordings] == [False, True, True]
    assert [r.group for r in found.recordings] == ["eve", "adam", None]
    assert found.names == ("ax", "ay")


def test_each_frame_has_its_class(tmp_path: Path) -> None:
    y = np.array([0, 0, 1, 1, -1, 0, 0, 0, 1, 1])
    labels = np.array(["rest", "step"])
    found = read(tmp_path, **JOINED, y=y, labels=labels)
    wanted = [("rest", "rest", "step"), ("step", "", "rest", "rest", "rest"), ("step", "step")]
    assert [r.frame_labels for r in found.recordings] == wanted
    assert [len(r.frames) for r in found.recordings] == [3, 5, 2]
    frames = Frames().dataset(found)
    assert frames.targets is not None
    assert frames.targets[1].tolist() == [1, -1, 0, 0, 0]
    assert frames.labels == ("rest", "step")
    texts = read(tmp_path, **JOINED, y=np.array(["rest", "step", ""])[y])
    assert [r.frame_labels for r in texts.recordings] == wanted
    square = read(tmp_path, X=X, y=np.arange(15).reshape(3, 5) % 2, labels=labels)
    assert square.recordings[1].frame_labels == ("step", "rest", "step", "rest", "step")


@pytest.mark.parametrize(
    ("y", "names", "rows"),
    [
        (np.array([1.5, np.nan, 2.5]), ("value",), 1),
        (np.arange(6.0).reshape(3, 2), ("0", "1"), 1),
        (np.arange(15.0).reshape(3, 5), ("value",), 5),
        (np.arange(30.0).reshape(3, 5, 2), ("0", "1"), 5),
    ],
)
def test_real_numbers_are_to_be_told(y: Any, names: tuple[str, ...], rows: int, tmp_path: Path) -> None:
    found = read(tmp_path, X=X, y=y)
    assert found.target_names == names
    for recording, values in zip(found.recordings, y):
        assert recording.targets is not None
        np.testing.assert_array_equal(recording.targets, values.reshape(rows, len(names)))
    dataset = Regress(per="frame" if rows > 1 else "recording").dataset(found)
    assert dataset.targets is not None
    np.testing.assert_array_equal(dataset.targets[2], y[2].reshape(rows, len(names)))


def test_names_say_that_a_square_of_numbers_is_of_columns(tmp_path: Path) -> None:
    names = np.array(["a", "b", "c", "d", "e"])
    found = read(tmp_path, X=X, y=np.eye(3, 5, dtype=int), target_names=names)
    assert found.target_names == tuple(names)
    assert [r.targets.tolist() for r in found.recordings if r.targets is not None] == np.eye(3, 5)[:, None].tolist()
    several = read(tmp_path, X=X, y=np.array([[True, False], [True, True], [False, False]]), labels=names[:2])
    assert several.target_names == ("a", "b")


def test_without_y_there_is_no_truth_and_a_forecast_needs_none(tmp_path: Path) -> None:
    found = read(tmp_path, X=X)
    assert {(r.label, r.frame_labels, r.targets) for r in found.recordings} == {(None, None, None)}
    assert len(Forecast().dataset(found)) == 3
    with pytest.raises(ValueError, match="has no label"):
        load_dataset(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", X=X, y=np.zeros(3))
    with pytest.raises(ValueError, match=r"d\.npz: sequence 0: has numbers \(value\) and no label"):
        load_dataset(tmp_path / "d.npz")


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)
FINITE = st.floats(-(2.0**100), 2.0**100, width=32)


@st.composite
def anything(draw: st.DrawFn) -> Recordings:
    labels = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    features, targets = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    kind = draw(st.sampled_from(["none", "label", "frames", "targets"]))
    whole = []
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(2, 5))
        each = draw(st.booleans())
        values = hnp.arrays(np.float32, (count if each else 1, targets), elements=FINITE | st.just(np.nan))
        frames = st.lists(st.sampled_from([*labels, ""]), min_size=count, max_size=count)
        whole.append(
            Recording(
                draw(NAMES),
                draw(hnp.arrays(np.float32, (count, features), elements=FINITE)),
                draw(st.none() | st.sampled_from(labels)) if kind == "label" else None,
                tuple(draw(frames)) if kind == "frames" else None,
                draw(st.none() | NAMES),
                draw(st.booleans()),
                targets=draw(values) if kind == "targets" else None,
            )
        )
    return Recordings(
        tuple(whole),
        tuple(f"c{n}" for n in range(features)),
        ("V",) * features if draw(st.booleans()) else (),
        draw(st.floats(0, 1e6)),
        "a",
        "b",
        target_names=tuple(f"t{n}" for n in range(targets)) if kind == "targets" else (),
        labels=tuple(labels) if kind in ("label", "frames") else (),
    )


@pytest.mark.parametrize("held", [0, store.HELD])  # bytes in memory: all lies in files, or nothing
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recordings=anything())
def test_what_was_written_is_read(recordings: Recordings, held: int, tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    save_recordings(recordings, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "HELD", held)
        patch.setattr("edgelstm.data.npz.HELD", held)
        again = read_npz_file(path)
    for field in ("names", "units", "sample_rate", "name", "source", "target_names", "labels"):
        assert getattr(again, field) == getattr(recordings, field)
    each = any(r.targets is not None and len(r.targets) > 1 for r in recordings.recordings)
    for one, other in zip(recordings.recordings, again.recordings, strict=True):
        assert (one.name, one.label, one.frame_labels) == (other.name, other.label, other.frame_labels)
        assert (one.group, one.test) == (other.group, other.test)
        assert one.frames.tobytes() == other.frames.tobytes()
        if one.targets is not None:
            assert other.targets is not None
            rows = np.broadcast_to(one.targets, (len(one.frames) if each else 1, len(recordings.target_names)))
            np.testing.assert_array_equal(rows, other.targets)
    first = path.read_bytes()
    save_recordings(again, path)
    assert path.read_bytes() == first


ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.float16, np.int64, np.int8, np.uint64, np.bool_, "U2", "S2"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@pytest.mark.parametrize("held", [0, store.HELD])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrays=st.dictionaries(
        st.sampled_from(["X", "lengths", "y", "labels", "target_names", "group", "test", "sample_rate", "name"]),
        ARRAYS,
    ),
    good=st.booleans(),
)
def test_any_arrays_are_recordings_or_one_line(arrays: dict[str, Any], good: bool, held: int, tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, **({"X": np.zeros((2, 3, 1)), **arrays} if good else arrays))
    message, found = "", None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgelstm.data.npz.HELD", held)
        try:
            found = read_npz_file(path)
        except ValueError as error:
            message = str(error)
    assert (found is None) == message.startswith(f"{path}: ")
    assert "\n" not in message
    if found is None:
        return
    assert all(np.isfinite(r.frames).all() for r in found.recordings)
    save_recordings(found, tmp_path / "again.npz")
    read_npz_file(tmp_path / "again.npz")


def test_convert_writes_the_labels_of_frames(command: Command, tmp_path: Path) -> None:
    (tmp_path / "walk.csv").write_text("x,label\n1,rest\n2,step\n3,\n")
    assert command("data", "convert", tmp_path / "walk.csv", "-o", tmp_path / "walk.npz").code == 0
    (found,) = read_npz_file(tmp_path / "walk.npz").recordings
    assert (found.name, found.frame_labels) == ("walk.csv", ("rest", "step", ""))
    (tmp_path / "plain.csv").write_text("x\n1\n2\n")
    assert command("data", "convert", tmp_path / "plain.csv", "-o", tmp_path / "plain.npz").code == 0
    assert command("data", "inspect", tmp_path / "plain.npz").code == 0
