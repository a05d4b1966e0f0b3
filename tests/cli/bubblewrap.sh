#!/bin/sh
# bubblewrap's options for whoever watches a guest: descriptors, locks, joined namespaces, limits.
. "$(dirname -- "$0")/tap.sh"
needs_program python3
mkdir -p home && mkdir -p "$rootfs/etc/junest" "$rootfs/usr/bin"
for name in sh cat unshare sleep; do ln -sf /bin/busybox "$rootfs/usr/bin/$name"; done
echo "JUNEST_ARCH=$(uname -m)" >"$rootfs/etc/junest/info"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 home "$rootfs"
if ! run --backend=namespace -r "$rootfs" -w / true || [ "$status" != 0 ]; then
  echo "1..0 # SKIP no namespaces for ordinary users here: $err"
  exit 0
fi
python3 -c 'import platform, sys; sys.exit(platform.machine() != "x86_64")' ||
  skip_all 'the image is for x86_64'

# watched CODE: a Python program with start(ARGS, *WORDS, pass_fds=...), which starts junest ns -b.
watched() {
  as_user env HOME="$place/home" JUNEST_HOME="$rootfs" python3 - "$nestp" >out 2>err <<END
import json, os, subprocess, sys, time, fcntl, select

def start(options, *words, fds=(), **more):
    return subprocess.Popen([sys.argv[1], "junest", "ns", "-b", options, "--", *words], pass_fds=fds,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

def ends(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out.strip(), err.strip()

def is_quiet(process, seconds=1.5):
    time.sleep(seconds)
    return process.poll() is None

$1
END
}
no_error() { { is "$(cat err)" ''; } || { cat out; false; }; }

watched '
r, w = os.pipe()
p = start(f"--unshare-pid --unshare-uts --json-status-fd {w}", "exit 7", fds=[w])
os.close(w)
lines = [json.loads(line) for line in os.fdopen(r)]
assert ends(p)[0] == 127, "a word with a blank is one command"
assert lines[0]["child-pid"] > 1 and "uts-namespace" in lines[0] and "net-namespace" not in lines[0], lines
assert lines[1:] == [{"exit-code": 127}], lines'
no_error
point '--json-status-fd tells start and end'
watched '
r, w = os.pipe()
p = start(f"--unshare-ipc --info-fd {w}", "readlink", "/proc/self/ns/ipc;", "exit", "5", fds=[w])
os.close(w)
info = json.loads(os.fdopen(r).read())
code, out, err = ends(p)
assert (code, out) == (5, "ipc:[%d]" % info["ipc-namespace"]), (info, code, out, err)'
no_error
point '--info-fd tells the namespaces'
watched '
r, w = os.pipe()
p = start(f"--block-fd {r}", "echo", "went on", fds=[r])
assert is_quiet(p), ends(p)
os.write(w, b"x")
assert ends(p)[:2] == (0, "went on")'
no_error
point '--block-fd holds the command back'
watched '
r, w = os.pipe()
p = start(f"--sync-fd {w}", "sleep", "2;", "ls", "/proc/self/fd", fds=[w])
os.close(w)
assert not select.select([r], [], [], 1)[0], "closed before the end"
code, out, err = ends(p)
assert str(w) not in out.split(), out
assert select.select([r], [], [], 20)[0] and os.read(r, 1) == b""'
no_error
point '--sync-fd is open as long as the guest lives, and not in it'
watched '
lock = os.environ["HOME"] + "/lock"
open(lock, "w").close()
r, w = os.pipe()
p = start(f"--lock-file {lock} --info-fd {w}", "echo; sleep", "2", fds=[w])
p = start(f"--lock-file {lock}", "echo", "x;", "sleep", "2")
p.stdout.readline()
held = open(lock, "r+")
try:
    fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    raise SystemExit("not locked")
except BlockingIOError:
    pass
ends(p)
for _ in range(100):
    try:
        fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except BlockingIOError:
        time.sleep(0.1)
else:
    raise SystemExit("still locked")'
no_error
point '--lock-file is locked as long as the guest lives'
watched '
p = start("--unshare-user --disable-userns --assert-userns-disabled", "unshare", "-U", "true")
code, out, err = ends(p)
assert code != 0 and "unshare" in err, (code, err)
p = start("--unshare-user --cap-add ALL --disable-userns", "echo", "9", ">", "/proc/sys/user/max_user_namespaces;",
          "unshare", "-U", "true")
code, out, err = ends(p)
assert code != 0, "the limit could be raised again"'
no_error
point '--disable-userns'
watched '
code, out, err = ends(start("--unshare-user --assert-userns-disabled", "true"))
assert code == 125 and "could make user namespaces" in err, (code, err)'
no_error
point '--assert-userns-disabled'
watched '
import ctypes, struct
# BPF: EPERM for getppid and for getpgrp, all else allowed; one filter each.
def filter_for(number):
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
    fd = os.memfd_create("filter", 0)
    os.write(fd, b"".join(struct.pack("HBBI", *i) for i in code))
    os.lseek(fd, 0, 0)
    return fd
a, b = filter_for(83), filter_for(84)  # mkdir, rmdir
words = ["cd", "/tmp;", "mkdir", "/tmp/d.$$;", "rmdir", "/tmp/absent.$$"]
code, out, err = ends(start(f"--add-seccomp-fd {a} --add-seccomp-fd {b}", *words, fds=[a, b]))
assert err.count("Operation not permitted") == 2, err
a, b = filter_for(83), filter_for(84)
code, out, err = ends(start(f"--seccomp {a} --seccomp {b}", *words, fds=[a, b]))
assert err.count("Operation not permitted") == 1, err'
no_error
point '--add-seccomp-fd adds, of --seccomp the last counts'
watched '
r, w = os.pipe()
first = start(f"--unshare-user --unshare-pid --uid 7 --cap-add ALL --info-fd {w}", "sleep", "30", fds=[w])
os.close(w)
pid = json.loads(os.fdopen(r).read())["child-pid"]
user = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
pids = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
code, out, err = ends(start(f"--userns {user} --pidns {pids}", "readlink", "/proc/self/ns/user;", "id", "-u;", "echo", "$$",
                            fds=[user, pids]))
want = os.readlink(f"/proc/{pid}/ns/user")
lines = out.split()
assert lines[:2] == [want, "7"] and 1 < int(lines[2]) < 99, (code, out, err)
os.kill(pid, 9)
ends(first)'
no_error
point '--userns and --pidns join others'"'"' namespaces'
watched '
r, w = os.pipe()
r2, w2 = os.pipe()
p = start(f"--unshare-user --info-fd {w} --userns-block-fd {r2}", "id", "-u", fds=[w, r2])
os.close(w)
pid = json.loads(os.fdopen(r).read())["child-pid"]
assert open(f"/proc/{pid}/uid_map").read() == ""
open(f"/proc/{pid}/setgroups", "w").write("deny")
open(f"/proc/{pid}/uid_map", "w").write(f"4711 {os.getuid()} 1")
open(f"/proc/{pid}/gid_map", "w").write(f"4711 {os.getgid()} 1")
os.write(w2, b"x")
assert ends(p)[:2] == (0, "4711")'
no_error
point '--userns-block-fd lets others write the maps'
for case in '--userns2 0:needs --userns' '--as-pid-1:needs --unshare-pid' '--block-fd 99:is not open' \
  '--userns-block-fd 0:needs --unshare-user and --info-fd' '--userns 0 --unshare-user:excludes' \
  '--unshare-pid --as-pid-1 --lock-file /x:excludes --lock-file'; do
  watched "code, out, err = ends(start('${case%:*}', 'true'))
assert code == 1 and '${case#*:}' in err, (code, err)"
  no_error
  point "wrong: ${case%:*}"
done
done_testing
