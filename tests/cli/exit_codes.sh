#!/bin/sh
# The exit status is the first process's own, or says why there was none.
. "$(dirname -- "$0")/tap.sh"

inside sh -c 'exit 7'
is "$status" 7
point "the first process's code"
inside sh -c 'kill -TERM $$'
is "$status" 143
point '128 and the signal that killed it'
inside --dev sh -c '(sleep 0.2; exit 9) & exit 3'
is "$status" 3
point 'not that of a process that ends later'
inside --dev --kill-on-exit sh -c 'sleep 50 & exit 4'
is "$status" 4
point '--kill-on-exit does not wait'
before=$(date +%s)
inside --dev --on-exit=detach sh -c '(sleep 4; echo late >/tmp/late) & exit 6'
is "$status" 6 && [ $(($(date +%s) - before)) -lt 4 ]
point '--on-exit=detach returns with the first process'
for second in 1 2 3 4 5 6 7 8 9 10; do
  if [ -s "$rootfs/tmp/late" ]; then break; fi
  sleep 1
done
is "$(cat "$rootfs/tmp/late")" late
point '... and others live on'
got=$(as_user "$nestp" -r "$rootfs" -w / --dev --on-exit=detach sh -c 'sleep 3 & echo done')
is "$got" 'done'
point '... without its output, which ends at once'
inside --on-exit=detach none
fails 127 '"none" is in no directory' '... and says what is not found'
inside --on-exit=detach --die-with-parent true
fails 125 '--die-with-parent and --on-exit=detach contradict' '... but not with --die-with-parent'
inside -- sh -c 'exit 5'
is "$status" 5
point 'after --'

inside /bin/none
fails 127 '"/bin/none" does not exist in the guest; ' 'a missing path is 127'
inside none
fails 127 '"none" is in no directory of the guest.s PATH ' 'a missing name is 127'
inside /etc
fails 126 '"/etc" is a directory; ' 'a directory is 126'
inside /etc/passwd
fails 126 '"/etc/passwd" is not executable ' 'a file without the mode is 126'
printf 'text' >"$rootfs/bin/text" && chmod 755 "$rootfs/bin/text"
inside text
fails 126 '"/bin/text" is neither an ELF program nor a script' 'a text is 126'
printf '#!/opt/python\n' >"$rootfs/bin/script" && chmod 755 "$rootfs/bin/script"
inside script
fails 126 '"/bin/script" needs the interpreter "/opt/python"' 'a missing interpreter is 126'
# e_machine is at byte 18: 50 is ia64, which no emulator knows.
{ head -c 18 "$rootfs/bin/busybox"; printf '\062\0'; tail -c +21 "$rootfs/bin/busybox"; } \
  >"$rootfs/bin/foreign" && chmod 755 "$rootfs/bin/foreign"
inside foreign
fails 126 '"/bin/foreign" is a program for ia64 and this machine runs' 'a foreign program is 126'
if cp /usr/bin/env "$rootfs/bin/dynamic" 2>/dev/null && [ ! -e "$rootfs/lib64" ]; then
  inside dynamic
  fails 126 '"/bin/dynamic" needs the ELF interpreter "/lib' 'a missing C library is 126'
fi

run -r "$place/none" true
fails 125 'root file system ".*/none" does not exist; ' 'no root file system is 125'
run -r "$rootfs/etc/passwd" true
fails 125 'root file system ".*" is not a directory; ' 'a file as root is 125'
mkdir "$place/empty" && chmod 755 "$place/empty"
run -r "$place/empty"
fails 127 'root file system ".*/empty" has no /bin/sh; ' 'a root without a shell'
mkdir "$place/closed" && chmod 700 "$place/closed"
if [ "$(id -u)" = 0 ]; then
  run -r "$place/closed/x"
  fails 125 'root file system ".*": Permission denied; ' 'a root that is out of reach'
fi
inside --backend=none true
fails 125 "there is no backend 'none', only chroot, namespace, ptrace" 'an unknown backend is 125'
done_testing
