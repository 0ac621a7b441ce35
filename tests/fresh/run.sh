#!/usr/bin/env bash
# Targets of make in a bare Debian system, as an ordinary user, with only those packages that the README names.
# usage: tests/fresh/run.sh RELEASE FOLDER TARGET...    (release by Debian's name: bookworm, trixie)
#
# Needs root rights, mmdebstrap, and a network for packages of Debian's and Python's. How this machine reaches them,
# by proxies, certificates and pip's configuration, is taken over.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
project=$(realpath "$here/../..")
release=$1
root=$(realpath -m "$2")/$release
shift 2
home=/home/somebody
user=1000

[ "$(id -u)" = 0 ] || { echo "make test-fresh: needs root rights for chroot (sudo make test-fresh)"; exit 1; }
command -v mmdebstrap >/dev/null || { echo "missing: mmdebstrap (Debian: apt install mmdebstrap)"; exit 1; }
packages=$(sed -n 's/^apt install \([a-z0-9 -]*\).*/\1/p' "$project/README.md" | head -1)
[ -n "$packages" ] || { echo "README.md: no line that begins with 'apt install'" >&2; exit 1; }

# The system: made once for each list of packages.
if [ "$(cat "$root.made" 2>/dev/null)" != "$packages" ]; then
  echo "making a bare Debian $release with $packages"
  own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  # From where this machine's own packages come.
  mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | sed -n "0,/^$own /{s/^$own //p}")
  [ -n "$mirror" ] || { echo "apt names no source of Debian $own" >&2; exit 1; }
  mkdir -p "$(dirname "$root")"
  rm -rf "$root"
  apt-config dump --format '%f "%v";%n' Acquire |
    grep -E '^Acquire::(Check-(Valid-Until|Date)|https?::?(.*::)?(Proxy|CaInfo|Verify-[A-Za-z]+)) "' >"$root.apt" || true
  mmdebstrap --quiet --variant=apt --include="${packages// /,}" --aptopt="$root.apt" \
    "$release" "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log"; exit 1; }
  echo "somebody:x:$user:$user::$home:/bin/sh" >>"$root/etc/passwd"
  echo "somebody:x:$user:" >>"$root/etc/group"
  echo "$packages" >"$root.made"
fi

# The checkout, without what is made in it.
rm -rf "${root:?}$home"
mkdir -p "$root$home/edgelstm"
(cd "$project" && git ls-files --cached --others --exclude-standard -z | xargs -0 --no-run-if-empty ls -d 2>/dev/null |
  tar --create --files-from=- | tar --extract --directory "$root$home/edgelstm")
chown -R "$user:$user" "$root$home"

# The way to the network.
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /usr/local/share/ca-certificates; do
  [ ! -e "$file" ] || { rm -rf "${root:?}$file"; mkdir -p "$root$(dirname "$file")"; cp -rL "$file" "$root$file"; }
done
chroot "$root" update-ca-certificates >/dev/null 2>&1 || true
variables=("HOME=$home" "PATH=/usr/local/bin:/usr/bin:/bin" "SHELL=/bin/sh" "TERM=dumb")
for name in $(compgen -e); do
  case $name in
    PIP_* | *_proxy | *_PROXY | SSL_CERT_* | REQUESTS_CA_BUNDLE) variables+=("$name=${!name}") ;;
  esac
done

run() { # command...
  unshare --mount --pid --fork --kill-child bash -c '
    set -e
    root=$1
    user=$2
    shift 2
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    mount -t proc proc "$root/proc"
    exec chroot --userspec="$user:$user" "$root" env -i "$@"' _ \
    "$root" "$user" "${variables[@]}" sh -c "cd $home/edgelstm && exec \"\$@\"" _ "$@"
}
for target in "$@"; do
  started=$SECONDS
  run make "$target"
  echo "make $target on a bare Debian $release: done after $((SECONDS - started)) s"
done
