"""Models as C source: compiled with the C core's header, linked with its library, and run."""

import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export import export_model, verify
from edgelstm.export.c_source import decode, encode, symbol
from edgelstm.export.elstm import encode as encode_elstm
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from random_models import random_model, random_signal

HEADERS = Path(__file__).parents[2] / "runtime/core/include"

PROGRAM = """
#include "NAME.h"
#include <edgelstm.h>
#include <stdio.h>

static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE], memory[1 << 16];

int main(void) {
    el_model *model;
    el_stream *stream;
    float frame[SYMBOL_FEATURES], answer[SYMBOL_OUTPUTS];
    if (el_model_open(model_memory, sizeof model_memory, symbol, sizeof symbol, 0, &model) != EL_OK ||
        el_stream_init(memory, sizeof memory, model, NULL, &stream) != EL_OK)
        return 1;
    while (fread(frame, sizeof frame, 1, stdin) == 1) {
        size_t answers;
        if (el_stream_push(stream, frame, 1, answer, 1, &answers) != EL_OK)
            return 2;
        if (answers == 1)
            fwrite(answer, sizeof answer, 1, stdout);
    }
    return 0;
}
"""

C_FLAGS = ("-std=c11", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")


def compiler(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no {names[0]} here")
    return found


@pytest.mark.parametrize(("stem", "precision"), [("watch-int8", "int8"), ("int", "int8"), ("2nd.try", "float32")])
def test_a_program_with_the_model_inside(stem, precision, tmp_path):
    model = random_model(5, [12, 7], [4])
    path = tmp_path / f"{stem}.c"
    assert export_model(model, path, precision=precision, accept_loss=True).proof.passed
    name = symbol(path)
    text = PROGRAM.replace("NAME", stem).replace("SYMBOL", name.upper()).replace("symbol", name)
    (tmp_path / "program.c").write_text(text)
    with as_file(files("edgelstm.runtime") / "libedgelstm.so") as library:
        sources = [tmp_path / "program.c", path, "-I", HEADERS, "-I", tmp_path]
        # Programs ask for the library by its soname: with a version where it was installed by CMake.
        for soname in ("libedgelstm.so", "libedgelstm.so.0"):
            (tmp_path / soname).symlink_to(library)
        link = [library, f"-Wl,-rpath,{tmp_path}", "-o", tmp_path / "program"]
        subprocess.run([compiler("cc", "gcc", "clang"), *C_FLAGS, *sources, *link], check=True)
        signal = random_signal(50, 5, 1)
        done = subprocess.run([tmp_path / "program"], input=signal.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout, np.float32).reshape(-1, 4)
    beside = export_model(model, tmp_path / "model.elstm", precision=precision).path
    assert np.array_equal(found, Model(beside).stream().push(signal))


@pytest.mark.parametrize("source", ["c", "c++"])
@pytest.mark.parametrize("standard", ["c++11", "c++17"])
def test_source_and_header_are_for_cpp_too(source, standard, tmp_path):
    export_model(random_model(5, [7], [4]), tmp_path / "model.c", verify=False)
    (tmp_path / "main.cpp").write_text(
        '#include "model.h"\n#include <cstdint>\n'
        "int main() { return model_elstm[0] - 0x89 + int(reinterpret_cast<std::uintptr_t>(model_elstm) % 64); }"
    )
    objects = [tmp_path / "model.o", tmp_path / "main.o", "-o", tmp_path / "program"]
    cpp = [compiler("c++", "g++"), f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++", "-c"]
    as_source = cpp if source == "c++" else [compiler("cc", "gcc", "clang"), *C_FLAGS, "-c"]
    subprocess.run([*as_source, tmp_path / "model.c", "-o", objects[0]], check=True)
    subprocess.run([*cpp, tmp_path / "main.cpp", "-o", objects[1]], check=True)
    subprocess.run([compiler("c++", "g++"), *objects], check=True)
    assert subprocess.run([tmp_path / "program"]).returncode == 0


def test_the_source_holds_the_very_file(tmp_path):
    content = encode_elstm(quantize(random_model(5, [7], [4])))
    source, header = encode(content, "model.c", 5, 4)
    (tmp_path / "model.c").write_bytes(source)
    assert decode(tmp_path / "model.c") == content
    assert (source, header) == encode(content, "model.c", 5, 4)
    assert max(map(len, source.splitlines())) < 100


def test_verify_reads_the_source_and_sees_a_changed_byte(tmp_path):
    model = random_model(5, [7], [4])
    path = tmp_path / "model.c"
    exported = export_model(model, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.c", "model.c.proof.json", "model.h"]
    assert verify(path, model) == exported.proof
    assert not verify(path, random_model(5, [7], [4], seed=1)).passed
    text = path.read_text()
    place = text.index("\n", text.index("] = {\n") + 2000) + 1
    number = text[place:].split(",")[0]
    path.write_text(text[:place] + str((int(number) + 1) % 256) + text[place + len(number) :])
    with pytest.raises(ValueError, match=r"^[^ ]*model\.c: .*(checksum|damaged)"):
        verify(path, model)


@pytest.mark.parametrize("text", ["", "int x;", "x[] = {1,2,999};", "x[] = {};", "x[] = {1,,2};"])
def test_other_sources_are_refused(text, tmp_path):
    (tmp_path / "other.c").write_text(text)
    with pytest.raises(ValueError, match="no array of bytes"):
        decode(tmp_path / "other.c")


def test_a_model_that_fails_leaves_no_source(tmp_path, monkeypatch):
    from edgelstm.export.elstm import dense

    right = dense.rows
    monkeypatch.setattr(dense, "rows", lambda values, gates=1: right(values[::-1], gates))
    exported = export_model(random_model(5, [7], [4]), tmp_path / "model.c", precision="float32")
    assert not exported.proof.same_rounding.passed
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["model.failed.elstm", "model.failed.elstm.proof.json"]
