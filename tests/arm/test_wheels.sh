#!/usr/bin/env bash
# The wheels of `make wheels`: the same bytes when built anew elsewhere; on emulated systems the integers of the host
# for a trained model; the core as a Pi Zero's wheel has it, in a static program on its processor.
# usage: tests/arm/test_wheels.sh BUILD_FOLDER    (PYTHON and CMAKE name programs of an environment with edgelstm)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
project=$(realpath "$here/../..")
build=$(realpath -m "$1")
python=$(realpath -s "$(command -v "${PYTHON:-python3}")")
cmake=${CMAKE:-cmake}
zig=${ZIG_FOLDER:-$project/build/zig}
data=$project/data/japanese-vowels.npz
unset EDGELSTM_KERNEL
export PYTHONDONTWRITEBYTECODE=1

if [ ! -x "$zig/ziglang/zig" ]; then
  echo "skipped: wheels on ARM; no $zig/ziglang/zig (make wheels installs it)"
  exit 0
fi
[ -e "$data" ] || { echo "missing: $data (make data)"; exit 1; }
. "$here/systems.sh"
need_systems "wheels on ARM"

fail() {
  echo "failed: $*" >&2
  exit 1
}

# Where make wheels puts them: after it, there is nothing left to compile.
wheels=$project/dist
rm -rf "$build/again" "$build/armv6-zig"
"$python" "$project/tools/wheels/build.py" --zig "$zig"
# Anew, meanwhile, in other folders and without what the compiler remembers.
ZIG_GLOBAL_CACHE_DIR=$build/again/cache "$python" "$project/tools/wheels/build.py" --zig "$zig" \
  --output "$build/again/dist" --build "$build/again/cross" armv6l >/dev/null &
again=$!

"$python" "$here/real_model.py" "$data" "$build/real"

unpack() { # architecture folder
  rm -rf "$2"
  mkdir -p "$2"
  "$python" -m zipfile -e "$wheels"/*_"$1".whl "$2"
}

# On this machine through the reference that every set is held to.
if [ "$(uname -m)" = x86_64 ]; then host=x86_64; else host=aarch64; fi
unpack "$host" "$build/host"
EDGELSTM_KERNEL=scalar PYTHONSAFEPATH=1 PYTHONPATH=$build/host \
  "$python" "$here/stream_frames.py" scalar "$build/real/model.elstm" "$build/real/frames.csv" >"$build/real/expected"
[ -s "$build/real/expected" ] || fail "no answers on this machine"

stream_on() { # system architecture processor kernel
  local root=$build/root-$1
  make_system "$1"
  unpack "$2" "$root/srv/wheel"
  cp "$here/stream_frames.py" "$build/real/model.elstm" "$build/real/frames.csv" "$root/srv"
  # numpy's bytecode is kept: the next Python there needs it too.
  PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE= PYTHONPATH=/srv/wheel "$here/run_in_root.sh" "$root" "$3" \
    python3 /srv/stream_frames.py "$4" /srv/model.elstm /srv/frames.csv >"$build/real/$3" ||
    fail "the wheel for $2 on $3"
  cmp "$build/real/$3" "$build/real/expected" || fail "other integers on $3 than on this machine"
  echo "the wheel for $2 on $3: $4, the same integers in $(wc -l <"$build/real/$3") frames"
}
# Emulation takes one core for each: both at a time.
stream_on arm64 aarch64 cortex-a53 neon &
stream_on armhf armv7l cortex-a7 neon
wait $!
stream_on arm64 aarch64 cortex-a76 dotprod &
[ -z "${EDGELSTM_ALL:-}" ] || stream_on armhf armv7l cortex-a8 neon # what an A7 runs
wait $!

wait $again || fail "the wheel for armv6l could not be built anew"
cmp "$wheels"/*_armv6l.whl "$build/again/dist"/*_armv6l.whl || fail "the wheel for armv6l is not the same built anew"
rm -rf "$build/again"
echo "the wheel for armv6l built anew elsewhere: the same bytes"

# Debian's hard-float C library is made for ARMv7; Zig has one for a Pi Zero.
compiler="$python;$project/tools/wheels/compiler.py;armv6l;cc"
export EDGELSTM_ZIG=$zig/ziglang/zig
"$cmake" -S "$project/runtime/core" -B "$build/armv6-zig" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=armv6l \
  -DCMAKE_C_COMPILER="$compiler" -DCMAKE_C_FLAGS="-target arm-linux-musleabihf" -DEDGELSTM_SIMD=OFF \
  --log-level=WARNING >"$build/armv6-zig.log"
"$cmake" --build "$build/armv6-zig" --target edgelstm_static >>"$build/armv6-zig.log" || fail "see $build/armv6-zig.log"
${compiler//;/ } -target arm-linux-musleabihf -static -O2 -I"$project/runtime/core/include" \
  -o "$build/armv6-zig/stream_csv" "$project/examples/c/stream_csv.c" "$build/armv6-zig/libedgelstm.a"
QEMU_CPU=arm1176 qemu-arm-static "$build/armv6-zig/stream_csv" "$build/real/model.elstm" "$build/real/frames.csv" \
  >"$build/real/arm1176"
cmp "$build/real/arm1176" <(cut -d' ' -f1 "$build/real/expected") || fail "other answers on arm1176"
echo "a static program with the core for armv6l on arm1176: the same answers in $(wc -l <"$build/real/arm1176") frames"
