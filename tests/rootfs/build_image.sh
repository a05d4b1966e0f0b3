#!/bin/sh
# junest build of a Debian from nothing, by an ordinary user: by mmdebstrap and by debootstrap, then
# daily work in it.
#
#   build_image.sh NESTP
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
nestp=$1
architecture=amd64
. "$here/lib.sh"
nestp=$(absolute "$1")
[ "$(uname -m)" = x86_64 ] || skip_all 'for x86_64'
base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-build.XXXXXX") || exit 1
trap 'chmod -R u+rwX "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM
chmod 777 "$base"
cp "$nestp" "$base/nestp"
PATH=$PATH:/usr/sbin:/sbin
tools=
for tool in mmdebstrap debootstrap; do
  ! command -v $tool >/dev/null || tools="$tools $tool"
done
[ -n "$tools" ] || skip_all 'neither mmdebstrap nor debootstrap'

# junest WORD...: as an ordinary user in $base.
junest() {
  (cd "$base" && as_user env -i HOME="$base" JUNEST_TEMPDIR="$base" JUNEST_HOME="$base/image" PATH="$PATH" \
    timeout -k 5 900 "$base/nestp" junest "$@" </dev/null) >"$base/output" 2>&1
}
for tool in $tools; do
  junest build --with $tool --suite bookworm ${NESTP_TEST_MIRROR:+--mirror "$NESTP_TEST_MIRROR"}
  status=$?
  if [ $status != 0 ] && grep -qE 'Could not resolve|Temporary failure|Failed getting release|Unable to connect' "$base/output"; then
    skip_all "no network: $(tail -n 1 "$base/output")"
  fi
  report $status "$tool: build and check"
  archive=$base/junest-x86_64.tar.gz
  tar --numeric-owner -tvzf "$archive" >"$base/output" 2>&1
  { grep -qE '^-rwsr-xr-x 0/0 .* \./(usr/)?bin/su$' "$base/output" &&
    grep -qE '^-rw-r----- 0/42 .* \./etc/shadow$' "$base/output"; }
  report $? "$tool: owners and modes in the archive are Debian's"
  junest setup -i "$archive"
  report $? "$tool: junest setup -i"
  junest proot -f -- apt-get check '&&' dpkg --audit '&&' useradd -m ann '&&' id ann
  report $? "$tool: package manager and accounts"
  chmod -R u+rwX "$base/image"
  rm -rf "$base/image" "$archive"
done
finish
