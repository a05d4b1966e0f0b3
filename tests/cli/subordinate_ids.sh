#!/bin/sh
# Users with ranges in /etc/subuid: owners are real in namespaces, and such trees can be removed.
. "$(dirname -- "$0")/tap.sh"
[ "$(id -u)" = 0 ] || skip_all 'needs root, to write a /etc/subuid that the test alone sees'
command -v newuidmap >/dev/null && [ -e /etc/subuid ] && [ -e /etc/subgid ] || skip_all 'no newuidmap'
needs_x86_64
home=$place/home
mkdir -p "$home" "$rootfs/etc/junest" "$rootfs/usr/bin"
echo JUNEST_ARCH=x86_64 >"$rootfs/etc/junest/info"
for name in chown id mkdir stat su; do ln -sf /bin/busybox "$rootfs/usr/bin/$name"; done
printf 'daemon:x:1:1::/:/bin/sh\n' >>"$rootfs/etc/passwd"
cp -a "$rootfs" "$home/.junest"
name=$(getent passwd 65534 | cut -d: -f1)
chown -R 65534:65534 "$home"
echo "$name:200000:65536" >ranges

# n WORD...: nestp as an ordinary user who has ranges; sets $status, $out and $err.
n() {
  captured env place="$place" home="$home" unshare -m sh -c '
    mount --bind "$place/ranges" /etc/subuid && mount --bind "$place/ranges" /etc/subgid || exit 99
    exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME="$home" PATH="$PATH" \
      timeout -k 5 60 "$@"' sh "$nestp" "$@"
}
n --backend=namespace -r "$rootfs" -w / true
[ "$status" = 0 ] || skip_all "no namespaces for ordinary users here: $err"

n junest -f -- mkdir /d '&&' touch /d/file '&&' chown 1:5 /d/file /d '&&' stat -c %u:%g /d/file
is "$status" 0 && is "$out" 1:5 && is "$(stat -c %u:%g "$home/.junest/d/file")" 200000:200004 || { echo "# $err"; false; }
point 'owners are real: ids of the range'
n junest -f -- su daemon -c 'id -u' '&&' su daemon -c 'touch /d/more' '&&' stat -c %u /d/more
is "$out" '1
1' || { echo "# $err"; false; }
point 'root may become another user'
n junest -f -- mknod /d/null c 1 3
is "$status" 0
point 'devices are still pretended'
n junest -- id -u
is "$out" 65534
point 'without -f one is oneself'
n junest -f -- chown 1:1 /d
[ "$(stat -c %u "$home/.junest/d")" = 200000 ]
n junest setup --delete
[ -e "$home/.junest" ]
point 'delete: no answer is a no'
status=0
echo y | place=$place home=$home unshare -m sh -c '
  mount --bind "$place/ranges" /etc/subuid && mount --bind "$place/ranges" /etc/subgid
  exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME="$home" PATH="$PATH" "$@"' sh \
  "$nestp" junest setup -d >out 2>err || status=$?
is "$status" 0 && [ ! -e "$home/.junest" ] || { cat err; false; }
point 'delete: also files of the ids of the range'
n install "$rootfs" env
n enter --backend=namespace env sh -c 'mkdir /d && touch /d/file && chown 1:5 /d /d/file && stat -c %u:%g /d/file'
is "$out" 1:5 || { echo "# $err"; false; }
point 'environments, too'
n remove env
is "$status" 0 && is "$(ls -A "$home/.local/share/nestp/environments" | grep -v sessions)" '' || { echo "# $err"; false; }
point '... and they can be removed'
: >ranges
cp -a "$rootfs" "$home/.junest" && chown -R 65534:65534 "$home/.junest"
n junest -f -- touch /file '&&' chown 1:5 /file '&&' stat -c %u:%g /file
is "$status" 0 && is "$out" 0:0
point 'without a range giving away is in name only'
done_testing
