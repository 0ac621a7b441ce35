"""What a shared library asks of a machine, read from its ELF headers. Every offset is checked before it is used."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_MOST_SECTIONS = 256
_MOST_ENTRIES = 20_000
_MACHINES = {3: "i686", 40: "arm", 62: "x86_64", 183: "aarch64"}
_DYNAMIC, _SYMBOLS, _VERSIONS_NEEDED, _ARM_ATTRIBUTES = 6, 11, 0x6FFFFFFE, 0x70000003  # types of sections
_NEEDED = 1  # tag of an entry of the dynamic section
_HARD_FLOAT = 0x400  # of an ARM header's flags


@dataclass(frozen=True)
class ArmAttributes:
    """Build attributes of 32-bit ARM, by the numbers of Arm's ABI (addenda32); 0 where the library names none."""

    cpu_arch: int = 0  # 6 v6, 7 v6KZ, 9 v6K, 10 v7, 14 v8
    fp_arch: int = 0  # 2 VFPv2, 3 VFPv3, 4 VFPv3-D16, 5 VFPv4
    simd_arch: int = 0  # 1 NEON, 2 NEON with fused multiply-add
    vfp_args: int = 0  # 1: floats are passed in floating-point registers


@dataclass(frozen=True)
class Library:
    """A shared library's demands and offers."""

    machine: str  # arm, aarch64, x86_64, i686, or the number of another
    bits: int
    hard_float: bool  # flag of 32-bit ARM
    arm: ArmAttributes
    needed: tuple[str, ...]  # libraries, such as libc.so.6
    versions: tuple[str, ...]  # of symbols, such as GLIBC_2.17
    exports: tuple[str, ...]
    imports: tuple[str, ...]


class _Section(NamedTuple):
    kind: int
    data: bytes
    link: int


def read_library(data: bytes) -> Library:
    """The facts of a little-endian ELF shared library. ValueError says what is wrong with other bytes."""
    try:
        return _read(data)
    except struct.error:
        raise ValueError("an ELF table ends too early") from None


def _read(data: bytes) -> Library:
    if data[:4] != b"\x7fELF":
        raise ValueError("no ELF file")
    if data[4] not in (1, 2) or data[5] != 1:
        raise ValueError("no little-endian ELF file of 32 or 64 bits")
    bits = 32 * data[4]
    word = "I" if bits == 32 else "Q"
    kind, machine = struct.unpack_from("<HH", data, 16)
    if kind != 3:
        raise ValueError("no shared library")
    flags = struct.unpack_from("<I", data, 36 if bits == 32 else 48)[0]
    sections = _sections(data, bits, word)
    exports, imports = _symbols(sections, bits)
    return Library(
        machine=_MACHINES.get(machine, str(machine)),
        bits=bits,
        hard_float=machine == 40 and bool(flags & _HARD_FLOAT),
        arm=_arm_attributes(next((s.data for s in sections if s.kind == _ARM_ATTRIBUTES), b"")),
        needed=tuple(_needed(sections, word)),
        versions=tuple(sorted(set(_versions(sections)))),
        exports=tuple(sorted(exports)),
        imports=tuple(sorted(imports)),
    )


def _sections(data: bytes, bits: int, word: str) -> list[_Section]:
    start = struct.unpack_from(f"<{word}", data, 32 if bits == 32 else 40)[0]
    size, count = struct.unpack_from("<HH", data, 46 if bits == 32 else 58)
    layout = struct.Struct(f"<II{word * 4}II{word * 2}")
    if size != layout.size or not 1 <= count <= _MOST_SECTIONS:
        raise ValueError(f"{count} section headers of {size} bytes, expected 1 to {_MOST_SECTIONS} of {layout.size}")
    if start + count * size > len(data):
        raise ValueError("the section headers lie beyond the file")
    found = []
    for n in range(count):
        _, kind, _, _, offset, length, link, *_ = layout.unpack_from(data, start + n * size)
        if kind == 8:  # .bss has no bytes in the file
            length = 0
        if length and offset + length > len(data):
            raise ValueError(f"section {n} ends beyond the file")
        found.append(_Section(kind, data[offset : offset + length], link))
    return found


