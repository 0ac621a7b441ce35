#!/usr/bin/env bash
# A model adapted on emulated systems of test_python.sh, with the package that it has put there, is the one that this
# machine makes of the same clips, byte for byte.
# usage: tests/arm/test_adapt.sh BUILD_FOLDER    (PYTHON names one with edgelstm)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath -m "$1")
python=$(realpath -s "$(command -v "${PYTHON:-python3}")") # it is called from other folders
unset EDGELSTM_KERNEL

. "$here/systems.sh"
need_systems "adapting on ARM"
mine=$build/adapt
adapt=(-m edgelstm adapt model.npz --data clips.npz -o adapted.npz --elstm adapted.elstm)
rm -rf "$mine"
PYTHONSAFEPATH=1 "$python" "$here/adapted.py" make "$mine"
(cd "$mine" && PYTHONSAFEPATH=1 "$python" "${adapt[@]}" >adapted.log)

adapt_on() { # architecture processor
  local root=$build/root-$1
  local there=$root/srv/adapt
  rm -rf "$there"
  mkdir "$there"
  cp "$mine"/{model,clips}.npz "$there"
  PYTHONPATH=/srv/package PYTHONSAFEPATH=1 "$here/run_in_root.sh" "$root" "$2" sh -c \
    'cd /srv/adapt && python3 -c "import zlib; print(zlib.ZLIB_RUNTIME_VERSION)" >zlib && exec python3 "$@"' _ \
    "${adapt[@]}" >"$build/adapt-$1.log" 2>&1 || { cat "$build/adapt-$1.log"; return 1; }
  "$python" "$here/adapted.py" same "$mine" "$there"
}

# Emulation takes one core for each: both at a time.
adapt_on arm64 cortex-a53 &
adapt_on armhf cortex-a7 || failed=1
wait $! || failed=1
[ -z "${failed:-}" ] || exit 1
echo "adapting on cortex-a53 (arm64), a7 (armhf): the files of this machine in every byte"
