#!/usr/bin/env bash
# Run a command in a system made by make_root.sh on an emulated processor. Needs no root rights and leaves the host
# as it is: since Linux 6.7 a user namespace has its own table of emulators.
# usage: tests/arm/run_in_root.sh FOLDER PROCESSOR COMMAND...
set -euo pipefail
root=$(realpath "$1")
export QEMU_CPU=$2
shift 2
exec unshare --user --map-root-user --mount --pid --fork --kill-child bash -c '
  set -e
  root=$1
  shift
  mount -t proc proc /proc 2>/dev/null || true
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  for name in aarch64 arm; do cat "/usr/lib/binfmt.d/qemu-$name.conf" >/proc/sys/fs/binfmt_misc/register; done
  mount --bind /dev/null "$root/dev/null"
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
  exec chroot "$root" "$@"' _ "$root" "$@"