def _linked(sections: list[_Section], section: _Section) -> bytes:
    """The table of names that goes with a section."""
    if section.link >= len(sections):
        raise ValueError(f"a section links to section {section.link} of {len(sections)}")
    return sections[section.link].data


def _name(table: bytes, offset: int) -> str:
    end = table.find(b"\0", offset) if offset < len(table) else -1
    if end < 0 or end - offset > 1000:
        raise ValueError("a name lies outside its table")
    return table[offset:end].decode("ascii", "replace")


def _needed(sections: list[_Section], word: str) -> Iterator[str]:
    layout = struct.Struct(f"<{word}{word}")
    for section in sections:
        if section.kind == _DYNAMIC:
            whole = len(section.data) - len(section.data) % layout.size
            for tag, value in layout.iter_unpack(section.data[: min(whole, _MOST_ENTRIES * layout.size)]):
                if tag == _NEEDED:
                    yield _name(_linked(sections, section), value)


def _symbols(sections: list[_Section], bits: int) -> tuple[set[str], set[str]]:
    """(defined, undefined) global names."""
    layout = struct.Struct("<IIIBBH" if bits == 32 else "<IBBHQQ")
    exports: set[str] = set()
    imports: set[str] = set()
    for section in sections:
        if section.kind != _SYMBOLS:
            continue
        if len(section.data) % layout.size or len(section.data) > _MOST_ENTRIES * layout.size:
            raise ValueError(f"a table of symbols of {len(section.data)} bytes")
        for fields in layout.iter_unpack(section.data):
            name, info, place = (fields[0], fields[3], fields[5]) if bits == 32 else (fields[0], fields[1], fields[3])
            if info >> 4 in (1, 2) and name:  # global or weak
                (exports if place else imports).add(_name(_linked(sections, section), name))
    return exports, imports


def _versions(sections: list[_Section]) -> Iterator[str]:
    for section in sections:
        if section.kind != _VERSIONS_NEEDED:
            continue
        names, entry = _linked(sections, section), 0
        for _ in range(_MOST_SECTIONS):
            _, count, _, first, following = struct.unpack_from("<HHIII", section.data, entry)
            place = entry + first
            for _ in range(min(count, _MOST_SECTIONS)):
                _, _, _, name, step = struct.unpack_from("<IHHII", section.data, place)
                yield _name(names, name)
                place += step
            if not following:
                break
            entry += following


def _arm_attributes(data: bytes) -> ArmAttributes:
    """The `aeabi` attributes of the whole file."""
    found: dict[int, int] = {}
    if data[:1] != b"A":
        return ArmAttributes()
    place = 1
    while place + 4 < len(data):
        length = struct.unpack_from("<I", data, place)[0]
        vendor = data[place + 4 : place + 10]
        if vendor == b"aeabi\0" and len(data) >= place + 15 and data[place + 10] == 1:
            size = struct.unpack_from("<I", data, place + 11)[0]
            found |= dict(_pairs(data[place + 15 : min(place + 10 + size, len(data))]))
        place += max(length, 4)
    return ArmAttributes(*(found.get(tag, 0) for tag in (6, 10, 12, 28)))


def _pairs(data: bytes) -> Iterator[tuple[int, int]]:
    """Tags and their numbers; those whose value is a text are passed over."""
    place = 0
    while place < len(data):
        tag, place = _number(data, place)
        if tag == 32:
            _, place = _number(data, place)
        if tag in (4, 5) or (tag >= 32 and tag % 2) or tag == 32:
            end = data.find(b"\0", place)
            place = len(data) if end < 0 else end + 1
        else:
            value, place = _number(data, place)
            yield tag, value


def _number(data: bytes, place: int) -> tuple[int, int]:
    """(value, the place after it) of a number in groups of seven bits, lowest first."""
    value = 0
    for shift in range(0, 35, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return value, place
