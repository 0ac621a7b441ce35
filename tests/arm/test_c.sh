#!/usr/bin/env bash
# The C tests on emulated ARM processors, each with the kernel set that it must choose. Every processor is asked for
# its sets; each set runs once for each architecture, streams and snapshots at least; those that only read files run on
# one of 32 bits. Streams are split in a few places there, in all on this machine. With EDGELSTM_ALL in the environment
# every test runs in full on every processor, and streams with every set that it has.
# usage: tests/arm/test_c.sh BUILD_FOLDER    (CMAKE and CTEST name the programs)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath -m "$1")
cmake=${CMAKE:-cmake}
ctest=${CTEST:-ctest}
unset EDGELSTM_KERNEL
ulimit -c 0

fail() {
  echo "failed: $*" >&2
  exit 1
}

build_for() { # architecture
  "$cmake" -S "$here/../../runtime/core" -B "$build/$1" -DCMAKE_TOOLCHAIN_FILE="$here/$1.cmake" \
    -DEDGELSTM_TESTS=ON -DEDGELSTM_WERROR=ON --log-level=WARNING >/dev/null
  "$cmake" --build "$build/$1" --parallel 2 >"$build/$1/log" 2>&1 || { cat "$build/$1/log"; fail "building for $1"; }
}

# What a processor (QEMU_CPU) chooses, or with a third argument, what it gets when that set is forced.
expect() { # architecture set [forced]
  local emulator
  emulator=$(sed -n 's/.*EMULATOR \(.*\))/\1/p' "$here/$1.cmake")
  EDGELSTM_KERNEL=${3:-} "$emulator" "$build/$1/tests/expect_kernel" "$2" || fail "$QEMU_CPU, forced: ${3:-nothing}"
}

# C tests on a processor; its own choice first, then the sets it can be forced to and those it must refuse.
test_on() { # processor architecture chosen "possible sets" "refused sets" "sets forced" [ctest's options for tests]
  export QEMU_CPU=$1
  expect "$2" "$3"
  for name in $4; do expect "$2" "$name" "$name"; done
  for name in $5 avx2; do expect "$2" none "$name"; done
  local forced=$6 chosen=("${@:7}")
  [ -z "${EDGELSTM_ALL:-}" ] || { forced=$4 chosen=(); }
  [ "${chosen[*]}" = none ] ||
    "$ctest" --test-dir "$build/$2" --output-on-failure --quiet --no-tests=error "${chosen[@]}" || fail "C tests on $1"
  for name in $forced; do
    EDGELSTM_KERNEL=$name "$ctest" --test-dir "$build/$2" --output-on-failure --quiet -R '^(stream|snapshot)$' ||
      fail "stream on $1 with $name"
  done
  echo "$1 ($2): chooses $3; has $4${5:+; refuses $5}"
}

# One instruction in a program of its own: runs on the first processors, dies by SIGILL on the others.
instruction() { # name compiler flags emulator "runs on" "dies on"
  "$2" $3 -static -o "$build/$1" "$here/bare_instruction.c"
  local processor code
  for processor in $5 $6; do
    code=0
    QEMU_CPU=$processor bash -c '"$@" 2>/dev/null; exit $?' _ "$4" "$build/$1" 2>/dev/null || code=$?
    case " $5 " in
      *" $processor "*) [ "$code" = 0 ] || fail "$1 on $processor: exit $code, expected 0" ;;
      *) [ "$code" = 132 ] || fail "$1 on $processor: exit $code, expected death by SIGILL" ;;
    esac
  done
  echo "a bare $1 runs on $5, dies on $6"
}

for architecture in aarch64 armv7 armv6; do
  build_for "$architecture"
done
# qemu 7.2 runs NEON's fused multiply-add on every processor: only the code itself shows that a Cortex-A8
# will not meet one.
if arm-linux-gnueabihf-objdump -d "$build/armv7/libedgelstm.so" | grep -q vfma; then
  fail "the library for ARMv7 has fused multiply-adds, which a Cortex-A8 lacks"
fi
instruction sdot aarch64-linux-gnu-gcc "" qemu-aarch64-static "cortex-a76" "cortex-a53 cortex-a72"
instruction vadd arm-linux-gnueabi-gcc "-march=armv6" qemu-arm-static "cortex-a7 cortex-a8" "arm1176"
instruction vfma arm-linux-gnueabi-gcc "-march=armv6 -DFUSED" qemu-arm-static "cortex-a7" "cortex-a8"
# Emulation takes one core for each: two at a time, of other architectures, as a build folder takes one run of ctest.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
[ -n "${EDGELSTM_ALL:-}" ] || export EDGELSTM_FEW=1
computing=(-E '^(hostile_states|layer_table|model_open)$')
alone=(-E '^(headers|hostile_states|kernels|kernels_float32|layer_table|model_open)$') # only the scalar set there
{
  test_on cortex-a53 aarch64 neon "neon scalar" "dotprod" "" -R '^(stream|snapshot)$'
  test_on cortex-a72 aarch64 neon "neon scalar" "dotprod" "" none
  test_on cortex-a76 aarch64 dotprod "dotprod neon scalar" "" "scalar" "${computing[@]}"
  test_on arm1176 armv6 scalar "scalar" "neon dotprod" "" "${alone[@]}"
} &
test_on cortex-a8 armv7 neon "neon scalar" "dotprod" "" none
test_on cortex-a7 armv7 neon "neon scalar" "dotprod" "scalar"
wait $!
QEMU_CPU=cortex-a7 expect armv6 neon
echo "a Pi Zero's program chooses neon on cortex-a7"
