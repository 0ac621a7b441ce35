#!/usr/bin/env bash
# Boards behind SSH: emulated systems of test_python.sh, the wheels and the trained model of test_wheels.sh.
# usage: tests/arm/test_boards.sh BUILD_FOLDER    (PYTHON names one with edgelstm, pytest and pip)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
wheels=$here/../../dist
build=$(realpath -m "$1")
python=${PYTHON:-python3}
unset EDGELSTM_KERNEL

if ! ls "$wheels"/*_aarch64.whl "$build/real/model.elstm" >/dev/null 2>&1; then
  echo "skipped: boards over SSH; no wheels in dist (make wheels, then make test-arm)"
  exit 0
fi
. "$here/systems.sh"
need_systems "boards over SSH"
make_system arm64
make_system armhf
EDGELSTM_ARM_BUILD=$build PYTHONSAFEPATH=1 "$python" -m pytest --quiet -r fEs -c "$here/../../pyproject.toml" \
  --rootdir "$here/../.." "$here/test_boards.py" >"$build/boards.log" 2>&1 || { cat "$build/boards.log"; exit 1; }
echo "boards over SSH, cortex-a53, a72, a76 (arm64), a7 (armhf): $(tail -1 "$build/boards.log")"
