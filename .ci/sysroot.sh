#!/bin/sh
# The libraries of another processor, from Debian's packages, for a cross build.
#
#   .ci/sysroot.sh ARCHITECTURE FOLDER [PACKAGE...]
#
# Unpacks the development packages that nestp needs, and PACKAGEs, into FOLDER/root, and writes
# FOLDER/sysroot.ini, which says where they are to .ci/aarch64.ini:
#
#   meson setup build/aarch64 --cross-file FOLDER/sysroot.ini --cross-file .ci/aarch64.ini -Dstatic=true
#
# Installs nothing: apt works on lists and a state of its own in FOLDER, so no root is needed either.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=.ci/setup.sh
. "$top/.ci/setup.sh"

[ $# -ge 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
architecture=$1
mkdir -p "$2"
folder=$(CDPATH='' cd -- "$2" && pwd)
shift 2
case $folder in
  *[[:space:]]*) die "$folder has a blank in its name, which pkg-config does not bear; give another folder" ;;
esac

mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial" "$folder/root"
: >"$folder/status"
cat >"$folder/apt.conf" <<END
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "";
APT::Keep-Downloaded-Packages "true";
Binary::apt-get::APT::Keep-Downloaded-Packages "true";
Dir::State "$folder/state";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
END
export APT_CONFIG="$folder/apt.conf"

stamp=$folder/unpacked
wanted="$packages_to_link $*"
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  apt-get -q update
  # shellcheck disable=SC2086
  apt-get -q install -y --no-install-recommends --download-only $wanted
  for package in "$folder"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$folder/root"
  done
  # Links to absolute names would lead out of the folder.
  find "$folder/root" -type l -lname '/*' | while read -r link; do
    ln -sf -r "$folder/root$(readlink "$link")" "$link"
  done
  printf '%s' "$wanted" >"$stamp"
fi
ccache=
! command -v ccache >/dev/null || ccache="'ccache'"
printf "[constants]\nsysroot = '%s'\nccache = [%s]\n" "$folder/root" "$ccache" >"$folder/sysroot.ini"
