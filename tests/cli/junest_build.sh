#!/bin/sh
# junest build: an image by the host's tools, as an ordinary user; here of the smallest packages.
. "$(dirname -- "$0")/tap.sh"
command -v python3 >/dev/null || { echo '1..0 # SKIP no python3'; exit 0; }
[ "$(uname -m)" = x86_64 ] || { echo '1..0 # SKIP the image is for x86_64'; exit 0; }
unset JUNEST_HOME JUNEST_ENV
mkdir work && chmod 777 work

# build WORD...: junest build as an ordinary user; sets $status, $out and $err.
build() {
  status=0
  (cd work && as_user env HOME="$place/work" JUNEST_TEMPDIR="$place/work" \
    timeout -k 5 200 "$nestp" junest build "$@") >"$place/out" 2>"$place/err" </dev/null || status=$?
  out=$(cat "$place/out")
  err=$(cat "$place/err")
}
wrong() { # PATTERN NAME
  { is "$status" 1 && printf '%s' "$err" | grep -qE "$1" && is "$(ls work)" ''; } || { echo "# said: $err"; false; }
  point "$2"
}
build --with apt
wrong "'apt' is none of pacman, mmdebstrap, debootstrap" 'a tool that nestp does not know'
build --suite
wrong 'needs a value' 'a missing value'
if [ "$(id -u)" = 0 ]; then
  status=0
  "$nestp" junest build >out 2>err || status=$?
  err=$(cat err)
  wrong 'not for root' 'not as root'
fi
if ! command -v pacman >/dev/null; then
  build --with pacman
  wrong 'pacman is not installed' 'pacman is not there'
  echo '# skipped, no pacman'
  done_testing
  exit 0
fi
build --with pacman --mirror "file://$place/absent"
wrong 'pacman failed with status' 'a mirror that is not there leaves nothing'
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
