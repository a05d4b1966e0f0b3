#!/bin/sh
# jchroot's and GRoot's command lines.
. "$(dirname -- "$0")/tap.sh"

# jc WORD...: jchroot as an ordinary user; sets $status, $out and $err.
jc() {
  captured as_user timeout -k 5 60 "$nestp" jchroot "$@"
}
jc --help
is "$status" 0 && printf '%s' "$out" | grep -q -- --new-user-ns
point 'help'
jc
wrong 1 'TARGET and COMMAND' 'no words'
jc "$rootfs"
wrong 1 'TARGET and COMMAND' 'no command'
jc -x "$rootfs" true
wrong 1 "unknown option '-x'" 'an unknown option'
jc -f
wrong 1 'needs a value' 'a missing value'
jc "$place/absent" true
wrong 1 'No such file' 'no target'
jc -M '0 0 1' "$rootfs" true
wrong 1 'need -U' 'maps need a user namespace'
jc -U -M '0 x 1' "$rootfs" true
wrong 1 'not INSIDE OUTSIDE COUNT' 'a bad map'
jc -U -f "$place/absent" "$rootfs" true
wrong 1 'absent: No such file' 'no fstab'
printf '# a comment\n/dev /dev\n' >bad
jc -U -f bad "$rootfs" true
wrong 1 'bad: line 2: it has fewer' 'a bad fstab'

jc -U "$rootfs" true
if [ "$status" != 0 ]; then
  echo "# skipped, no namespaces for ordinary users here: $err"
else
  me=$(as_user id -u) group=$(as_user id -g)
  jc -U -u 0 -g 0 -M "0 $me 1" -G "0 $group 1" "$rootfs" sh -c 'id -u; id -g; pwd'
  is "$out" "0
0
/" && is "$status" 0
  point "the manual's example without root"
  jc -U --user root --uid-map="0 $me 1" --gid-map="0 $group 1" -e A=b -c /etc "$rootfs" sh -c 'pwd; echo $A'
  is "$out" "/etc
b"
  point 'long options, directory, environment'
  jc -U -nworker "$rootfs" hostname
  is "$out" worker
  point 'host name'
  jc -U "$rootfs" sh -c 'exit 9' -U
  is "$status" 9
  point "the command's options are its own, and so is its status"
  jc -U "$rootfs" sh -c 'kill -SEGV $$'
  is "$status" 139
  point 'the status of a signal'
  jc -U "$rootfs" /absent
  is "$status" 127
  point 'a command that is not there is 127'
  mkdir -p data && echo content >data/file && chmod -R a+rX data
  cat >fstab <<END
proc /proc proc nosuid,nodev 0 0
tmpfs /tmp tmpfs size=64k,mode=1777,x-note 0 0
$place/data /etc none bind,ro 0 0
/absent/device /home ext4 nofail 0 0
/absent/other /root ext4 noauto 0 0
END
  jc -U -f fstab "$rootfs" sh -c 'cat /etc/file; touch /etc/x; df -k /tmp | tail -n 1; echo $$ $(readlink /proc/self)'
  is "$(printf '%s\n' "$out" | head -n 1)" content && printf '%s' "$out" | grep -q '64 .*/tmp' &&
    [ ! -e data/x ] && printf '%s' "$err" | grep -q 'Read-only'
  point 'fstab'
  chmod 555 "$rootfs" "$rootfs/etc"
  jc -U "$rootfs" true
  is "$status" 0
  point 'a target that cannot be written'
  chmod 755 "$rootfs" "$rootfs/etc"
  touch pid && chmod 666 pid
  as_user "$nestp" jchroot -U -p "$place/pid" "$rootfs" sleep 5 &
  sleep 1
  kill -0 "$(cat pid)" && grep -q nestp "/proc/$(cat pid)/comm"
  point 'pid file'
  kill -TERM "$(cat pid)"
  wait $!
  jc -U -N -f fstab "$rootfs" cat /proc/net/dev
  is "$(printf '%s\n' "$out" | sed 1,2d | cut -d: -f1 | tr -d ' ')" lo
  point 'network'
fi

captured as_user "$nestp" groot "$rootfs" true
wrong 110 'only root' 'groot: as an ordinary user'
captured as_user "$nestp" groot -b relative "$rootfs" true
wrong 111 'not absolute' 'groot: a relative source'
captured as_user "$nestp" groot -b /absent "$rootfs" true
wrong 103 'does not exist' 'groot: a source that is not there'
captured as_user "$nestp" groot --what "$rootfs" true
wrong 1 'unknown option' 'groot: an unknown option'
captured as_user "$nestp" groot --help
is "$status" 0
point 'groot: help'
if [ "$(id -u)" = 0 ]; then
  captured "$nestp" groot "$place/absent" true
  wrong 103 'does not exist' 'groot: no directory'
  mounts=$(cat /proc/mounts)
  captured "$nestp" groot -r -b /proc -b /dev -b "$place:/new/place" "$rootfs" sh -c 'ls /new/place/nestp; test -c /dev/null; exit 8'
  is "$status" 8 && is "$out" /new/place/nestp && is "$(cat /proc/mounts)" "$mounts"
  point 'groot: bindings, and no mount is left'
  captured "$nestp" groot -i "$rootfs" sh -c 'mount | grep -c " /proc \| /dev \| /sys \| /tmp \| /run "'
  [ "${out:-0}" -ge 5 ]
  point 'groot: file systems of its own'
  captured "$nestp" jchroot -u nobody -g nogroup "$rootfs" sh -c 'id -u; id -g; id -G'
  is "$out" "65534
65534
65534"
  point 'jchroot as root: user and group of the guest'
fi
done_testing
