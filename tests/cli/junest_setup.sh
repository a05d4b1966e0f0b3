#!/bin/sh
# junest setup: good and bad servers, hostile archives, interruptions; nothing half, nothing outside.
. "$(dirname -- "$0")/tap.sh"
needs_program python3
unset JUNEST_URL JUNEST_REPO JUNEST_SHA256 http_proxy https_proxy

work=$place/work
mkdir -p "$work/temp" "$rootfs/etc/junest" "$rootfs/usr/bin"
echo JUNEST_ARCH=x86_64 >"$rootfs/etc/junest/info"
needs_x86_64
ln -sf /bin/busybox "$rootfs/usr/bin/ls"
head -c 600000 /dev/urandom >"$rootfs/usr/filler"
tar -C "$rootfs" -czf "$place/image.tar.gz" .
chmod 644 "$place/image.tar.gz"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$work"
image=$work/home

# setup WORD...: junest setup as an ordinary user.
setup() {
  captured as_user env HOME="$work" JUNEST_HOME="$image" JUNEST_TEMPDIR="$work/temp" "${proxy:-NO_PROXY=*}" \
    timeout -k 5 100 "$nestp" junest setup "$@"
}
clear_image() { chmod -R u+rwx "$image" 2>/dev/null; rm -rf "$image"; }
is_whole() { cmp -s "$image/usr/filler" "$rootfs/usr/filler" && [ ! -e "$image.unfinished" ]; }
is_absent() { [ ! -e "$image" ] && [ ! -e "$image.unfinished" ]; }

setup -i "$place/image.tar.gz"
is "$status" 0 && is_whole && [ -h "$image/usr/bin_wrappers/ls" ]
point 'from a file'
setup -i "$place/image.tar.gz"
is "$status" 1 && printf '%s' "$err" | grep -q 'something in'
point 'not over another image'
clear_image
setup -i "$place/absent"
is "$status" 103 && is_absent
point 'a file that is not there is 103'
setup -a vax
is "$status" 102
point 'an unknown architecture is 102'
setup -i "$place/image.tar.gz" --sha256 00
is "$status" 1 && is_absent
point 'a wrong checksum of a file'

python3 "$here/image_server.py" "$place/image.tar.gz" "$place/port" "$place/requests" 2>/dev/null &
servers=$!
while [ ! -e "$place/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$place/port")

for name in good moved slow busy; do
  setup --url "$url/$name"
  is "$status" 0 && is_whole && is "$(ls "$work/temp")" '' || { echo "# $err"; false; }
  point "downloads: $name"
  clear_image
done
: >"$place/requests"
proxy=http_proxy=$url
setup --url http://images.invalid/good
proxy=
is "$status" 0 && is_whole && grep -q '^http://images.invalid/good ' "$place/requests" || { echo "# $err"; false; }
point 'downloads: through a proxy'
clear_image
setup --url "$url/good"
clear_image
grep -q '^/good.sha256' "$place/requests"
point 'a published checksum is asked for'
setup --url "$url/wrong"
is "$status" 1 && is_absent && printf '%s' "$err" | grep -q 'checksum is'
point 'downloads: wrong checksum'
setup --url "$url/absent"
is "$status" 1 && is_absent && printf '%s' "$err" | grep -q 404
point 'downloads: not there'
setup --url http://127.0.0.1:1/x
is "$status" 1 && is_absent
point 'downloads: no server'
if "$nestp" doctor | grep -q libcurl; then
  setup --url "$url/dies"
  is "$status" 0 && is_whole && grep -q '^/dies bytes=65536-' "$place/requests" || { echo "# $err"; false; }
  point 'downloads: goes on where the server broke off'
  clear_image
  setup --url "$url/changes"
  is "$status" 0 && is_whole || { echo "# $err"; false; }
  point 'downloads: starts again if the file has changed'
  clear_image
  setup --url "$url/stops"
  is "$status" 1 && is_absent && [ -n "$(ls "$work/temp")" ]
  point 'downloads: a server that never gets to the end'
  rm -rf "$work/temp/"*
fi

# Killed at any time, then again: the second run finds nothing in its way.
for delay in 0.02 0.05 0.1 0.2; do
  as_user env HOME="$work" JUNEST_HOME="$image" JUNEST_TEMPDIR="$work/temp" \
    timeout -s KILL $delay "$nestp" junest setup --url "$url/slow" >/dev/null 2>&1
done
[ ! -e "$image" ]
point 'a killed setup leaves no image'
setup --url "$url/slow"
is "$status" 0 && is_whole
point '... and the next one goes through'
rm -rf "$work/temp/"*

# Owners other than root.
python3 - "$place/image.tar.gz" "$place/owned.tar" <<'END'
import io, sys, tarfile
with tarfile.open(sys.argv[1]) as old, tarfile.open(sys.argv[2], "w") as new:
    for entry in old:
        entry.uid = entry.gid = 1000  # as of a tree that its packer owned
        new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    shadow = tarfile.TarInfo("./etc/shadow")
    shadow.uid, shadow.gid, shadow.mode = 1000, 42, 0o640
    new.addfile(shadow)
END
clear_image
setup -i "$place/owned.tar"
is "$status" 0
captured as_user env HOME="$work" JUNEST_HOME="$image" "$nestp" junest proot -f -- stat -c %u:%g:%a /etc/shadow /etc/passwd
is "$out" "0:42:640
0:0:644" || { echo "# $err"; false; }
point 'owners of the archive; who packed it is root'
clear_image
setup -i "$place/image.tar.gz"

delete() { # ANSWER
  status=0
  printf '%s\n' "$1" | as_user env HOME="$work" JUNEST_HOME="$image" timeout 60 "$nestp" junest \
    setup -d >"$place/out" 2>"$place/err" || status=$?
}
mkdir "$image/closed" && touch "$image/closed/file" && chmod 0 "$image/closed"
[ "$(id -u)" != 0 ] || chown 65534:65534 "$image/closed"
delete ''
is "$status" 0 && is_whole
point 'delete: no answer is a no'
delete n
is "$status" 0 && is_whole
point 'delete: no'
as_user env HOME="$work" JUNEST_HOME="$image" timeout 60 "$nestp" junest proot -- sleep 3 &
sleep 1
delete y
is "$status" 1 && is_whole && grep -q sessions err
point 'delete: not under a session'
wait $!
delete y
is "$status" 0 && is_absent
point 'delete: also closed directories'
delete y
is "$status" 1
point 'delete: nothing there is 1'

victim=$place/victim
mkdir -p "$victim" && echo precious >"$victim/file"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$victim"
state() { (cd "$place" && find . -path ./work/home -prune -o -path ./out -prune -o -path ./err -prune -o \
  -path ./hostile -prune -o -path ./work -prune -o -printf '%p %m %s %T@ %l\n' | sort; cat "$victim/file"); }
python3 "$here/hostile_archives.py" "$place/hostile" "$victim" >"$place/cases"
chmod -R a+rX "$place/hostile"
before=$(state)
while read -r name wanted; do
  setup -i "$place/hostile/$name.tar"
  case $wanted in
    refused) [ "$status" = 1 ] && is_absent ;;
    taken) is "$status" 0 ;;
    either) [ "$status" = 0 ] || { [ "$status" = 1 ] && is_absent; } ;;
  esac && is "$(state)" "$before" && [ -z "$(ls "$work" | grep -vx -e home -e home.nestp-owners -e temp)" ] ||
    { echo "# $status $err"; false; }
  point "hostile: $name is $wanted"
  clear_image
done <"$place/cases"
done_testing
