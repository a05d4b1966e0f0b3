#!/bin/sh
# --help, --version and the manual page.
. "$(dirname -- "$0")/tap.sh"

for word in -h --help --usage; do
  run "$word"
  is "$status" 0 && is "$err" '' && printf '%s\n' "$out" | grep -q '^Usage: nestp '
  point "$word"
done
[ "$(printf '%s\n' "$out" | awk '{ if (length($0) > 80) print }' | wc -l)" = 0 ]
point 'at most 80 columns'
printf '%s\n' "$out" | grep -q '^  install  *Make an environment'
point 'the other commands'
for name in proot junest sudoj jchroot groot install list enter run remove clone reset rename backup restore export desktop ps \
  kill boot sh-nspawn doctor owners; do
  grep -q "^  $name  " "$place/out"
  point "... $name"
done
run clone --help
is "$status" 0 && is "$(head -n 1 "$place/out")" 'Usage: nestp clone NAME NEW'
point 'help of one of them'
run clone x
printf '%s\n' "$err" | grep -q 'nestp clone NAME NEW'
point '... says what its errors say'
run proot --help
printf '%s\n' "$out" | grep -q '^Usage: proot '
point 'of PRoot'
run --help bind
printf '%s\n' "$out" | grep -q '^-b HOST\[:GUEST\[!\]\], '
point '--help OPTION'
run --help nothing
fails 125 "option '--help': there is no option 'nothing'" '--help of no option'
for word in -V --version --about; do
  run "$word"
  is "$status" 0 && printf '%s\n' "$out" | grep -qE '^nestp [0-9]+\.[0-9]+\.[0-9]+$' &&
    printf '%s\n' "$out" | grep -q '^backend ptrace: '
  point "$word"
done
ln -s nestp "$place/proot"
as_user "$place/proot" -h | grep -q '^Usage: proot '
point 'a link named proot has its grammar'
run --list-syscalls
is "$status" 0 && printf '%s\n' "$out" | grep -qE '^openat +257 +295'
point '--list-syscalls'
run --dry-run -r "$rootfs" --tmpfs /x -w / sh -c 'echo "a b"'
is "$status" 0 && printf '%s\n' "$out" | grep -qxE 'command +sh -c .echo "a b".' &&
  printf '%s\n' "$out" | grep -qxE 'binding +tmpfs -> /x'
point '--dry-run'

run --generate man
printf '%s\n' "$out" >nestp.1
if command -v groff >/dev/null; then
  [ -z "$(groff -man -Tascii -ww -z nestp.1 2>&1)" ]
  point 'the manual page is without a warning of groff'
  groff -man -Tascii -P-cbou nestp.1 2>/dev/null | grep -q -- '--unset-env=NAME'
  point 'the manual page shows its options'
fi
for name in junest jchroot groot boot sh-nspawn; do
  run --generate "man-$name"
  printf '%s\n' "$out" >"$name.1"
  run "$name" --help
  is "$status" 0 && for word in $(printf '%s\n' "$out" | grep -o -- '^ .*  ' | grep -o -- '-[-a-zA-Z0-9]*'); do
    sed 's/\\//g' "$name.1" | grep -q -- "fB.*$word" || { echo "# lacks $word"; false; break; }
  done
  point "the manual page of $name has the options of its help"
  if command -v groff >/dev/null; then
    is "$(groff -man -Tascii -ww -z "$name.1" 2>&1)" ''
    point '... and is without a warning of groff'
  fi
  grep -q "^.BR .*$name (1)" nestp.1
  point '... and nestp(1) refers to it'
done
done_testing
