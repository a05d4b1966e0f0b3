#!/bin/sh
# junest build: an image by the host's tools, as an ordinary user; here of the smallest packages.
. "$(dirname -- "$0")/tap.sh"
needs_program python3
needs_x86_64
mkdir work && chmod 777 work

# build WORD...: junest build as an ordinary user; sets $status, $out and $err.
build() {
  cd work || exit 1
  captured as_user env HOME="$place/work" JUNEST_TEMPDIR="$place/work" \
    timeout -k 5 200 "$nestp" junest build "$@"
  cd ..
}
refused() { # PATTERN NAME
  wrong 1 "$1" "$2"
  is "$(ls work)" ''
  point '... which leaves nothing'
}
build --with apt
refused "'apt' is none of pacman, mmdebstrap, debootstrap" 'a tool that nestp does not know'
build --suite
refused 'needs a value' 'a missing value'
if [ "$(id -u)" = 0 ]; then
  captured "$nestp" junest build
  refused 'not for root' 'not as root'
fi
if ! command -v pacman >/dev/null; then
  build --with pacman
  refused 'pacman is not installed' 'pacman is not there'
  echo '# skipped, no pacman'
  done_testing
  exit 0
fi
build --with pacman --mirror "file://$place/absent"
refused 'pacman failed with status' 'a mirror that is not there leaves nothing'
python3 "$here/make_pacman_repository.py" "$(command -v busybox)" "$place/repository"
chmod -R a+rX "$place/repository"
build --with pacman --mirror "file://$place/repository"
is "$status" 0 && is "$(ls work)" junest-x86_64.tar.gz || { echo "$out"; echo "$err"; false; }
point 'by pacman'
list=$(tar --numeric-owner -tvzf work/junest-x86_64.tar.gz)
{ printf '%s\n' "$list" | grep -qE '^drwxrwxrwt 0/12 .* ./var/spool/mail/$' &&
  printf '%s\n' "$list" | grep -qE '^-rwsr-xr-x 0/0 .* ./usr/bin/su$' &&
  printf '%s\n' "$list" | grep -qE '^-rw-r--r-- 7/8 .* ./installed$'; } || { echo "$list"; false; }
point 'owners and modes are the packages'"'"' own, though an ordinary user built it'
is "$(tar -xzOf work/junest-x86_64.tar.gz ./installed)" '0 /'
point 'scripts of packages run inside'
is "$(tar -xzOf work/junest-x86_64.tar.gz ./etc/junest/info)" JUNEST_ARCH=x86_64
point 'it says its architecture'
[ -z "$(find work -name 'junest-build.*')" ]
point 'nothing else is left'
as_user env HOME="$place/work" JUNEST_HOME="$place/work/image" "$nestp" junest setup -i work/junest-x86_64.tar.gz >/dev/null
as_user env HOME="$place/work" JUNEST_HOME="$place/work/image" "$nestp" junest proot -- pacman -Q >out 2>err
is "$(cat out)" /var/lib/pacman/local/pacman-1-1/desc
point 'junest setup -i takes it'
done_testing
