"""bench/app: whole programs, in the chroot, as a guest and under PRoot, in turns."""

import dataclasses

from . import contenders, shares
from .figure import Figure


@dataclasses.dataclass
class Job:
    name: str
    command: list
    floor: float = None
    before: str = None          # untimed, in the chroot
    measure: str = "ratio"
    rounds: int = 1             # times the rounds asked for
    settles: bool = False       # it keeps what it saw, owners too: each run has one before it


def _shell(script):
    return ["/bin/sh", "-c", script]


# What nestp is to reach at most; PRoot's mainline, with acceleration, reached 10.4 (find), 11.8
# (ls), 6.4 (git), 4.4 (untar), 3.7 (make), 1.4 (python3) and 2.7 (sh) on the reference machine.
JOBS = [
    Job("start of /bin/true", ["/bin/true"], 8.0, measure="above", rounds=3),
    Job("find /usr -size +0", ["find", "/usr", "-size", "+0"], 1.4),
    Job("ls -lR /usr/lib /usr/share", ["ls", "-lR", "/usr/lib", "/usr/share"], 1.4),
    Job("git status, 4,000 files", ["git", "-C", "/bench/git", "status"], 1.4,
        settles=True),
    Job("untar of 6,000 files", _shell("cd unpacked && tar xf ../archive.tar"), 1.6,
        before="rm -rf unpacked; mkdir unpacked"),
    Job("make -j2 of 40 C files", ["make", "-s", "-j2", "-C", "/bench/make"], 1.3,
        before="rm -f make/*.o"),
    Job("python3 with imports", ["python3", "-c", "import json, subprocess, email, http.client"],
        1.15),
    Job("sh, 300 x /bin/true", _shell("i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done"),
        1.7),
]


def _try_once(here, job, words, samples, failed, who):
    if who in failed:
        return
    if job.before:
        here.prepare_job(job.before)
    try:
        if job.settles:  # else it repairs what another contender has left
            contenders.time_once(here, words)
        samples.setdefault(who, []).append(contenders.time_once(here, words))
    except contenders.Failed as error:
        failed[who] = str(error)


def run(words, here):
    for job in JOBS:
        if words.only and words.only not in job.name:
            continue
        ways = {who: way(here, job.command) for who, way in contenders.all_of(here).items()}
        samples, failed = {}, {}
        for who, command in ways.items():  # to warm the page cache
            _try_once(here, job, command, {}, failed, who)
        for _ in range(words.rounds * job.rounds):
            for who, command in ways.items():
                _try_once(here, job, command, samples, failed, who)
        if job.before:
            here.prepare_job(job.before)
        counted = shares.of(here, job.command)
        yield Figure(job.name, "app", "ms", samples, job.floor, job.measure, failed, counted)
