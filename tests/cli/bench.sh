#!/bin/sh
# nestp bench: measures with what nestp itself carries, as a table, JSON and a chart.
. "$(dirname -- "$0")/tap.sh"
needs_program python3

mkdir -p bin temp && chmod 777 temp
printf '#!/bin/sh\necho "proot error: not today" >&2\nexit 3\n' >bin/proot
chmod 755 bin/proot
printf '#!/bin/sh\nwhile [ "${1#*/loops}" = "$1" ]; do shift; done\nexec "$@"\n' >bin/bwrap
chmod 755 bin/bwrap
# bench WORD...: as an ordinary user, with those beside nestp.
bench() {
  captured as_user env "PATH=$place/bin:$PATH" "TMPDIR=$place/temp" timeout -k 5 200 "$nestp" bench --quick "$@"
}
# told PYTHON: a fact of the JSON that the last run printed; `by` has the figures by name.
told() {
  printf '%s' "$out" | python3 -c "
import json, sys
whole = json.load(sys.stdin)
by = {figure['name']: figure for figure in whole['figures']}
sys.exit(not ($1))"
}

before=$(find "$rootfs" | sort)
bench --json -r "$rootfs" --only stat_4
ok && told 'set(by) == {"stat_4", "lstat_4", "stat_4_threads_1", "stat_4_threads_2", "stat_4_threads_4"}'
point 'in a root file system'
for who in native nestp 'nestp -0' 'no fast path'; do
  told "len(by['stat_4']['contenders']['$who']['samples']) == 3 and min(by['stat_4']['contenders']['$who']['samples']) > 0"
  point "... $who, once a round"
done
told "by['stat_4']['failed']['proot'] == 'proot error: not today'"
point '... and why another program failed'
is "$(find "$rootfs" | sort)" "$before" && is "$(ls temp | grep -v nestp-cache)" ''
point '... which leave nothing'
told 'whole["reference"] == "native" and whole["facts"]["kernel"] and whole["facts"]["cpu"]'
point '... with the facts of the machine'
printf '%s' "$out" >figures.json

bench --only getppid --svg "$place/temp/chart.svg"
ok && printf '%s\n' "$out" | grep -qE '^getppid.* ns .* x .* failed .* x$'
point 'on the host, as a table'
python3 - temp/chart.svg <<'END'
import sys
import xml.etree.ElementTree as tree
texts = [t.text for t in tree.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}text")]
sys.exit(not ("getppid(2), which has no path" in texts and "nestp -0" in texts and "bwrap" in texts))
END
point '... and as a chart'
run bench --from "$place/figures.json" --json
ok && printf '%s' "$out" | python3 -c 'import json, sys
sys.exit(json.load(sys.stdin) != json.load(open("figures.json")))'
point 'figures that were kept are read back'
sed 's/native/chroot/g' figures.json >others.json
run bench --from "$place/others.json" --svg "$place/temp/others.svg"
ok && grep -q 'in relation to a real chroot' temp/others.svg
point '... of bench/run, too'

run bench --from "$place/absent.json"
fails 125 'bench: .*absent.json: No such file' 'figures that are not there'
run bench --from "$place/out"
fails 125 'bench: ' 'what is no figures'
run bench -r "$place/absent"
fails 125 'bench: .*absent: No such file' 'a root file system that is not there'
run bench --only nothing
fails 125 "bench: no operation has 'nothing' in its name" 'an operation that is not there'
run bench --slow
fails 125 "unknown option '--slow'; the words are: nestp bench " 'an option that is not there'
done_testing
