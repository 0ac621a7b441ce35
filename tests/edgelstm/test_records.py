import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.hints import near
from edgelstm.plain import file_name, ordinal
from edgelstm.records import (
    Bounds,
    Length,
    Pattern,
    Tagged,
    Unavailable,
    check,
    from_json,
    load,
    parse_json,
    parse_toml,
    to_json,
)

NO_HEAT = Unavailable("no sensor")


@dataclass(frozen=True)
class Part:
    share: Annotated[float, Bounds(0, below=1)] = 0.5
    sizes: Annotated[tuple[Annotated[int, Bounds(1, 8)], ...], Length(1, 3)] = (1,)


@dataclass(frozen=True)
class Whole:
    name: Annotated[str, Pattern("[a-z]+", "small letters")]
    count: int
    kind: Literal["one", "two"] = "one"
    rate: Annotated[float, Bounds(above=0, most=1)] = 1.0
    note: Annotated[str, Length(0, 5)] | None = None
    heat: float | Unavailable = NO_HEAT
    triads: tuple[tuple[int, int, int], ...] = ()
    loads: dict[str, float] = field(default_factory=dict)
    anything: object = None
    part: Part = field(default_factory=Part)

    def __post_init__(self) -> None:
        check(self)
        if self.count == 13:
            raise ValueError("count: 13, expected another one")


FULL = {
    "name": "x", "count": 3, "kind": "two", "rate": 0.5, "note": "hello",
    "heat": {"available": False, "reason": "no"},
    "triads": [[0, 1, 2]], "loads": {"a": 1.5}, "anything": [{"b": None}], "part": {"share": 0.0, "sizes": [8, 1]},
}  # fmt: skip


def test_what_was_written_is_read_again():
    found = from_json(Whole, FULL, "file")
    assert found == Whole(
        "x", 3, "two", 0.5, "hello", Unavailable("no"), ((0, 1, 2),), {"a": 1.5}, [{"b": None}], Part(0.0, (8, 1))
    )
    assert to_json(found) == FULL


def test_a_field_with_a_default_may_be_left_out():
    assert from_json(Whole, {"name": "x", "count": 3}) == Whole("x", 3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "X"}, "file: name: 'X', expected small letters"),
        ({"name": 3}, "file: name: 3, expected text"),
        ({"count": 1.5}, "file: count: 1.5, expected a whole number"),
        ({"count": True}, "file: count: true, expected a whole number"),
        ({"count": None}, "file: count: null, expected a whole number"),
        ({"count": 1 << 63}, "file: count: a number of over 64 bits, expected a whole number of at most 64 bits"),
        ({"count": 10**5000}, "file: count: a number of over 64 bits, expected a whole number of at most 64 bits"),
        ({"count": 13}, "file: count: 13, expected another one"),
        ({"kind": "three"}, "file: kind: 'three', expected one of one, two"),
        ({"kind": ["one"]}, "file: kind: a list of 1, expected one of one, two"),
        ({"rate": 0}, "file: rate: 0.0, expected more than 0 and at most 1"),
        ({"rate": 2}, "file: rate: 2.0, expected more than 0 and at most 1"),
        ({"rate": float("nan")}, "file: rate: nan, expected a finite number"),
        ({"rate": 10**400}, "file: rate: a number of over 64 bits, expected a finite number"),
        ({"note": "longer"}, "file: note: 'longer', expected 0 to 5 letters"),
        ({"heat": {"available": False}}, "file: heat.reason: null, expected text"),
        ({"heat": {"available": True}}, "file: heat: an object of 1, expected a number"),
        ({"triads": [[0, 1]]}, "file: triads[0]: a list of 2, expected 3 items"),
        ({"triads": [[0, 1, "z"]]}, "file: triads[0][2]: 'z', expected a whole number"),
        ({"loads": {"a": "much"}}, "file: loads['a']: 'much', expected a number"),
        ({"part": 3}, "file: part: 3, expected an object"),
        ({"part": {"share": 1}}, "file: part.share: 1.0, expected at least 0 and less than 1"),
        ({"part": {"sizes": []}}, "file: part.sizes: a list of 0, expected 1 to 3 items"),
        ({"part": {"sizes": [1, 9]}}, "file: part.sizes[1]: 9, expected 1 to 8"),
        ({"part": {"size": [1]}}, "file: part: unknown field 'size', perhaps 'sizes'"),
        ({"part": {"xyz": 1}}, "file: part: unknown field 'xyz', expected one of share, sizes"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], expected: str):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        from_json(Whole, {**FULL, **change}, "file")
    assert str(caught.value) == expected


