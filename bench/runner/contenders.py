"""The ways to run one command in the tree: real chroot, nestp, and other programs for it."""

import os
import subprocess

from .place import ENVIRONMENT, MOUNTS


def chroot(here, command, directory="/bench"):
    return ["-r", here.chroot, "-w", directory, "-u", str(here.user), *command]


def nestp(here, command, directory="/bench", options=()):
    bindings = [word for name in MOUNTS for word in ("-b", f"/{name}")]
    return ["-u", str(here.user), here.nestp, "-r", here.tree, *bindings, *options,
            "-w", directory, *command]


def nestp_as_root(here, command, directory="/bench", options=()):
    return nestp(here, command, directory, ("-0", *options))


def proot(here, command, directory="/bench"):
    return ["-u", str(here.user), here.proot, *nestp(here, command, directory)[3:]]


def bwrap(here, command, directory="/bench"):
    mounts = [word for name in MOUNTS for word in ("--dev-bind", f"/{name}", f"/{name}")]
    return ["-u", str(here.user), here.bwrap, "--bind", here.tree, "/", *mounts,
            "--chdir", directory, *command]


def all_of(here):
    """By name, in the order in which they take turns."""
    ways = {"chroot": chroot, "nestp": nestp, "nestp -0": nestp_as_root}
    if here.proot:
        ways["proot"] = proot
    if here.bwrap:
        ways["bwrap"] = bwrap
    return ways


class Failed(Exception):
    """A command ended with another status than 0."""


def time_once(here, words):
    """Milliseconds of one command, from fork to its end."""
    reader, writer = os.pipe()
    try:
        done = subprocess.run(["/bin/sh", "-c", f'exec "$@" 3>&{writer} {writer}>&-', "sh",
                               here.stopwatch, *words], env=ENVIRONMENT, pass_fds=[writer],
                              stderr=subprocess.PIPE, check=False)
        os.close(writer)
        writer = -1
        figures = os.read(reader, 256).split()
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    if done.returncode != 0 or len(figures) != 4 or figures[3] != b"0":
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Failed(said[-1] if said else f"status {figures[3:] or done.returncode}")
    return int(figures[0]) / 1e6


def start(words, **options):
    """A Popen of words for the stopwatch, without it: what it prints is wanted."""
    place = {}
    rest = list(words)
    while rest[0] in ("-r", "-w", "-u"):
        place[rest[0]] = rest[1]
        rest = rest[2:]

    def enter():
        if "-r" in place:
            os.chroot(place["-r"])
        if "-w" in place:
            os.chdir(place["-w"])
        os.setgroups([])
        os.setresgid(*3 * [int(place["-u"])])
        os.setresuid(*3 * [int(place["-u"])])

    return subprocess.Popen(rest, preexec_fn=enter, env=ENVIRONMENT, stdout=subprocess.PIPE,
                            text=True, **options)


def output_of(words):
    """What a command prints, without anything of it being timed here."""
    process = start(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    output, errors = process.communicate()
    if process.returncode != 0:
        said = errors.strip().splitlines()
        raise Failed(said[-1] if said else f"status {process.returncode}")
    return output
