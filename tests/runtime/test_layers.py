"""The list of layers in a file's metadata: what is read, and what is refused in one line."""

import pytest

from edgelstm.runtime.layer import Layer, Part
from edgelstm.runtime.layers import MAX_LAYERS, frame_macs, parts_of_calls, parts_of_streams, read_layers


def entry(name, rows, channels, stride, **settings):
    return {"name": name, "kind": name.rstrip("0123456789"), "rows": rows, "channels": channels, "stride": stride} | (
        settings
    )


CONV = {"taps": 3, "step": 2, "dilation": 1, "activation": "relu"}
ROAD = [
    entry("context0", 8, 5, 2, hop=2),
    entry("conv0", 3, 7, 2, **CONV),
    entry("gru0", 1, 6, 2, reset="before"),
    entry("context1", 3, 6, 6, hop=3),
    entry("lstm0", 1, 4, 6),
    entry("dense0", 1, 2, 6, activation="linear"),
]


def read(entries, features=5, outputs=2):
    return read_layers({"layers": entries, "stride": 6}, features, outputs)


def test_every_kind_is_read_with_its_work():
    layers = read(ROAD)
    assert [layer.to_json() for layer in layers] == ROAD
    assert [layer.macs for layer in layers] == [
        0,
        3 * 7 * (3 * 5),  # 3 windows, 7 filters over 3 rows of 5
        3 * 6 * (3 * 7 + 6),
        0,
        4 * 4 * (3 * 6 + 4),
        2 * 4,
    ]


def test_the_work_of_a_frame_is_the_mean_over_frames():
    """In 6 frames the convolution and the GRU run three times, what follows once."""
    layers = read(ROAD)
    in_six = 3 * (layers[1].macs + layers[2].macs) + layers[4].macs + layers[5].macs
    assert frame_macs(layers) == -(-in_six // 6)


def test_parts_are_named_by_letter_and_place():
    layers = read(ROAD)
    assert parts_of_streams(layers) == {
        "past0": ("context0", (8, 5)),
        "pending0": ("context0", (1, 5)),
        "h0": ("gru0", (6,)),
        "past1": ("context1", (3, 6)),
        "pending1": ("context1", (2, 6)),
        "h1": ("lstm0", (4,)),
        "c1": ("lstm0", (4,)),
    }
    # A call takes six frames: nothing is pending, and context1 sees all its rows anew.
    assert parts_of_calls(layers) == {
        "past0": ("context0", (6, 5)),
        "h0": ("gru0", (6,)),
        "h1": ("lstm0", (4,)),
        "c1": ("lstm0", (4,)),
    }


def test_bytes_of_a_part():
    assert Part("past0", "context0", "int16", (3, 5)).bytes == 30
    assert Part("sums", "", "float64", (2, 3)).bytes == 48


def changed(place, **fields):
    return [*ROAD[:place], ROAD[place] | fields, *ROAD[place + 1 :]]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (None, r"expected a list of 1 to 64 layers"),
        ([], r"expected a list"),
        ([ROAD[0]] * (MAX_LAYERS + 1), r"expected a list"),
        ([5], r"layers\[0\]\.kind: 'None', expected one of lstm, "),
        (changed(0, kind="pool"), r"layers\[0\]\.kind: 'pool'"),
        (changed(0, kind=["lstm"]), r"layers\[0\]\.kind"),
        (changed(3, name="context0"), r"layers\[3\]\.name: 'context0', expected 'context1'"),
        (changed(0, rows=0), r"layers\[0\]\.rows: '0', expected a whole number from 1 to 4096"),
        (changed(0, rows=True), r"layers\[0\]\.rows"),
        (changed(0, channels=6), r"layers\[0\]\.channels: '6', expected 5"),
        (changed(0, hop=9), r"layers\[0\].*hop at most rows"),
        (changed(0, hop=1 << 80), r"layers\[0\]\.hop"),
        (changed(0, stride=1), r"layers\[0\]\.stride: '1', expected 2"),
        (changed(1, rows=4), r"layers\[1\]\.rows: '4', expected 3"),
        (changed(1, taps=9), r"layers\[1\]\.rows"),
        (changed(1, step=0), r"layers\[1\]\.step"),
        (changed(1, dilation=None), r"layers\[1\]\.dilation"),
        (changed(1, activation="tanh"), r"layers\[1\]\.activation: 'tanh', expected one of linear, relu"),
        (changed(2, reset=1), r"layers\[2\]\.reset"),
        (changed(4, rows=2), r"layers\[4\]\.rows: '2', expected 3"),
        (changed(5, channels=3), r"the last one's result is 1 × 3, expected 2 scores"),
        (ROAD[:-1], r"expected 2 scores"),
        ([ROAD[4], entry("dense0", 1, 2, 1, activation="linear")], r"layers\[0\]\.stride: '6', expected 1"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_in_one_line(entries, said):
    with pytest.raises(ValueError, match=rf"^metadata: [^\n]*{said}[^\n]*$") as refused:
        read(entries)
    assert "\n" not in str(refused.value)


def test_what_would_take_all_memory_is_refused():
    with pytest.raises(ValueError, match="16384 values"):
        read([entry("context0", 4096, 5, 1, hop=1)])
    far = [entry(f"context{n}", 4096, 4096**n, 4096 ** (n + 1), hop=4096) for n in range(2)]
    with pytest.raises(ValueError, match="frames"):
        read(far, features=1)


def test_an_entry_is_what_it_was_read_from():
    layer = Layer("dense0", "dense", 1, 2, 1, 10, 5, {"activation": "relu"})
    assert layer.to_json() == entry("dense0", 1, 2, 1, activation="relu")


def test_the_stride_is_the_last_layers():
    with pytest.raises(ValueError, match=r"^metadata: stride: '2', expected 6$"):
        read_layers({"layers": ROAD, "stride": 2}, 5, 2)
