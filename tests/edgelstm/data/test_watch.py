"""The smartwatch recordings: the restricted unpickler, and the facts that are known of the set."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data import load_dataset
from edgelstm.data.npz_file import read_npz_file
from edgelstm.data.npz_writing import save_recordings
from edgelstm.data.watch import MEMBER, read_watch, read_watch_recordings, unpickle_arrays

WATCH = Path(__file__).parents[3] / "data" / "watch.npz"


def npy(content: bytes) -> bytes:
    """An .npy file with one pickled object."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + content


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def test_what_numpy_pickles_is_read_as_numpy_reads_it() -> None:
    arrays = [np.arange(12.0).reshape(4, 3), np.asfortranarray(np.arange(6).reshape(2, 3))]
    content = {"X": arrays, "names": ["a", "b"], "n": 3}
    file = io.BytesIO()
    np.save(file, np.array(content, dtype=object), allow_pickle=True)
    for data in (file.getvalue(), npy(pickle.dumps(content, protocol=2))):
        read = unpickle_arrays(data)
        assert read["names"] == ["a", "b"]
        assert read["n"] == 3
        for mine, theirs in zip(read["X"], arrays):
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype


@pytest.mark.parametrize("protocol", range(5))
def test_a_malicious_pickle_is_refused_and_never_runs(protocol: int, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    attacks: list[Any] = [
        Call(Path.touch, proof),
        Call(eval, f"__import__('os').mknod({str(proof)!r})"),
        Call(np.fromfile, "/etc/hostname"),
        Call(np.ndarray, (1 << 40,)),
        [1, {"deep": Call(print, "hello")}],
        np.array([Call(eval, f"__import__('os').mknod({str(proof)!r})")], dtype=object),
    ]
    for attack in attacks:
        with pytest.raises(ValueError, match="refused pickle"):
            unpickle_arrays(npy(pickle.dumps(attack, protocol=protocol)))
    assert not proof.exists()
    pickle.loads(pickle.dumps(attacks[1], protocol=protocol))  # the attack is real: it runs elsewhere
    assert proof.exists()


@pytest.mark.parametrize(
    "attack",
    [
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",  # another codec
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # an object of a stand-in class
        b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R.",
        b"\x80\x02cedgelstm.data.watch\nread_watch\n.",
        b"\x80\x02c__builtin__\neval\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"",
        b"\x80\x02",
        b"\x80\x02]",
        b"garbage",
    ],
)
def test_hostile_bytes_are_refused(attack: bytes) -> None:
    with pytest.raises(ValueError, match="refused pickle"):
        unpickle_arrays(npy(attack))


def test_an_array_state_that_lies_about_its_size_is_refused() -> None:
    good = pickle.dumps(np.arange(4.0), protocol=2)
    assert good.count(b"K\x04\x85") == 1  # the shape (4,)
    with pytest.raises(ValueError, match="without its bytes"):
        unpickle_arrays(npy(good.replace(b"K\x04\x85", b"K\x40\x85")))


def test_another_wheel_is_refused_by_name(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("readme", "hello")
    with pytest.raises(ValueError, match=r"other\.whl: not the wheel of seglearn"):
        read_watch(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, npy(pickle.dumps({"X": []}, protocol=2)))
    with pytest.raises(ValueError, match=r"other\.whl: not the wheel of seglearn"):
        read_watch(wheel)


def test_names_tell_the_arm_and_survive_the_file(tmp_path: Path) -> None:
    content = {
        "X": [np.full((4, 6), n, float) for n in range(3)],
        "y_labels": ["PEN", "ABD"],
        "y": np.array([0, 1, 1]),
        "subject": np.array([7, 7, 10]),
        "side": np.array([1.0, 0.0, 1.0]),
        "X_labels": ["ax", "ay", "az", "wx", "wy", "wz"],
    }
    wheel, file = tmp_path / "seglearn.whl", tmp_path / "watch.npz"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, npy(pickle.dumps(content, protocol=2)))
    save_recordings(read_watch_recordings(wheel), file)
    read = read_npz_file(file)
    names = [recording.name for recording in read.recordings]
    assert names == ["person 7, right arm", "person 7, left arm", "person 10, right arm"]
    for dataset in (load_dataset(file), read_watch(wheel)):
        assert dataset.labels == ("pendulum", "abduction")
        assert dataset.y.tolist() == [0, 1, 1]
        assert dataset.groups.tolist() == [7, 7, 10]
        assert not dataset.is_each_alone


@pytest.mark.skipif(not WATCH.exists(), reason="data/watch.npz is made by `make data`")
def test_known_facts_of_the_set() -> None:
    watch = load_dataset(WATCH)
    lengths = [len(x) for x in watch.sequences]
    assert (len(watch), min(lengths), max(lengths), watch.features) == (140, 947, 2618, 6)
    assert sorted(set(watch.groups.tolist())) == list(range(1, 11))
    # Each of the 10 people did each of the 7 exercises with both arms.
    pairs, counts = np.unique(np.stack([watch.y, watch.groups]), axis=1, return_counts=True)
    assert pairs.shape == (2, 70)
    assert (counts == 2).all()
    assert watch.sample_rate == 50
    assert watch.feature_names == ("ax", "ay", "az", "wx", "wy", "wz")
    # An arm that moves slowly feels gravity: the accelerometer's unit is g.
    norm = np.linalg.norm(np.concatenate(watch.sequences)[:, :3], axis=1)
    assert np.median(norm) == pytest.approx(1, abs=0.1)
