#!/usr/bin/env bash
# Says in one line what emulated ARM tests need and this machine lacks; exits with 1 then.
PATH=$PATH:/usr/sbin
declare -A packages=(
  [sshd]="openssh-server"
  [qemu-aarch64-static]="qemu-user-static"
  [aarch64-linux-gnu-gcc]="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
  [arm-linux-gnueabihf-gcc]="gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
  [arm-linux-gnueabi-gcc]="gcc-arm-linux-gnueabi libc6-dev-armel-cross"
)
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=(${packages[$command]})
done
((${#missing[@]} == 0)) && exit
echo "missing for tests on ARM (Debian): apt install ${missing[*]}"
exit 1
