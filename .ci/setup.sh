# Sourced by ./try and ./check: what must be installed, and building.  $top is the source tree.

packages_to_link='libacl1-dev libarchive-dev libbz2-dev libcapstone-dev libcurl4-openssl-dev liblz4-dev
  liblzma-dev libsqlite3-dev libunwind-dev libxml2-dev libxxhash-dev libzstd-dev nettle-dev nlohmann-json3-dev
  zlib1g-dev'
packages_to_build="busybox-static g++ meson ninja-build pkg-config $packages_to_link"
packages_to_test='catch2 clang clang-format clang-tidy crun debootstrap docker-registry g++-aarch64-linux-gnu gdb
  git golang-go groff-base iproute2 libbenchmark-dev lld mmdebstrap mosh musl-tools pacman-package-manager podman
  qemu-user-static skopeo strace uidmap util-linux xz-utils'

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

missing_packages() {
  for package in "$@"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' ||
      printf '%s ' "$package"
  done
}

install_packages() {
  # The lists of a fresh system may be empty or old; only then are they worth a download.
  "$@" apt-get install -y --no-install-recommends $missing ||
    { "$@" apt-get update && "$@" apt-get install -y --no-install-recommends $missing; }
}

# Sees to it that the packages given are there.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "Not a Debian system: taking for granted the equivalents of: $*"
    return
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  say "Installing: $missing"
  export DEBIAN_FRONTEND=noninteractive
  if [ "$(id -u)" = 0 ]; then
    install_packages env
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    install_packages sudo
  else
    die "no root and no sudo here; have somebody run: apt-get install ${missing% }"
  fi || die "cannot install: ${missing% }"
}

# configure FOLDER OPTION...: a Meson build folder, made once.
configure() {
  folder=$1
  shift
  [ -f "$folder/build.ninja" ] || meson setup "$folder" "$top" "$@"
}

# make_small_rootfs FOLDER: a root file system around the static busybox.
make_small_rootfs() {
  [ -x "$1/bin/sh" ] && return
  mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/proc" "$1/dev" "$1/root" "$1/home"
  cp "$(command -v busybox)" "$1/bin/busybox"
  for applet in $("$1/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$1/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/home:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
  printf 'NAME=small\nPRETTY_NAME="A small root file system of busybox"\n' >"$1/etc/os-release"
  chmod -R a+rX "$1"
  chmod 1777 "$1/tmp"
}

# as_user WORD...: as an ordinary user, which root is not.
as_user() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  else
    "$@"
  fi
}
