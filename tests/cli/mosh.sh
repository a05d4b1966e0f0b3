#!/bin/sh
# Mosh whose server runs in a guest: it comes back, and the connection stays, without a wrapper.
. "$(dirname -- "$0")/tap.sh"
for program in mosh mosh-server python3; do
  needs_program $program
done
home=$place/home
mkdir -p "$home" "$rootfs/etc/junest"
echo "JUNEST_ARCH=$(uname -m)" >"$rootfs/etc/junest/info"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$home" "$rootfs"

# talk NAME SERVER: over Mosh, a shell on the far side answers now and, when the server's starter
# has ended, still later.
talk() {
  as_user env -i HOME="$home" JUNEST_HOME="$rootfs" PATH="$PATH" LC_ALL=C.UTF-8 TERM=xterm \
    timeout -k 5 60 python3 "$here/boot_session.py" '?ready-42' '!echo again-$((6*7))' '?again-42' '!exit' \
    -- mosh --local --server="$2" 127.0.0.1 -- sh -c 'echo ready-$((6*7)); exec sh' >"$place/out" 2>&1
  status=$?
  is "$status" 0 || { tr -d '\r\033' <"$place/out" | tail -n 20; false; }
  point "$1"
}
talk 'nestp --on-exit=detach' "$nestp --on-exit=detach -r / mosh-server"
talk '... with a fake root' "$nestp -0 --on-exit=detach -r / mosh-server"
if [ "$(uname -m)" = x86_64 ]; then
  binds=
  for path in /usr /lib /lib64 /etc; do binds="$binds -b $path"; done
  talk 'junest proot, without another word' "$nestp junest proot -b '$binds' -- mosh-server"
fi
done_testing
