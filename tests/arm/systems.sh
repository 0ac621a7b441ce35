# Emulated Debian systems with Python and numpy, for scripts that set `here`, `build` and `python` and source this.

# Ends the script where user namespaces cannot have emulators of their own.
need_systems() { # what is skipped
  unshare --user --map-root-user --mount --pid --fork \
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2>/dev/null && return
  echo "skipped: $1; they need user namespaces with emulators of their own (Linux 6.7 or newer)"
  exit 0
}

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
