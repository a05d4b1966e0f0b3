#!/bin/sh
# What the guest finds: environment, directory, bindings, devices.
. "$(dirname -- "$0")/tap.sh"

inside sh -c 'echo "$0 $PWD"; pwd'
is "$out" "sh /
/"
point 'directory and PWD'
run -r "$rootfs" -w /etc pwd
is "$out" /etc
point '-w'
run -r "$rootfs" -w /absent pwd
is "$out" / && is "$status" 0 && printf '%s\n' "$err" | grep -q 'no directory "/absent"'
point '-w of no directory warns and takes /'
printf 'echo "I am $0"\n' | as_user "$nestp" -r "$rootfs" -w / >out 2>&1
is "$(cat out)" 'I am -sh'
point 'the default command is a login shell'
(cd "$rootfs/etc" && as_user "$nestp" cat passwd) >out 2>&1
grep -q '^root:' out
point 'without options it runs in the host tree'

inside --env A='1 2' --env B=3 --unset-env B sh -c 'echo "$A,${B-none}"'
is "$out" '1 2,none'
point '--env and --unset-env'
inside --clear-env --env C=4 env
is "$out" "C=4
PWD=/"
point '--clear-env'

mkdir -p data && echo content >data/file && chmod -R a+rwX data
inside -b "$place/data:/mnt/deep/data" cat /mnt/deep/data/file
is "$out" content && [ ! -e "$rootfs/mnt" ]
point '-b at a place that is not there'
inside -m "$place/data:/home!" ls /home
is "$out" file
point '-m with !'
inside --bind "$place/absent:/x" true
is "$status" 0 && printf '%s\n' "$err" | grep -q absent
point 'a missing host path is a warning'
as_user env PROOT_IGNORE_MISSING_BINDINGS=1 "$nestp" -r "$rootfs" -w / -b "$place/absent:/x" true \
  >out 2>err
[ $? = 0 ] && [ ! -s err ]
point '... that PROOT_IGNORE_MISSING_BINDINGS silences'
inside --ro-bind "$place/data:/ro" sh -c 'cat /ro/file && echo x >/ro/new'
is "$out" content && [ "$status" != 0 ] && [ ! -e data/new ] &&
  printf '%s\n' "$err" | grep -q 'Read-only file system'
point '--ro-bind'
inside --tmpfs /scratch sh -c 'echo x >/scratch/a && ls /scratch; ls -d /scratch'
is "$out" "a
/scratch" && [ ! -e "$rootfs/scratch" ]
point '--tmpfs'
inside --dev -b /proc sh -c 'ls /dev | tr "\n" " "; echo gone >/dev/null; head -c 3 /dev/zero | wc -c
  echo through >/dev/stderr'
is "$err" through && printf '%s\n' "$out" | grep -q '^fd full null .*zero 3$'
point '--dev'
run -R "$rootfs" -w / sh -c 'test -d /proc/self && test -c /dev/null && head -n 1 /etc/hosts'
is "$status" 0 && is "$out" "$(head -n 1 /etc/hosts)"
point '-R'
run -S "$rootfs" -w / sh -c 'id -u; touch /tmp/x; chown 33:7 /tmp/x; stat -c %u:%g /tmp/x; rm /tmp/x'
is "$out" "0
33:7"
point '-S makes the guest root'
run -0 -r "$rootfs" -w / sh -c 'echo $(id -u) $(id -g)'
is "$out" '0 0'
point '--root-id'
run -i 17:42 -r "$rootfs" -w / sh -c 'echo $(id -u) $(id -g)'
is "$out" '17 42'
point '--change-id'
run proot --rootfs="$rootfs" -w / -b "$place/data:/home" cat /home/file
is "$out" content
point "PRoot's command line"
mkdir -m 777 session
as_user env PROOT_TMP_DIR="$place/session" "$nestp" -r "$rootfs" -w / --tmpfs /x -b "$place/data:/a/b" \
  sh -c "echo x >/x/y"
is "$(ls session)" ''
point 'nothing is left behind'
done_testing
