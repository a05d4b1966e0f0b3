"""The root file system in which everything runs, and the material of the benches in it."""

import os
import subprocess
import sys

from . import machine

MOUNTS = ["dev", "proc", "sys"]
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/bench", "LC_ALL": "C",
               "GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@localhost",
               "GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@localhost"}

# Run once, in the chroot, as the guests' user.  The files differ in length, not only in name.
MATERIAL = r"""
set -e
cd /bench
./loops make /bench

mkdir git && cd git && git init -q .
for d in $(seq 40); do
  mkdir -p "src/part$d/deep"
  for f in $(seq 50); do
    echo "line $d $f" >"src/part$d/file$f.c"
    echo "text $f $d" >"src/part$d/deep/file$f.h"
  done
done
git add . && git commit -q -m all && git status >/dev/null
cd ..

mkdir unpacked && cd unpacked
for d in $(seq 60); do
  mkdir -p "doc/package$d"
  for f in $(seq 100); do echo "$d and $f" >"doc/package$d/entry$f.txt"; done
done
tar cf ../archive.tar doc
cd .. && rm -rf unpacked

mkdir make && cd make
{
  printf 'objects = $(patsubst %%.c,%%.o,$(wildcard *.c))\nall: $(objects)\n'
  printf '%%.o: %%.c\n\t$(CC) -O1 -c $< -o $@\n'
} >Makefile
for f in $(seq 40); do
  printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n' >"unit$f.c"
  printf 'int unit%s(int n) { printf("%%d\\n", n); return n * %s; }\n' "$f" "$f" >>"unit$f.c"
done
touch /bench/.ready
"""


class Place:
    """`tree`: nothing is mounted in it, for nestp and PRoot.  `chroot`: the same, with mounts."""

    def __init__(self, words, top):
        self.user = words.user
        self.build = os.path.abspath(words.build)
        self.top = top
        self.tree = os.path.join(top, "tree")
        self.chroot = os.path.join(top, "chroot")
        self.stopwatch = os.path.join(self.build, "bench/app/stopwatch")
        self.nestp = words.nestp
        self.proot = words.proot
        self.bwrap = words.bwrap

    def as_user(self, command, **options):
        return subprocess.run(command, user=self.user, group=self.user, extra_groups=[], check=True,
                              env=ENVIRONMENT, **options)

    def prepare_job(self, script):
        """A shell script in the chroot, as the user, untimed."""
        subprocess.run([self.stopwatch, "-r", self.chroot, "-w", "/bench", "-u", str(self.user),
                        "/bin/sh", "-c", script], check=True, env=ENVIRONMENT, pass_fds=[3])


def _image(words):
    if words.rootfs:
        return words.rootfs
    maker = os.path.join(machine.TOP, "tests/rootfs/make_rootfs.sh")
    done = subprocess.run([maker, "amd64"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("run: no root file system to run in; give one with --rootfs")
    return done.stdout.strip()


def _unpack(words, here):
    os.makedirs(here.tree)
    os.chown(here.tree, here.user, here.user)
    here.as_user(["tar", "-C", here.tree, "--exclude=./dev/*", "-xf", "-"],
                 stdin=open(_image(words), "rb"))  # pylint: disable=consider-using-with
    for name in [*MOUNTS, "bench"]:
        path = os.path.join(here.tree, name)
        os.makedirs(path, exist_ok=True)
        os.chown(path, here.user, here.user)


def _mount(here):
    os.makedirs(here.chroot, exist_ok=True)
    subprocess.run(["mount", "--bind", here.tree, here.chroot], check=True)
    for name in MOUNTS:
        subprocess.run(["mount", "--rbind", f"/{name}", os.path.join(here.chroot, name)], check=True)


def _copy_programs(here):
    for name, program in [("loops", "cli/inside/inside"), ("sleepers", "bench/guest/sleepers"),
                          ("stops", "bench/guest/stops")]:
        target = os.path.join(here.tree, "bench", name)
        # Copied anew, not over: an older one may still run.
        subprocess.run(["install", "-m", "755", os.path.join(here.build, program), target],
                       check=True)


def prepare(words):
    top = os.path.abspath(
        words.place or os.path.join(os.environ.get("TMPDIR", "/tmp"), "nestp-bench"))
    os.makedirs(top, exist_ok=True)
    os.chmod(top, 0o755)
    here = Place(words, top)
    # Of the user's own, as at home.
    ENVIRONMENT["XDG_CACHE_HOME"] = os.path.join(top, "cache")
    os.makedirs(ENVIRONMENT["XDG_CACHE_HOME"], exist_ok=True)
    os.chown(ENVIRONMENT["XDG_CACHE_HOME"], here.user, here.user)
    # Descriptor 3 is the stopwatch's; what is not timed throws its figures away.
    if os.open("/dev/null", os.O_WRONLY) != 3:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 3)
    if not os.path.exists(os.path.join(here.tree, "bench/.ready")):
        print("unpacking the root file system and making the material", file=sys.stderr)
        subprocess.run(["rm", "-rf", here.tree], check=True)
        _unpack(words, here)
        _mount(here)
        _copy_programs(here)
        here.prepare_job(MATERIAL)
    else:
        _mount(here)
        _copy_programs(here)
    # All programs together are what a user can reach.
    for path in [here.nestp, here.stopwatch]:
        if os.stat(path).st_mode & 0o111 == 0:
            sys.exit(f"run: {path} is no program")
    return here
