"""Log-mel in files of anybody's making: tables that could overflow are refused, all others give finite answers."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export.elstm import HEADER_SIZE, encode
from edgelstm.runtime import Model
from sound_models import framed, hard_sound, hearing_model

MODEL = hearing_model(256, "running")
FILE = encode(MODEL)
FRAMES = framed(hard_sound(8000), 80)[::9]
TAPER, SCALES, TURNS, FILTERS = (
    struct.unpack_from("<2I", FILE, HEADER_SIZE + at) for at in (32, 40, 48, 56)
)  # offset, size
SMALLEST, LARGEST = -(1 << 31), (1 << 31) - 1


def opened(content: bytearray, folder: Path) -> Model:
    struct.pack_into("<I", content, 12, zlib.crc32(content[16:]))
    (folder / "model.elstm").write_bytes(content)
    return Model(folder / "model.elstm")


@pytest.mark.parametrize(
    ("place", "form", "values"),
    [
        (TAPER[0], "<i", [SMALLEST]),
        (TAPER[0], "<200i", [LARGEST] * 200),  # more than Hann's
        (TURNS[0], "<i", [LARGEST - 1]),  # the first of a stage turns nothing
        (TURNS[0] + 4 * 32, "<i", [1]),
        (TURNS[0] + 4 * 5, "<i", [SMALLEST]),
        (TURNS[0] + 4 * 37, "<i", [LARGEST]),  # beside a cosine that is no 0
        (TURNS[0] + TURNS[1] - 4 * 65, "<i", [LARGEST]),
        (FILTERS[0], "<2H", [120, 10]),  # beyond the last frequency
        (FILTERS[0] + 2, "<H", [0]),
        (FILTERS[0] + 2, "<H", [60]),  # more weights than there are
        (FILTERS[0] + 80, "<H", [4097]),
        (SCALES[0], "<I", [0x7FC00000]),
        (HEADER_SIZE + 84, "<i", [128]),  # size,
        (HEADER_SIZE + 84, "<i", [512]),
        (HEADER_SIZE + 88, "<i", [199]),  # window,
        (HEADER_SIZE + 88, "<i", [258]),
        (HEADER_SIZE + 88, "<i", [78]),  # below the hop
        (HEADER_SIZE + 92, "<i", [2]),  # level,
        (HEADER_SIZE + 92, "<i", [0]),
        (HEADER_SIZE + 104, "<i", [0]),  # its fall
        (HEADER_SIZE + 104, "<i", [1 << 20]),
        (HEADER_SIZE + 108, "<i", [-1]),  # and its reach
        (HEADER_SIZE + 112, "<i", [1]),
        (HEADER_SIZE + 36, "<I", [TAPER[1] - 4]),
        (HEADER_SIZE + 52, "<I", [TURNS[1] - 4]),
        (HEADER_SIZE + 60, "<I", [FILTERS[1] + 2]),
        (HEADER_SIZE + 60, "<I", [4]),
        (HEADER_SIZE + 20, "<I", [129]),
    ],
)
def test_tables_that_no_exporter_writes_are_refused(place: int, form: str, values: list[int], tmp_path: Path) -> None:
    content = bytearray(FILE)
    opened(content, tmp_path)
    struct.pack_into(form, content, place, *values)
    with pytest.raises(ValueError, match=r"^[^\n]*$"):
        opened(content, tmp_path)


def test_tables_changed_at_random_give_a_status_or_finite_answers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    taken = 0
    for _ in range(120):
        content = bytearray(FILE)
        offset, size = (TAPER, TURNS, FILTERS)[rng.integers(3)]
        at = offset + int(rng.integers(size))
        content[at] ^= int(rng.integers(1, 256))
        try:
            model = opened(content, tmp_path)
        except ValueError:
            continue
        taken += 1
        assert np.isfinite(model.stream().push(FRAMES)).all()
    assert taken > 8


def test_any_level_in_a_snapshot_gives_finite_answers(tmp_path: Path) -> None:
    model = opened(bytearray(FILE), tmp_path)
    stream = model.stream()
    stream.push(FRAMES)
    level = next(part for part in model.parts if part.name == "level0")
    assert level.dtype == "int16"
    saved = stream.save()
    for value in (-32768, -1, 0, 32767):
        changed = bytearray(saved)
        before = sum(part.bytes for part in model.parts[: model.parts.index(level)])
        struct.pack_into("<h", changed, 64 + before, value)
        struct.pack_into("<I", changed, 12, zlib.crc32(changed[16:]))
        stream.restore(bytes(changed))
        assert np.isfinite(stream.push(FRAMES)).all()
