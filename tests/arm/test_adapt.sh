#!/usr/bin/env bash
# A model adapted on emulated systems of test_python.sh, with the package that it has put there, is the one that this
# machine makes of the same clips, byte for byte; by all layers, which learn in float32, one of the same decisions.
# usage: tests/arm/test_adapt.sh BUILD_FOLDER    (PYTHON names one with edgelstm)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath -m "$1")
python=$(realpath -s "$(command -v "${PYTHON:-python3}")") # it is called from other folders
unset EDGELSTM_KERNEL

. "$here/systems.sh"
need_systems "adapting on ARM"
mine=$build/adapt
adapt=(-m edgelstm adapt model.npz --data clips.npz -o adapted.npz --elstm adapted.elstm --accept-harm)
layers=(-m edgelstm adapt spoilt.npz --data told.npz -o layers.npz --layers --accept-harm)
rm -rf "$mine"
export PYTHONSAFEPATH=1
"$python" "$here/adapted.py" make "$mine"
(cd "$mine" && "$python" "${adapt[@]}" >adapted.log && "$python" "${layers[@]}" >layers.log)

adapt_on() { # architecture processor
  local root=$build/root-$1
  local there=$root/srv/adapt
  rm -rf "$there"
  mkdir "$there"
  cp "$mine"/{model,clips,spoilt,told}.npz "$there"
  PYTHONPATH=/srv/package "$here/run_in_root.sh" "$root" "$2" sh -c \
    'cd /srv/adapt && python3 -c "import zlib; print(zlib.ZLIB_RUNTIME_VERSION)" >zlib && exec python3 "$@"' _ \
    "${adapt[@]}" >"$build/adapt-$1.log" 2>&1 || { cat "$build/adapt-$1.log"; return 1; }
  "$python" "$here/adapted.py" same "$mine" "$there"
}

layers_on() { # architecture processor
  local root=$build/root-$1
  PYTHONPATH=/srv/package "$here/run_in_root.sh" "$root" "$2" sh -c 'cd /srv/adapt && exec python3 "$@"' \
    _ "${layers[@]}" >"$build/layers-$1.log" 2>&1 || { cat "$build/layers-$1.log"; return 1; }
  ! grep "numpy learns" "$build/layers-$1.log" || return 1 # its wheel has the library
  "$python" "$here/adapted.py" alike "$mine" "$root/srv/adapt"
}

# Emulation takes one core for each: both at a time.
{ adapt_on arm64 cortex-a53 && layers_on arm64 cortex-a53; } &
adapt_on armhf cortex-a7 || failed=1
wait $! || failed=1
[ -z "${failed:-}" ] || exit 1
echo "adapting on cortex-a53 (arm64), a7 (armhf): the files of this machine in every byte"
echo "all layers on cortex-a53: scores within 1e-4 of this machine's, and its decisions in int8"