def test_a_missing_field_is_named_and_an_unknown_one_may_be_skipped():
    with pytest.raises(ValueError, match=r"^no field 'count'$"):
        from_json(Whole, {"name": "x"})
    assert from_json(Whole, {"name": "x", "count": 1, "part": {"more": 2}, "more": 2}, strict=False) == Whole("x", 1)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rate": 0.0}, "rate: 0.0, expected more than 0 and at most 1"),
        ({"rate": float("nan")}, "rate: nan, expected more than 0"),
        ({"kind": "three"}, "kind: 'three', expected one of one, two"),
        ({"note": "longer"}, "note: 'longer', expected 0 to 5"),
        ({"name": "X"}, "name: 'X', expected small letters"),
    ],
)
def test_a_program_is_held_to_the_same_bounds(fields: dict[str, Any], expected: str):
    with pytest.raises(ValueError, match=expected):
        Whole(**{"name": "x", "count": 1, **fields})


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[1, Infinity]", "[" * 100_000, b"\xff\xfe", "1" * 5000, "{'a': 1}"]
)
def test_what_is_no_json_is_refused_in_one_line(text: str | bytes):
    with pytest.raises(ValueError, match=r"^file: no JSON \([^\n]+\)$"):
        parse_json(text, "file")


@pytest.mark.parametrize("text", ["a", "a = = 1", b"\xff\xfe", "a = " + "[" * 50_000])
def test_what_is_no_toml_is_refused_in_one_line(text: str | bytes):
    with pytest.raises(ValueError, match=r"^file: no TOML \([^\n]+\)$"):
        parse_toml(text, "file")


def test_a_file_is_read_by_its_suffix_and_up_to_a_bound(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "a.toml").write_text("a = 1")
    assert load(tmp_path / "a.json", 8) == load(tmp_path / "a.toml", 8) == {"a": 1}
    with pytest.raises(ValueError, match=r"a\.json: larger than 7 bytes"):
        load(tmp_path / "a.json", 7)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "b.json", 7)


def test_a_near_name_is_hinted_at():
    assert near("lenght", ["width", "length"]) == ", perhaps 'length'"
    assert near("xyz", ["width", "length"]) == ", expected one of width, length"
    assert near("xyz", []) == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(list(FULL)), json_values)
def test_a_changed_record_reads_or_is_refused_in_one_line(name: str, value: object):
    problem = f"file: {name}"
    try:
        found = from_json(Whole, {**FULL, name: value}, "file")
        assert from_json(Whole, json.loads(json.dumps(to_json(found)))) == found or name == "anything"
    except ValueError as error:
        problem = str(error)
    assert problem.startswith(f"file: {name}")
    assert "\n" not in problem


@dataclass(frozen=True)
class Circle:
    radius: Annotated[float, Bounds(0)]


@dataclass(frozen=True)
class Square:
    side: float = 1.0


@dataclass(frozen=True)
class Drawing:
    shapes: tuple[Annotated[Circle | Square, Tagged("kind", {"circle": Circle, "square": Square})], ...]


def test_a_tag_says_which_dataclass_it_is():
    found = from_json(Drawing, {"shapes": [{"kind": "square", "side": 2}, {"radius": 3.0, "kind": "circle"}]}, "file")
    assert found == Drawing((Square(2.0), Circle(3.0)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"kind": "cube"}, r"shapes\[0\]\.kind: 'cube', expected one of circle, square"),
        ({"kind": ["circle"]}, r"shapes\[0\]\.kind: a list of 1, expected one of circle, square"),
        ({"side": 2}, r"shapes\[0\]\.kind: null, expected one of circle, square"),
        ({"kind": "circle", "side": 2}, r"shapes\[0\]: unknown field 'side', expected one of radius"),
        ({"kind": "circle", "radius": -1}, r"shapes\[0\]\.radius: -1\.0, expected at least 0"),
        ("circle", r"shapes\[0\]: 'circle', expected an object"),
    ],
)
def test_what_is_wrong_with_a_tagged_one_is_named(shape, message):
    with pytest.raises(ValueError, match=f"^file: {message}"):
        from_json(Drawing, {"shapes": [shape]}, "file")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": ["b", "\\ud800"]}', r"a[1]: '\ud800', expected text without halves of surrogate pairs"),
        ('{"\\udfff": 1}', r"?: '\udfff', expected text without halves"),
        (
            b'{"a": "\xed\xa0\x80"}',
            r"a: '\ud800', expected text without halves",
        ),  # Python's lets it through
        ('{"a": {"b": 1e999}}', "a.b: inf, expected a finite number"),
        ('{"a":' * 70 + "1" + "}" * 70, "deeper than 64 lists and objects in one another"),
        ("[" * 70 + "]" * 70, "deeper than 64"),
        ("[" * 100_000, "no JSON"),
        ("1" * 5000, "no JSON"),
        ("NaN", "no JSON (NaN is not a number in JSON)"),
    ],
)
def test_json_that_cannot_be_written_again_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=r"^file\.json: ") as caught:
        parse_json(text, "file.json")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["x = inf", "x = [[1979-05-27]]", "x = 07:32:00", "a.b.c = nan"])
def test_toml_that_json_cannot_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^file\.toml: [xa][^\n]*expected [^\n]*$"):
        parse_toml(text, "file.toml")


def test_paths_of_any_bytes_go_from_us_to_us() -> None:
    path = "/\udcff.csv"  # as Python has a byte that is no UTF-8, where names are in UTF-8
    assert parse_json(json.dumps([path]), "plan", is_ours=True) == [path]
    assert file_name(Path(path)) == "\ufffd.csv"


def test_ordinals_end_as_they_are_spoken() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "112th",
    ]
