#!/bin/sh
# Inside a container of podman, as its root and as an ordinary user in it, with podman's own filter.
. "$(dirname -- "$0")/tap.sh"
[ "$(id -u)" = 0 ] || skip_all 'needs root, for a container whatever the control groups are'
needs_program podman

# The host's programs and libraries, and nestp, which is linked with them.
box=$place/box
mkdir -p "$box/etc" "$box/proc" "$box/dev" "$box/sys" "$box/tmp" "$box/run" "$box/root" "$box/usr" "$box/work"
for name in bin sbin lib lib64; do
  if [ -h /$name ]; then ln -s usr/$name "$box/$name"; fi
done
printf 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/tmp:/bin/sh\n' >"$box/etc/passwd"
mv "$rootfs" "$box/small"
cp "$nestp" "$box/work/nestp"
chmod -R a+rX "$box"
chmod 1777 "$box/tmp"

# boxed OPTIONS WORD...: a command in a new container; sets $status, $out and $err.
boxed() {
  options=$1
  shift
  # A control group of version 2 that nobody else sees: podman makes none in a mixed hierarchy.
  # shellcheck disable=SC2086
  captured env place="$place" unshare -m sh -c '
    umount -R /sys/fs/cgroup 2>/dev/null
    mount -t cgroup2 none /sys/fs/cgroup || exit 99
    exec timeout -k 5 60 podman --root "$place/storage" --runroot "$place/storage.run" run --rm \
      --network none --cgroups disabled --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 "$@"' sh \
    -v /usr:/usr:ro $options --rootfs "$box" "$@"
}
boxed '' true
[ "$status" = 0 ] || skip_all "no containers here: $(printf '%s' "$err" | tail -n 1)"

for options in '--user 0:0' '--user 1000:1000'; do
  user=${options#*:}
  for backend in auto ptrace; do
    boxed "$options" /work/nestp --backend=$backend -r /small -b /proc -w / /bin/sh -c \
      'id -u; cat /proc/self/comm; ls /; exit 7'
    is "$(printf '%s\n' "$out" | head -n 2 | tr '\n' ' ')" "$user cat " && is "$status" 7 || { echo "# $err"; false; }
    point "in a container, user $user, --backend=$backend"
  done
  boxed "$options" /work/nestp -0 -r /small -w /tmp /bin/sh -c 'touch f && chown 1:2 f && stat -c %u:%g f; rm f'
  is "$out" 1:2 || { echo "# $err"; false; }
  point "... -0"
  boxed "$options" /work/nestp doctor
  is "$status" 0 && printf '%s\n' "$out" | grep -q '^ok    backend ptrace: usable here$'
  point "... doctor"
done
boxed '--user 0:0' /work/nestp --backend=namespace -r /small -w / true
if [ "$status" != 0 ]; then
  wrong 125 'filter forbids it; start the container with --security-opt seccomp=unconfined' \
    'namespaces that the filter forbids: the remedy is named'
  boxed '--user 0:0 --security-opt seccomp=unconfined --cap-add SYS_ADMIN' /work/nestp --backend=namespace -r /small -w / id -u
  is "$out" 0 || { echo "# $err"; false; }
  point '... and it is one'
fi
done_testing
