# Shared by the tests of whole root file systems: unpack, run under nestp as an ordinary user, TAP.
#
# Needs: $nestp, $architecture.  Sets: $base (readable by the user), $copy (the root file system).

user=65534
number=0
failed=0

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

# As the ordinary user; as whoever runs this if that is not root.
as_user() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=$user --regid=$user --clear-groups "$@"
  else
    "$@"
  fi
}

unpack() {
  image=$("$here/make_rootfs.sh" "$architecture" 2>"${TMPDIR:-/tmp}/nestp-rootfs-log.$$")
  made=$?
  reason=$(tail -n 1 "${TMPDIR:-/tmp}/nestp-rootfs-log.$$")
  rm -f "${TMPDIR:-/tmp}/nestp-rootfs-log.$$"
  [ $made != 77 ] || skip_all "$reason"
  [ $made = 0 ] || { echo "Bail out! $reason"; exit 1; }
  base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-rootfs.XXXXXX") || exit 1
  trap 'chmod -R u+rwX "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
  trap 'exit 1' HUP INT TERM
  chmod 755 "$base"
  copy=$base/root
  mkdir "$copy"
  [ "$(id -u)" != 0 ] || chown $user:$user "$copy"
  cp "$nestp" "$base/nestp" || exit 1
  as_user tar -C "$copy" --no-same-owner --exclude './dev/*' -xf - <"$image" || exit 1
  as_user mkdir -p "$copy/home/user"
}

# Runs words inside; $inside_options may hold more options of nestp.
inside() {
  (cd "$base" && as_user env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/home/user LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive ${NESTP_LOG:+NESTP_LOG="$NESTP_LOG"} \
    timeout -k 5 "${limit:-120}" "$base/nestp" -r "$copy" -b /dev -b /proc -b /sys \
    -b /etc/resolv.conf ${inside_options-} -w /home/user "$@" </dev/null)
}

report() {
  number=$((number + 1))
  if [ "$1" = 0 ]; then
    echo "ok $number - $2"
  else
    failed=$((failed + 1))
    echo "not ok $number - $2"
    tail -n 12 "$base/output" | cut -c 1-200 | sed 's/^/#   /'
  fi
}

# check NAME SCRIPT: the shell script must end with 0 inside.
check() {
  inside /bin/sh -ec "$2" >"$base/output" 2>&1
  report $? "$1"
}

# says NAME TEXT WORD...: the program must end with 0 and print TEXT (a pattern of case).
says() {
  name=$1 expected=$2
  shift 2
  inside "$@" >"$base/output" 2>&1
  result=$?
  if [ $result = 0 ]; then
    # shellcheck disable=SC2254  # a pattern
    case $(cat "$base/output") in $expected) ;; *) result=1 ;; esac
  fi
  report $result "$name"
}

skip() {
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

finish() {
  echo "1..$number"
  [ $failed = 0 ] || exit 1
}
