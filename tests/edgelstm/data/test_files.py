"""Data files: what was saved comes back, and what is no data set is refused by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgelstm.data import Dataset, load_dataset, save_dataset
from edgelstm.data.npz import read_npz, write_npz

FINITE = st.floats(-(2.0**100), 2.0**100, width=32)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    count, features, classes = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    shapes = [(draw(st.integers(1, 9)), features) for _ in range(count)]
    names = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8))
    labels = draw(names.filter(lambda n: len(n) >= classes and len(set(n)) == len(n)))
    return Dataset(
        sequences=tuple(draw(hnp.arrays(np.float32, shape, elements=FINITE)) for shape in shapes),
        y=draw(hnp.arrays(np.int64, count, elements=st.integers(0, classes - 1))),
        labels=tuple(labels),
        groups=draw(hnp.arrays(np.int64, count, elements=st.integers(-5, 5))),
        feature_names=tuple(f"f{n}" for n in range(features)) if draw(st.booleans()) else (),
        feature_units=("m/s²",) * features if draw(st.booleans()) else (),
        sample_rate=draw(st.floats(0, 1e6)),
        name=draw(st.sampled_from(["a", "été"])),
        test=draw(st.none() | hnp.arrays(np.bool_, count)),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dataset=datasets())
def test_saving_and_loading_gives_the_same_data_set(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    save_dataset(dataset, path)
    again = load_dataset(path)
    assert [x.tobytes() for x in again.sequences] == [x.tobytes() for x in dataset.sequences]
    for name in ("y", "groups", "test"):
        np.testing.assert_array_equal(getattr(again, name), getattr(dataset, name))
    for name in ("labels", "feature_names", "feature_units", "sample_rate", "name", "source"):
        assert getattr(again, name) == getattr(dataset, name)
    first = path.read_bytes()
    save_dataset(again, path)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["set.npz"]


def written(path: Path, **arrays: Any) -> Path:
    good = {"X": np.zeros((3, 5, 2)), "y": np.array([0, 1, 1]), "labels": np.array(["a", "b"])}
    np.savez(path, **{k: v for k, v in (good | arrays).items() if v is not None})
    return path


def test_a_plain_file_needs_only_x_and_y(tmp_path: Path) -> None:
    dataset = load_dataset(written(tmp_path / "d.npz", labels=None, y=np.array(["up", "down", "up"])))
    assert dataset.labels == ("down", "up")
    assert dataset.y.tolist() == [1, 0, 1]
    assert len(set(dataset.groups.tolist())) == 3  # no group: each sequence is its own
    assert [x.shape for x in dataset.sequences] == [(5, 2)] * 3


def test_subjects_may_be_names(tmp_path: Path) -> None:
    dataset = load_dataset(written(tmp_path / "d.npz", subject=np.array(["eve", "adam", "eve"])))
    assert dataset.groups.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("field", "arrays"),
    [
        ("X", {"X": None}),
        ("X", {"X": np.zeros((3, 5))}),
        ("X", {"X": np.zeros((3, 5, 2), complex)}),
        ("X: sequence 0", {"X": np.full((3, 5, 2), np.nan)}),
        ("X: sequence 0", {"X": np.full((3, 5, 2), 1e300)}),  # infinite as float32
        ("X", {"X": np.zeros((3, 0, 2))}),
        ("lengths", {"X": np.zeros((9, 2)), "lengths": np.array([3, 3, 4])}),
        ("lengths", {"X": np.zeros((9, 2)), "lengths": np.array([-3, 6, 6])}),
        ("lengths", {"X": np.zeros((9, 2)), "lengths": np.array([2**62, 2**62, 2**63 + 9], np.uint64)}),
        ("y", {"y": np.array([0, 1, 2])}),
        ("y", {"y": np.array([0.0, 1.0, 1.0])}),
        ("y", {"y": np.array([0, 1])}),
        ("labels", {"labels": np.array(["a", "a"])}),
        ("labels", {"labels": np.array([1, 2])}),
        ("labels", {"y": None}),
        ("y", {"y": np.array([0, -2, 1])}),
        ("y", {"y": np.array(["a", "b", "c"])}),
        ("target_names", {"y": np.zeros((3, 4), int), "labels": None, "target_names": np.array(["a"])}),
        ("labels", {"y": np.zeros((3, 4), int)}),
        ("y", {"y": np.array([0, np.inf, 1]), "labels": None}),
        ("y", {"y": np.array([0, 1e300, 1]), "labels": None}),
        ("y", {"y": np.zeros((3, 5, 0)), "labels": None}),
        ("y", {"y": np.zeros((2, 5)), "labels": None}),
        ("y", {"y": np.full((3, 4), "up"), "labels": None}),
        ("y", {"y": np.array([b"\xff", b"a", b"a"]), "labels": None}),
        ("y", {"y": np.zeros(3, complex)}),
        ("target_names", {"y": np.zeros((3, 2)), "labels": None, "target_names": np.array(["a", "a"])}),
        ("group", {"group": np.array([1, 2])}),
        ("group", {"group": np.array([1.0, 2.0, 2.0])}),
        ("recording_names", {"recording_names": np.array(["a"])}),
        ("group", {"group": np.zeros(3, int), "subject": np.zeros(3, int)}),
        ("feature_names", {"feature_names": np.array(["x"])}),
        ("sample_rate", {"sample_rate": np.array(np.nan)}),
        ("sample_rate", {"sample_rate": np.array("fast")}),
        ("test", {"test": np.array([0, 1, 2])}),
        ("test", {"test": np.array([0.0, 1.0, 1.0])}),
        ("wieght", {"wieght": np.zeros(3)}),
        ("y", {"y": np.array([0, 1, None], dtype=object)}),
    ],
)
def test_bad_content_is_one_line_that_names_file_and_field(
    field: str, arrays: dict[str, Any], tmp_path: Path
) -> None:
    path = written(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=rf"bad\.npz: .*{field}") as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_unpacks_to_too_much_is_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    write_npz(path, {"X": np.zeros((1 << 20,))})  # 8 MiB, packed to a few KiB
    with pytest.raises(ValueError, match="at most"):
        read_npz(path, max_bytes=1 << 20)
    assert read_npz(path)["X"].size == 1 << 20


def test_a_header_that_claims_more_than_the_file_holds_takes_no_memory(tmp_path: Path) -> None:
    data = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)}
    np.lib.format.write_array_header_1_0(data, header)
    path = tmp_path / "claim.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", data.getvalue() + b"\0" * 64)
    with pytest.raises(ValueError, match=r"claim\.npz: X: shape"):
        read_npz(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(0, 255))
def test_damage_is_a_value_error_or_leaves_valid_data(where: float, flip: int, tmp_path: Path) -> None:
    path = written(tmp_path / "d.npz")
    data = bytearray(path.read_bytes())
    place = int(where * len(data))
    damaged = data[:place] if flip == 0 else data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
    path.write_bytes(damaged)
    message, dataset = "", None
    try:
        dataset = load_dataset(path)
    except ValueError as error:
        message = str(error)
    assert (dataset is None) == message.startswith(f"{path}: ")
    assert "\n" not in message
    if dataset is not None:
        assert flip
        assert all(np.isfinite(x).all() for x in dataset.sequences)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_dataset(tmp_path / "none.npz")


def test_writing_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    write_npz(path, {"X": np.arange(3)})
    with pytest.raises(ValueError, match=r"d\.npz: X"):
        write_npz(path, {"X": np.array([None])})
    assert read_npz(path)["X"].tolist() == [0, 1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["d.npz"]
