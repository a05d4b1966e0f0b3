"""Memory of the tracer while many guests are alive, and how long they take to start."""

import subprocess
import time

from . import contenders
from .figure import Figure

COUNTS = [1000, 2000]
LIMIT_AT_1000 = 32.0  # MB


def _peak_megabytes(process):
    with open(f"/proc/{process}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def _one(here, who, way, count):
    """Peak MB of the tracer (none in the chroot) and seconds until all guests ran."""
    start = time.perf_counter()
    process = contenders.start(way(here, ["/bench/sleepers", str(count)], "/"),
                               stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    said = process.stdout.readline().split()
    seconds = time.perf_counter() - start
    megabytes = _peak_megabytes(process.pid) if who != "chroot" else None
    process.stdin.close()
    process.wait()
    if said != ["ready", str(count)]:
        raise contenders.Failed(f"only {said[-1:] or 'none'} of {count} started")
    return megabytes, seconds * 1e3


def run(words, here):
    ways = contenders.all_of(here)
    for count in COUNTS:
        size, start, failed = {}, {}, {}
        for who, way in ways.items():
            try:
                megabytes, milliseconds = _one(here, who, way, count)
            except (contenders.Failed, OSError) as error:
                failed[who] = str(error)
                continue
            if megabytes is not None:
                size[who] = [megabytes]
            start[who] = [milliseconds]
        limit = LIMIT_AT_1000 if count == 1000 else None
        if words.only and words.only not in "memory":
            continue
        yield Figure(f"tracer, {count:,} guests", "memory", "MB", size, limit, "value", failed)
        yield Figure(f"start of {count:,} guests", "memory", "ms", start, None, failed=failed)
