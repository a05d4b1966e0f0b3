# Sourced by the test scripts: prints TAP, and gives them a directory and ways to run others.
#
# $place   a directory to write in, removed at the end; the working directory
. "$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/../../.ci/setup.sh"

# skip_all REASON: this machine cannot run the script.
skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}
needs_x86_64() { [ "$(uname -m)" = x86_64 ] || skip_all 'the images are for x86_64'; }
needs_program() { command -v "$1" >/dev/null || skip_all "no $1"; }

place=$(mktemp -d "${TMPDIR:-/tmp}/nestp-test.XXXXXX") || exit 1
servers=
# What is to be done at the end; scripts may add to it.
at_end() {
  # shellcheck disable=SC2086
  [ -z "$servers" ] || kill $servers 2>/dev/null
  chmod -R u+rwx "$place"
  rm -rf -- "$place"
}
trap at_end EXIT
trap 'exit 1' HUP INT TERM
chmod 777 "$place"
cd "$place" || exit 1
# A guest may open what its descriptors lead to.
touch out err && chmod 666 out err

points=0
# point NAME: the status of the command before it decides.
point() {
  if [ $? = 0 ]; then said=ok; else said='not ok'; fi
  points=$((points + 1))
  echo "$said $points - $1"
}

done_testing() { echo "1..$points"; }

# captured WORD...: runs a command; sets $status, $out and $err.
captured() {
  status=0
  "$@" >"$place/out" 2>"$place/err" </dev/null || status=$?
  out=$(cat "$place/out")
  err=$(cat "$place/err")
}

# is TEXT WANTED: equal, or says what it is.
is() {
  [ "$1" = "$2" ] && return
  printf '# got:    %s\n# wanted: %s\n' "$1" "$2"
  return 1
}

# ok: the last run succeeded, or says how it did not.
ok() {
  [ "$status" = 0 ] && return
  echo "# status $status, said: $err"
  return 1
}

# wrong CODE PATTERN NAME: the last run failed so.
wrong() {
  { is "$status" "$1" && printf '%s\n' "$err" | grep -qE "$2"; } || { echo "# said: $err" && false; }
  point "$3"
}
