#!/bin/sh
# --backend: the same guest by namespaces and by chroot; which one auto takes, and why not others.
. "$(dirname -- "$0")/tap.sh"

as_root() { # WORD...: like run, but as root
  captured timeout -k 5 60 "$nestp" "$@"
}

namespaces=yes
run --backend=namespace -r "$rootfs" -w / true
if [ "$status" != 0 ]; then
  echo "# skipped, no namespaces for ordinary users here: $err"
  namespaces=no
fi

if [ $namespaces = yes ]; then
  mkdir -p data && echo content >data/file && chmod -R a+rX data
  inside --backend=namespace sh -c 'pwd; exit 42'
  is "$out" / && is "$status" 42
  point 'namespace: status'
  inside --backend=namespace sh -c 'kill -KILL $$'
  is "$status" 137
  point 'namespace: status of a signal'
  inside --backend=namespace /absent
  fails 127 '"/absent" does not exist' 'namespace: a command that is not there'
  before=$(find "$rootfs" | sort)
  inside --backend=namespace -b "$place/data:/mnt/deep/data" --ro-bind "$place/data:/ro" \
    --tmpfs /scratch --dev -b /proc sh -c 'cat /mnt/deep/data/file; ls / | tr "\n" " "; echo x >/scratch/x
    echo x >/ro/x || echo x >/new; ls -d /mnt/deep; echo >/dev/null'
  is "$status" 0 && printf '%s\n' "$out" | grep -q ' mnt .* ro .* scratch ' &&
    is "$(find "$rootfs" | sort)" "$before" && [ ! -e data/x ] &&
    is "$(printf '%s\n' "$err" | grep -c 'Read-only file system')" 2
  point 'namespace: missing mount points are shown, and nothing is written'
  inside --backend=namespace -b "$place/data:/bin/sh!" ls /bin/sh
  is "$out" file
  point 'namespace: a link is covered, not followed'
  as_user "$nestp" -r "$rootfs" -w / --backend=namespace -b /proc sh -c 'sleep 1000 & sleep 1000' &
  sleep 1
  killed=$(ps -ww -e -o pid,args | awk -v n="$nestp" '$2 == n && /namespace/ { print $1; exit }')
  [ -n "$killed" ] && kill -KILL "$killed"
  wait
  sleep 1
  [ -n "$killed" ] &&
    ! ps -ww -e -o args | grep -q '^sleep 1000'
  point 'namespace: no guest outlives a killed nestp'
  inside --backend=namespace --on-exit=kill sh -c 'sleep 1001 & exit 3'
  is "$status" 3 && ! ps -e -o args | grep -q '^sleep 1001'
  point 'namespace: --on-exit=kill'
  start=$(date +%s)
  inside --backend=namespace --on-exit=detach sh -c '(sleep 5; touch /tmp/late) >/dev/null & exit 4'
  is "$status" 4 && [ $(($(date +%s) - start)) -lt 5 ]
  point 'namespace: --on-exit=detach'
  inside --backend=namespace --trace true
  fails 125 'namespace backend: --trace needs --backend=ptrace' 'namespace: refuses to trace'
  inside --backend=namespace -k 4.4 true
  fails 125 'namespace backend: .* needs --backend=ptrace' 'namespace: refuses extensions by name'
  inside -v 1 true
  printf '%s\n' "$err" | grep -q 'backend namespace: files of other owners' && is "$status" 0
  point 'auto says why it passes over a backend'
fi
inside --backend=chroot true
fails 125 'chroot backend: only root' 'chroot is for root'
inside --backend=absent true
fails 125 "there is no backend 'absent', only chroot, namespace, ptrace" 'an unknown backend'
if [ "$(id -u)" = 0 ]; then
  mounts=$(cat /proc/mounts)
  as_root --backend=chroot -r "$rootfs" -w / sh -c 'pwd; exit 5'
  is "$out" / && is "$status" 5
  point 'chroot: status'
  as_root --backend=chroot -r "$rootfs" -w / -b /proc true
  fails 125 'chroot backend: it has no bindings' 'chroot refuses bindings'
  as_root --backend=namespace -r "$rootfs" -w / -b /proc sh -c 'id -u; mount -t tmpfs none /tmp'
  is "$out" 0 && is "$status" 0 && is "$(cat /proc/mounts)" "$mounts"
  point 'namespace as root: the host sees none of its mounts'
  as_root -v 1 -r "$rootfs" -w / -b /proc true
  printf '%s\n' "$err" | grep -q 'backend *namespace'
  point 'auto as root takes the namespace'
fi
run doctor --json
is "$status" 0 && printf '%s' "$out" | python3 -c 'import json, sys
assert any(f["subject"] == "backend ptrace" for f in json.load(sys.stdin)["findings"])'
point 'doctor --json'
run doctor
printf '%s\n' "$out" | grep -q '^ok .*backend ptrace: usable here'
point 'doctor'
done_testing
