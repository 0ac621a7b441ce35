#!/usr/bin/env bash
# The Python tests of the runtime on emulated ARM systems: Debian's Python and numpy, the wheel as it is built for
# them. The tests try every kernel set that runs there. What only reads text and JSON is alike on every processor, and
# left out.
# usage: tests/arm/test_python.sh BUILD_FOLDER    (PYTHON names one with pip, scikit-build-core and cmake)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
project=$(realpath "$here/../..")
build=$(realpath -m "$1")
python=${PYTHON:-python3}
unset EDGELSTM_KERNEL
mkdir -p "$build"

. "$here/systems.sh"
need_systems "Python tests on ARM"

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

# Compiling is Python's slowest work there: bytecode is kept, and asserts are not compiled anew to explain themselves.
test_on() { # architecture processor
  PYTHONPATH=/srv/package:/srv/checkout/tests/arm PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE= \
    "$here/run_in_root.sh" "$build/root-$1" "$2" sh -c 'cd /srv/checkout && exec "$@"' _ \
    python3 -m pytest --quiet --assert=plain -p no:cacheprovider -p few_examples -r f tests/runtime/engines \
    tests/runtime/test_pooling.py tests/runtime/test_kept_state.py >"$build/$1.log" 2>&1
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
