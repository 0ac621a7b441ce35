#!/usr/bin/env bash
# The Python tests of the runtime on emulated ARM systems: Debian's Python and numpy, the wheel as it is built for
# them. The tests try every kernel set that runs there.
# usage: tests/arm/test_python.sh BUILD_FOLDER    (PYTHON names one with pip, scikit-build-core and cmake)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
project=$(realpath "$here/../..")
build=$(realpath -m "$1")
python=${PYTHON:-python3}
unset EDGELSTM_KERNEL
mkdir -p "$build"

if ! unshare --user --map-root-user --mount --pid --fork \
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2>/dev/null; then
  echo "skipped: Python tests on ARM; they need user namespaces with emulators of their own (Linux 6.7 or newer)"
  exit 0
fi

# The system: made once. numpy's libraries lie apart, where Debian's alternatives would link to them.
make_system() { # architecture
  local root=$build/root-$1
  [ -e "$root/made" ] && return
  echo "making a Debian system for $1"
  "$here/make_root.sh" "$1" "$root" python3 python3-numpy dash coreutils
  ln -sr "$root"/usr/lib/*/blas/libblas.so.3 "$root"/usr/lib/*/lapack/liblapack.so.3 "$root"/usr/lib/*-linux-*/
  "$python" -m pip install --quiet --disable-pip-version-check --target "$root/usr/lib/python3/dist-packages" \
    --platform any --implementation py --abi none --python-version 3.11 --only-binary=:all: \
    "pytest>=8" "hypothesis>=6.100" "click>=8"
  touch "$root/made"
}

install_project() { # architecture toolchain
  local root=$build/root-$1 wheels=$build/wheels-$1
  rm -rf "$wheels"
  CMAKE_ARGS="-DCMAKE_TOOLCHAIN_FILE=$here/$2.cmake" "$python" -m pip wheel --quiet --disable-pip-version-check \
    --no-build-isolation --no-deps --config-settings=build-dir="$build/wheel-$2" --wheel-dir "$wheels" "$project"
  rm -rf "$root/srv"/{package,checkout}
  mkdir -p "$root/srv"/{package,checkout}
  "$python" -m zipfile -e "$wheels"/*.whl "$root/srv/package"
  cp -r "$project/pyproject.toml" "$project/tests" "$root/srv/checkout"
}

test_on() { # architecture processor
  PYTHONPATH=/srv/package:/srv/checkout/tests/arm PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 \
    "$here/run_in_root.sh" "$build/root-$1" "$2" sh -c 'cd /srv/checkout && exec "$@"' _ \
    python3 -m pytest --quiet -p no:cacheprovider -p few_examples -r f tests/runtime >"$build/$1.log" 2>&1
}

make_system arm64
install_project arm64 aarch64
make_system armhf
install_project armhf armv7
# Emulation takes one core for each: both at a time.
test_on arm64 cortex-a76 &
test_on armhf cortex-a7 || { cat "$build/armhf.log"; failed=1; }
wait $! || { cat "$build/arm64.log"; failed=1; }
echo "Python tests of the runtime on cortex-a76 (arm64): $(tail -1 "$build/arm64.log")"
echo "Python tests of the runtime on cortex-a7 (armhf): $(tail -1 "$build/armhf.log")"
exit ${failed:-0}
