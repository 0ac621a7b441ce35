"""WAV files: against the standard library's writer, and against hostile bytes."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data.audacity import Stretch, labels_of_frames, read_label_track
from edgelstm.data.read import read_recordings
from edgelstm.data.recordings import BadFilesError
from edgelstm.wav import WavFormat, read_wav

RNG = np.random.default_rng(5)


def write(path: Path, samples: np.ndarray, rate: int = 8000, width: int = 2) -> Path:
    """samples (frames, channels) on the scale of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scaled = {
        1: lambda x: (x // 256 + 128).astype(np.uint8).tobytes(),
        2: lambda x: x.astype("<i2").tobytes(),
        3: lambda x: np.ascontiguousarray((x.astype("<i4") << 8).view(np.uint8).reshape(-1, 4)[:, :3]).tobytes(),
        4: lambda x: (x.astype("<i4") << 16).tobytes(),
    }[width](samples)
    with wave.open(str(path), "wb") as file:
        file.setparams((samples.shape[1], width, rate, 0, "NONE", ""))
        file.writeframes(scaled)
    return path


def read(path: Path) -> tuple[WavFormat, np.ndarray]:
    """A file's samples in one piece."""
    found, parts = read_wav(path)
    return found, np.concatenate(list(parts))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_on_the_scale_of_16_bits(tmp_path: Path, width: int, channels: int) -> None:
    samples = RNG.integers(-128, 128, (100, channels)) * 256
    found, samples_read = read(write(tmp_path / "x.wav", samples, width=width))
    np.testing.assert_array_equal(samples_read, samples)
    assert (found.rate, found.channels, found.bits, found.frames) == (8000, channels, 8 * width, 100)


def floats(rate: int, data: bytes, bits: int, *, extensible: bool, size: int | None = None) -> bytes:
    """A file of floats, which the standard library does not write."""
    if extensible:
        guid = struct.pack("<H", 3) + bytes.fromhex("000000001000800000aa00389b71")
        form = struct.pack("<HHIIHHHHI", 0xFFFE, 1, rate, rate * bits // 8, bits // 8, bits, 22, bits, 4) + guid
    else:
        form = struct.pack("<HHIIHH", 3, 1, rate, rate * bits // 8, bits // 8, bits)
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("extensible", [False, True])
def test_floats_and_extensible_formats(tmp_path: Path, bits: int, extensible: bool) -> None:
    samples = RNG.uniform(-1, 1, 50).astype(np.float32)
    data = samples.astype(f"<f{bits // 8}").tobytes()
    path = tmp_path / "x.wav"
    path.write_bytes(floats(16000, data, bits, extensible=extensible))
    np.testing.assert_allclose(read(path)[1][:, 0], samples * 32768, rtol=1e-6)
    # Streamed by a program that did not know the length.
    path.write_bytes(floats(16000, data, bits, extensible=extensible, size=0xFFFFFFFF))
    np.testing.assert_allclose(read(path)[1][:, 0], samples * 32768, rtol=1e-6)
    path.write_bytes(floats(16000, data[:-1], bits, extensible=extensible, size=len(data)))
    with pytest.raises(ValueError, match="truncated"):
        read(path)


def test_what_is_wrong_with_a_recording_says_where_and_what_to_do(tmp_path: Path) -> None:
    samples = np.zeros(400_000, np.float32)  # more than one piece
    samples[300_000] = np.nan
    for label, content in (("a", b""), ("b", samples.tobytes()), ("c", samples[:10].tobytes())):
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.wav").write_bytes(floats(16000, content, 32, extensible=False))
    with pytest.raises(BadFilesError) as caught:
        read_recordings(tmp_path)
    assert str(caught.value).splitlines() == [
        "a/x.wav: no samples, expected some; leave the file out",
        "b/x.wav: sample 300,001 (at 18.750 s): nan, expected a number of float32; mend the file or leave it out",
    ]


@given(st.data())
def test_hostile_files_are_refused_or_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = bytearray(floats(8000, np.ones(16, "<f4").tobytes(), 32, extensible=data.draw(st.booleans())))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        whole[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("wav") / "x.wav"
    path.write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    try:
        found, samples = read(path)
    except ValueError:
        return
    assert samples.shape == (found.frames, found.channels)
    assert np.isfinite(samples).all()


def test_speech_commands(tmp_path: Path) -> None:
    for label in ("yes", "no"):
        for speaker in ("a1", "b2", "c3"):
            write(tmp_path / f"{label}/{speaker}_nohash_0.wav", RNG.integers(-99, 99, (80, 1)))
    write(tmp_path / "_background_noise_/hum.wav", RNG.integers(-99, 99, (80, 1)))
    (tmp_path / "testing_list.txt").write_text("yes/b2_nohash_0.wav\nno/b2_nohash_0.wav\n")
    found = read_recordings(tmp_path)
    assert {(r.label, r.group, r.test) for r in found.recordings} == {
        (label, speaker, speaker == "b2") for label in ("yes", "no") for speaker in ("a1", "b2", "c3")
    }
    assert found.sample_rate == 8000


def test_a_list_of_files(tmp_path: Path) -> None:
    write(tmp_path / "sounds/1.wav", RNG.integers(-99, 99, (80, 1)))
    write(tmp_path / "sounds/2.wav", RNG.integers(-99, 99, (80, 1)))
    path = tmp_path / "list.csv"
    path.write_text("file,label,speaker\nsounds/1.wav,yes,ann\nsounds/2.wav,no,bob\n")
    assert [(r.label, r.group) for r in read_recordings(path).recordings] == [("yes", "ann"), ("no", "bob")]
    path.write_text("file,label\nsounds/1.wav,yes\nsounds/3.wav,no\n")
    with pytest.raises(BadFilesError, match=r"list.csv line 3: 'sounds/3.wav', expected"):
        read_recordings(path)


def test_label_tracks(tmp_path: Path) -> None:
    write(tmp_path / "x.wav", np.zeros((10, 1), np.int64), rate=10)
    (tmp_path / "x.txt").write_text("0,20\t0.5\tdog\n\\\t100\t200\n0.7\t0.7\tclick\n0.75\t1e308\tcat\n")
    (recording,) = read_recordings(tmp_path).recordings
    assert recording.frame_labels == ("", "", "dog", "dog", "dog", "", "", "cat", "cat", "cat")
    (tmp_path / "x.txt").write_text("0.2\t0.5\tdog\n0.9\t0.5\tdog\n")
    with pytest.raises(BadFilesError, match=r"x.txt line 2"):
        read_recordings(tmp_path)


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 3), st.sampled_from("ab")), max_size=5), st.floats(1, 50))
def test_a_frame_has_the_label_at_its_middle(stretches: list[tuple[float, float, str]], rate: float) -> None:
    tracks = [Stretch(start, start + length, label) for start, length, label in stretches]
    for n, label in enumerate(labels_of_frames(tracks, 40, rate)):
        middle = (n + 0.5) / rate
        if any(abs(middle - edge) < 1e-6 for t in tracks for edge in (t.start, t.end)):
            continue
        assert label == next((t.label for t in reversed(tracks) if t.start <= middle < t.end), "")


def test_a_label_track_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbf1.5\t2.5\ta b\r\n")
    assert read_label_track(tmp_path / "t.txt", "t.txt") == [Stretch(1.5, 2.5, "a b")]


def test_too_many_channels_are_called_that(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", np.zeros((4, 65)))
    with pytest.raises(ValueError, match=r"65 channels, expected 1 to 64$"):
        read_wav(path)
