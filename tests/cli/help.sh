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
done_testing
