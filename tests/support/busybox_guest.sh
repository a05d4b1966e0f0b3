# Shared by shell tests that need a small guest: a root file system around busybox, TAP.
#
# Needs: $1, nestp.  Sets: $base (readable by the user), $root, and the functions below.

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
program=$(absolute "$1")
busybox=$(command -v busybox) || { echo "1..0 # SKIP no busybox"; exit 0; }
if ldd "$busybox" >/dev/null 2>&1; then
  echo "1..0 # SKIP busybox is not static"
  exit 0
fi

as_user() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  else
    "$@"
  fi
}

base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-guest.XXXXXX") || exit 1
trap 'chmod -R u+rwX "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$base"
cp "$program" "$base/nestp"
root=$base/root
mkdir "$root"
mkdir "$root/bin" "$root/etc" "$root/dev" "$root/proc" "$root/tmp" "$root/work"
cp "$busybox" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
own() { [ "$(id -u)" != 0 ] || chown -R -h 65534:65534 "$root" "$base"; }
own

# nestp WORD...: as the ordinary user.
nestp() {
  (cd "$base" && as_user env -i PATH=/bin ${NESTP_LOG:+NESTP_LOG="$NESTP_LOG"} timeout -k 5 60 \
    ./nestp -r "$root" -b /dev -b /proc -w /work "$@" </dev/null)
}

number=0
failed=0
report() {  # NAME, after the command that is judged
  result=$?
  number=$((number + 1))
  if [ $result = 0 ]; then
    echo "ok $number - $1"
  else
    failed=$((failed + 1))
    echo "not ok $number - $1"
  fi
  return 0
}

# says NAME TEXT WORD...: the words must print exactly that.
says() {
  name=$1 expected=$2
  shift 2
  output=$("$@" 2>&1)
  [ "$output" = "$expected" ]
  report "$name"
  [ "$output" = "$expected" ] || printf '%s\n' "expected: $expected" "printed: $output" | sed 's/^/# /'
}

finish() {
  echo "1..$number"
  [ $failed = 0 ]
}
