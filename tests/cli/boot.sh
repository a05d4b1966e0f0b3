#!/bin/sh
# nestp boot and sh-nspawn: a system with its own init on a console, at a bridge, and nothing after it.
. "$(dirname -- "$0")/tap.sh"
needs_program python3

# refused CODE PATTERN NAME WORD...: nestp fails in that way.
refused() {
  code=$1 pattern=$2 name=$3
  shift 3
  captured timeout 60 "$@"
  wrong "$code" "$pattern" "$name"
}
refused 2 'are needed' 'sh-nspawn wants all its options' "$nestp" sh-nspawn -p "$rootfs"
refused 2 'unknown option' 'sh-nspawn: an unknown option' "$nestp" sh-nspawn --what x
refused 125 'no root directory' 'boot: no root' "$nestp" boot
run boot "$rootfs"
fails 125 'only root .* nestp boot --user' 'boot: an ordinary user is told what there is'
mkdir -p "$rootfs/sbin"
ln -sf ../bin/busybox "$rootfs/sbin/init"
cat >"$rootfs/etc/inittab" <<'END'
::sysinit:/etc/rc
::respawn:/bin/getty -n -l /bin/sh 38400 console
END
printf '#!/bin/sh\necho "booted $(hostname)"\nsleep 1  # a getty flushes what nobody has read yet\n' >"$rootfs/etc/rc"
chmod 755 "$rootfs/etc/rc"
# left: mounts, processes, interfaces and control groups that there are.
left() {
  cat /proc/mounts
  ls /sys/class/net
  find /sys/fs/cgroup -maxdepth 3 -name 'nestp-*' 2>/dev/null
  ps -ww -e -o args | grep "$rootfs" | grep -v grep
}
session() { # STEP... -- WORD...
  status=0
  timeout 100 python3 "$here/boot_session.py" "$@" >out 2>&1 || status=$?
  tr -d '\r' <out >text
}

run --backend=namespace -r "$rootfs" -w / true
if [ "$status" != 0 ]; then
  echo "# skipped: boot --user, no namespaces for ordinary users here: $err"
else
  run boot --user -b absent -a 10.0.0.2/24 "$rootfs"
  fails 125 'only root can connect' 'boot --user: no bridge'
  before=$(left)
  # as_session STEP... -- WORD...: as an ordinary user.
  as_session() {
    status=0
    as_user timeout 100 python3 "$here/boot_session.py" "$@" >"$place/out" 2>&1 || status=$?
    tr -d '\r' <"$place/out" >text
  }
  as_session '?booted rootfs' '?/ #' '!echo $((6*7)) $(id -u) $(tty) $(stty size); readlink /proc/1/exe; mount -t tmpfs x /tmp && echo m-$?' \
    '?m-0' '!poweroff' -- "$nestp" boot --user "$rootfs"
  is "$status" 0 && grep -q '^42 0 /dev/console 31 97' text && is "$(left)" "$before" || { cat text; false; }
  point 'boot --user: a prompt for root of a user namespace, and nothing stays'
  as_session '?/ #' '!reboot' '?boots again' '?booted' '?/ #' '!poweroff' -- "$nestp" boot --user "$rootfs"
  is "$status" 0 || { cat text; false; }
  point 'boot --user: reboots'
  as_session '?/ #' 'kill' '?going down' -- "$nestp" boot --user "$rootfs"
  is "$status" 0 && is "$(left)" "$before" || { cat text; false; }
  point 'boot --user: a signal shuts it down in order'
  as_user timeout -s KILL 1 "$nestp" boot --user "$rootfs" </dev/null >/dev/null 2>&1
  for try in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(left)" = "$before" ] && break
    sleep 0.5
  done
  is "$(left)" "$before"
  point 'boot --user: kill -9 leaves nothing'
fi
if [ "$(id -u)" != 0 ] || ! "$nestp" --backend=namespace -r "$rootfs" true 2>/dev/null; then
  echo '# skipped, needs root and namespaces'
  done_testing
  exit 0
fi

bridge=nestp$$
bridge=$(printf '%.14s' "$bridge")
network=no
if command -v ip >/dev/null && ip link add "$bridge" type bridge 2>/dev/null; then
  ip addr add 10.99.7.1/24 dev "$bridge" && ip -6 addr add fd99:7::1/64 dev "$bridge" nodad &&
    ip link set "$bridge" up && network=yes
  trap 'ip link del "$bridge" 2>/dev/null; at_end' EXIT
fi
refused 125 "no bridge 'absent'" 'boot: no bridge' "$nestp" boot -b absent -a 10.0.0.2/24 "$rootfs"
refused 125 'is no address' 'boot: no address' "$nestp" boot -b "$bridge" -a 10.0.0.2222/24 "$rootfs"

before=$(left)
session '?booted rootfs' '?/ #' '!echo $((6*7)) $(tty) $(stty size); echo $container-$$; readlink /proc/1/exe' '?busybox' '!poweroff' \
  -- "$nestp" boot "$rootfs"
is "$status" 0 && grep -q '^42 /dev/console 31 97' text && grep -q '^nestp-' text || { cat text; false; }
point 'boots to a prompt on a console of the right size, and powers off'
is "$(left)" "$before"
point '... and leaves nothing'
session '?booted machine' '?/ #' '!reboot' '?boots again' '?booted machine' '?/ #' '!poweroff' \
  -- "$nestp" boot --hostname machine "$rootfs"
is "$status" 0 || { cat text; false; }
point 'reboots'
session '?/ #' ']' -- "$nestp" boot "$rootfs"
is "$status" 0 && is "$(left)" "$before"
point 'three times Ctrl-] leaves, and nothing stays'
session '?/ #' 'kill' '?going down' -- "$nestp" boot "$rootfs"
is "$status" 0 && is "$(left)" "$before" || { cat text; false; }
point 'a signal shuts it down in order'
if [ $network = yes ]; then
  session '?/ #' '!ip addr show lo | grep -c LOOPBACK,UP; ping -c 1 -W 5 10.99.7.1 && echo one-$((1+1)); ip route' '?default via' \
    '!ping -6 -c 1 -W 5 fd99:7::1 && echo six-$((3+3))' '?six-6' '!poweroff' \
    -- "$nestp" sh-nspawn -p "$rootfs" -b "$bridge" -a 10.99.7.2/24 -a fd99:7::2/64 -r 10.99.7.1
  is "$status" 0 && grep -q '^one-2' text || { cat text; false; }
  point 'reaches the bridge by IPv4 and IPv6'
  is "$(left)" "$before"
  point '... and the interfaces are gone'
fi
count=0
while [ $count -lt 100 ]; do
  timeout -s KILL 0.$((count % 5 + 1)) "$nestp" boot "$rootfs" </dev/null >/dev/null 2>&1
  count=$((count + 1))
done
sleep 1
session '?/ #' '!poweroff' -- "$nestp" boot "$rootfs"  # clears away the killed ones' control groups
is "$(left)" "$before"
point 'a hundred boots, killed at any time, leave nothing'
done_testing
