#!/usr/bin/env bash
# Python tests of the runtime on emulated ARM systems: Debian's Python and numpy, and the wheels of `make wheels`, which
# test_wheels.sh has brought up to date; without Zig, wheels that Debian's compilers make. The tests try every kernel
# set that runs there. Python is some fifteen times slower there: of what computes with the library one test of each law
# that needs numpy's reference, and on 64 bits more; with EDGELSTM_ALL in the environment all on both. Laws between
# streams of the core (splits, snapshots, rows of pools) are those of the C tests. What only reads text and JSON is alike
# on every processor, and left out.
# usage: tests/arm/test_python.sh BUILD_FOLDER    (PYTHON names one with pip, scikit-build-core and cmake)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
project=$(realpath "$here/../..")
build=$(realpath -m "$1")
python=${PYTHON:-python3}
zig=${ZIG_FOLDER:-$project/build/zig}
unset EDGELSTM_KERNEL
mkdir -p "$build"

. "$here/systems.sh"
need_systems "Python tests on ARM"

install_project() { # architecture toolchain architecture-of-the-wheel
  local root=$build/root-$1 made=$build/wheels-$1
  local wheel=("$project/dist"/*_"$3".whl)
  if [ ! -x "$zig/ziglang/zig" ]; then
    rm -rf "$made"
    CMAKE_ARGS="-DCMAKE_TOOLCHAIN_FILE=$here/$2.cmake" "$python" -m pip wheel --quiet --disable-pip-version-check \
      --no-build-isolation --no-deps --config-settings=build-dir="$build/wheel-$2" --wheel-dir "$made" "$project"
    wheel=("$made"/*.whl)
  fi
  rm -rf "$root/srv"/{package,checkout}
  mkdir -p "$root/srv"/{package,checkout}
  "$python" -m zipfile -e "${wheel[0]}" "$root/srv/package"
  cp -r "$project/pyproject.toml" "$project/tests" "$root/srv/checkout"
}

# Compiling is Python's slowest work there: bytecode is kept, and asserts are not compiled anew to explain themselves.
test_on() { # architecture processor tests…
  PYTHONPATH=/srv/package:/srv/checkout/tests/arm PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE= \
    "$here/run_in_root.sh" "$build/root-$1" "$2" sh -c 'cd /srv/checkout && exec "$@"' _ \
    python3 -m pytest --quiet --assert=plain -p no:cacheprovider -p few_examples -r f "${@:3}" >"$build/$1.log" 2>&1
}

make_system arm64
install_project arm64 aarch64 aarch64
make_system armhf
install_project armhf armv7 armv7l
engines=tests/runtime/engines
laws=(
  "$engines"/test_elstm.py::test_a_snapshot_of_another_model_is_refused
  "$engines"/test_elstm.py::test_{float32_is_float64_up_to_rounding,int8_is_the_reference_in_every_bit,memory_limit}
  "$engines"/test_layer_lists.py::test_every_state_is_the_references_after_every_frame
  "$engines"/test_mixed.py::test_every_bit_is_the_references_from_every_kernel_set
  "$engines"/test_step.py::test_a_frame_may_come_as_anything_that_holds_its_numbers
  "$engines"/test_step.py::test_the_bound_step_keeps_what_it_runs_on
)
more=(
  "$engines"/test_denormals.py::test_a_state_that_decays_ends_at_zero
  "$engines"/test_elstm.py::test_int8_is_the_reference_at_large_sizes
  "$engines"/test_mixed.py::test_functions_are_the_references_over_all_their_range
  "$engines"/test_mixed.py::test_steps_pushes_snapshots_and_pools_give_the_same
  tests/runtime/test_pooling.py::test_means_are_those_of_the_c_core_in_every_bit
)
# Pools of so many units and rings of so many answers take half of the time; dotprod's floats are neon's.
few=(-k "not 300 and not 129 and not (decays and (dotprod or before))")
if [ -n "${EDGELSTM_ALL:-}" ]; then
  few=()
  laws=("$engines" tests/runtime/test_pooling.py tests/runtime/test_kept_state.py)
  more=()
fi
# Emulation takes one core for each: both at a time.
test_on arm64 cortex-a76 "${few[@]}" "${laws[@]}" "${more[@]}" &
test_on armhf cortex-a7 "${laws[@]}" || { cat "$build/armhf.log"; failed=1; }
wait $! || { cat "$build/arm64.log"; failed=1; }
echo "Python tests of the runtime on cortex-a76 (arm64): $(tail -1 "$build/arm64.log")"
echo "Python tests of the runtime on cortex-a7 (armhf): $(tail -1 "$build/armhf.log")"
exit ${failed:-0}
