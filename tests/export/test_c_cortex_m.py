"""Models as C source on a microcontroller: an emulated Cortex-M4 without an operating system answers as the host."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.export import export_model
from edgelstm.runtime import Model
from edgelstm.runtime.frame import Float32
from random_models import random_model, random_signal
from sound_models import hard_sound, hearing_model

CORE = Path(__file__).parents[2] / "runtime/core"
BITS = "%08lx\\n"
OF_FRAMES = "el_stream_push(stream, (const float *)frames[n], 1, answer, 1, &answers)"
OF_SAMPLES = "el_stream_push_i16(stream, frames[n], sizeof frames[n] / sizeof *frames[n], answer, 1, &answers)"

# The board's first words are stack and entry; newlib's semihosting takes what is printed to the host.
PROGRAM = """
#include "model.h"
#include "frames.h"
#include <edgelstm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void _start(void);
__attribute__((section(".vectors"), used)) static void *const vectors[] = {(void *)0x003FFFF0, (void *)_start};
static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE], memory[8192];

int main(void) {
    el_model *model;
    el_stream *stream;
    float answer[MODEL_ELSTM_OUTPUTS];
    if (el_model_open(model_memory, sizeof model_memory, model_elstm, sizeof model_elstm, 0, &model) != EL_OK ||
        el_stream_init(memory, sizeof memory, model, NULL, &stream) != EL_OK)
        exit(1);
    for (size_t n = 0; n < sizeof frames / sizeof *frames; n++) {
        size_t answers = 0;
        if (PUSH != EL_OK)
            exit(2);
        for (size_t k = 0; k < answers * MODEL_ELSTM_OUTPUTS; k++) {
            uint32_t bits;
            memcpy(&bits, answer + k, sizeof bits);
            printf("BITS", (unsigned long)bits);
        }
    }
    exit(0);
}
"""


def run(*command: Any) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C core for a Cortex-M4."""
    for tool, package in (("arm-none-eabi-gcc", "gcc-arm-none-eabi"), ("qemu-system-arm", "qemu-system-arm")):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here (Debian: apt install {package})")
    folder = tmp_path_factory.mktemp("core")
    options = ("-DEDGELSTM_CPU=cortex-m4", "-DEDGELSTM_FLOAT32=OFF", "-DEDGELSTM_LOGMEL=ON", "-DEDGELSTM_SIMD=OFF")
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={CORE / 'cmake/arm-none-eabi.cmake'}"
    run("cmake", "-S", CORE, "-B", folder, toolchain, *options)
    run("cmake", "--build", folder)
    return folder / "libedgelstm.a"


def printed_on_board(core: Path, folder: Path, push: str) -> Float32:
    """What the program in `folder` answers to its frames, one value after another."""
    (folder / "program.c").write_text(PROGRAM.replace("BITS", BITS).replace("PUSH", push))
    flags = ["-mcpu=cortex-m4", "-mthumb", "-Os", "--specs=rdimon.specs", "-Wl,--section-start=.vectors=0"]
    sources = [folder / "program.c", folder / "model.c", core, f"-I{CORE / 'include'}", f"-I{folder}"]
    run("arm-none-eabi-gcc", *flags, *sources, "-o", folder / "program.elf")
    board = ["-machine", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"]
    printed = run(
        "qemu-system-arm",
        *board,
        "-semihosting-config",
        "enable=on,target=native",
        "-kernel",
        folder / "program.elf",
    )
    return np.array([int(line, 16) for line in printed.split()], np.uint32).view(np.float32)


@pytest.mark.parametrize("units", [[12], [16, 7]])
def test_a_microcontroller_gives_the_bits_of_the_host(core: Path, units: list[int], tmp_path: Path) -> None:
    model = random_model(5, units, [6, 4], activation="linear")
    assert export_model(model, tmp_path / "model.c", precision="int8").proof is not None
    frames = random_signal(40, 5, 3)
    rows = ",".join("{" + ",".join(f"0x{bits:08x}" for bits in row) + "}" for row in frames.view(np.uint32).tolist())
    (tmp_path / "frames.h").write_text(f"static const unsigned int frames[{len(frames)}][5] = {{{rows}}};\n")
    found = printed_on_board(core, tmp_path, OF_FRAMES)
    beside = export_model(model, tmp_path / "model.elstm", precision="int8").path
    np.testing.assert_array_equal(found.reshape(-1, 4), Model(beside).stream().push(frames))


def test_a_microcontroller_hears_the_bits_of_the_host(core: Path, tmp_path: Path) -> None:
    """A core for int8 alone, with its log-mel layer: samples as a converter gives them, in pieces that are no
    frames."""
    model = hearing_model(256, "running")
    export_model(model, tmp_path / "model.c", precision="int8", verify=False)
    samples = hard_sound(8000)[3000:].astype(np.int16)[: 57 * 60].reshape(-1, 57)
    rows = ",".join("{" + ",".join(map(str, row)) + "}" for row in samples.tolist())
    (tmp_path / "frames.h").write_text(f"#include <stdint.h>\nstatic const int16_t frames[][57] = {{{rows}}};\n")
    found = printed_on_board(core, tmp_path, OF_SAMPLES)
    beside = export_model(model, tmp_path / "model.elstm", precision="int8", verify=False).path
    np.testing.assert_array_equal(found.reshape(-1, 3), Model(beside).stream().push_samples(samples.reshape(-1)))
