#!/usr/bin/env bash
# A Debian system of another architecture in a folder, without root rights: packages are fetched with an apt state
# of their own and unpacked; no script of theirs runs.
# usage: tests/arm/make_root.sh ARCHITECTURE FOLDER PACKAGES...    (architecture by Debian's name: arm64, armhf)
set -euo pipefail
architecture=$1
root=$(realpath -m "$2")
shift 2
state=$root.apt
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# From where this machine's own packages of the release come.
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | sed -n "0,/^$release /{s/^$release //p}")
[ -n "$mirror" ] || { echo "apt names no source of Debian $release" >&2; exit 1; }

rm -rf "$root" "$state"
mkdir -p "$state"/lists/partial "$state"/cache/archives/partial "$root"/{usr/bin,usr/sbin,usr/lib,root,tmp,proc,dev,etc}
touch "$state/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$state/sources.list"
options=(
  -qq
  -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture"
  -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$state/lists" -o Dir::State::Status="$state/status" -o Dir::Cache="$state/cache"
  -o APT::Sandbox::User= -o Acquire::Languages=none -o Debug::NoLocking=1
)
apt-get "${options[@]}" update
apt-get "${options[@]}" --download-only --yes --no-install-recommends install "$@" >/dev/null

for name in bin sbin lib; do ln -s "usr/$name" "$root/$name"; done
for package in "$state"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" |
    tar --extract --directory "$root" --keep-directory-symlink --no-same-owner \
      --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
done
[ -e "$root/bin/sh" ] || ln -s dash "$root/usr/bin/sh"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
: >"$root/dev/null"
rm -rf "$state/cache"
