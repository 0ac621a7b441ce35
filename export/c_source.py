"""A model as C source: a `.c` file that holds the bytes of its `.elstm` file, aligned, and the `.h` beside it.

For programs without a file system, and for those that would rather link a model than find one. The bytes are read
where they lie, in read-only memory.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from edgelstm.export import elstm
from edgelstm.model import Model

MAX_BYTES = 1 << 30
_BODY = re.compile(rb"\] = \{([0-9,\s]*)\};")


def symbol(path: str | Path) -> str:
    """The array's name in a file at `path`: its stem as a C identifier that is no word of the language."""
    stem = re.sub(r"[^0-9A-Za-z_]", "_", Path(path).stem)
    return f"{'model_' if not stem[:1].isalpha() else ''}{stem}_elstm"


def encode(content: bytes, path: str | Path, features: int, outputs: int) -> tuple[bytes, bytes]:
    """(source, header) that hold `content`, an `.elstm` file, for a source file at `path` and a header beside it."""
    name = symbol(path)
    macro, include = name.upper(), Path(path).with_suffix(".h").name
    rows = (content[start : start + 24] for start in range(0, len(content), 24))
    numbers = ",\n".join(",".join(map(str, row)) for row in rows)
    source = f"""\
/* A model for EdgeLSTM's C core; see {include}. Written by edgelstm export. */
#include "{include}"

#ifdef __cplusplus
alignas(64)
#else
_Alignas(64)
#endif
const unsigned char {name}[{macro}_SIZE] = {{
{numbers}
}};
"""
    header = f"""\
/* A model for EdgeLSTM's C core. Written by edgelstm export. Open it where it lies:
 *
 *   static _Alignas(EL_ALIGNMENT) unsigned char memory[EL_MODEL_SIZE];
 *   el_model *model;
 *   el_status status = el_model_open(memory, sizeof memory, {name}, sizeof {name}, 0, &model);
 */
#ifndef {macro}_H
#define {macro}_H

#define {macro}_SIZE {len(content)}
#define {macro}_FEATURES {features} /* float32 values of a frame */
#define {macro}_OUTPUTS {outputs} /* float32 values of an answer */

#ifdef __cplusplus
extern "C" {{
#endif

/* The model file, aligned to 64 bytes. */
extern const unsigned char {name}[{macro}_SIZE];

#ifdef __cplusplus
}}
#endif

#endif
"""
    return source.encode(), header.encode()


def decode(path: str | Path) -> bytes:
    """The `.elstm` file that the source at `path` holds. ValueError when it holds none."""
    with Path(path).open("rb") as file:
        text = file.read(MAX_BYTES + 1)
    found = _BODY.search(text) if len(text) <= MAX_BYTES else None
    try:
        content = bytes(map(int, found[1].split(b","))) if found else b""
    except ValueError:
        content = b""
    if not content:
        raise ValueError(f"{path}: no array of bytes, expected what `edgelstm export --format c` writes")
    return content


def _files(proven: bytes, path: Path, model: Model) -> dict[str, bytes]:
    """Source and header from an `.elstm` file."""
    source, header = encode(proven, path, model.features, model.outputs)
    return {"": source, ".h": header}


INT8 = replace(
    elstm.INT8,
    format="c",
    choose="for firmware and programs that link their model: a .c file with its .h",
    beware="what is proven are the bytes that it holds; four times their size as source",
    opened_as=elstm.INT8.suffix,
    companions=(".h",),
    files=_files,
)
INT4 = replace(
    elstm.INT4,
    format="c",
    choose="as int8 in C, where its weights exceed the flash or the caches",
    beware="as int8 in C; weights of 4 bits cost accuracy; bare boards need EDGELSTM_INT4=ON",
    opened_as=elstm.INT4.suffix,
    companions=(".h",),
    files=_files,
)
BF16 = replace(
    elstm.BF16,
    format="c",
    choose="as float32 in C, at half its size",
    beware="as float32 in C; weights keep 8 bits of 24",
    opened_as=elstm.BF16.suffix,
    companions=(".h",),
    files=_files,
)
FLOAT32 = replace(
    elstm.FLOAT32,
    format="c",
    choose="as int8 in C, where int8 costs too much accuracy",
    beware="as int8 in C; not for a core that was built for int8 alone",
    opened_as=elstm.FLOAT32.suffix,
    companions=(".h",),
    files=_files,
)
