"""bench/guest/stops.cc: what one stop costs here, and with it a path's first call."""

import statistics

from . import contenders
from .figure import Figure

WAYS = ["native", "bare", "change", "notify", "notify_sync"]
FIRST = ["first_stat", "first_stat_by_link"]
MOST = 1.2  # times a stop that changes a path: the first call of one


def _stop(here, way, count):
    return float(contenders.output_of(
        contenders.chroot(here, ["/bench/stops", way, "/bench/a/b/file", str(count)])))


def _first(here, operation, milliseconds):
    command = ["/bench/loops", "run", "/bench", str(milliseconds), operation]
    return float(contenders.output_of(contenders.nestp(here, command)).split()[1])


def run(words, here):
    samples, failed = {}, {}
    for _ in range(words.rounds):
        for way in [*WAYS, *FIRST]:
            if way in failed:
                continue
            try:
                value = (_first(here, way, 20 if words.quick else 60) if way in FIRST
                         else _stop(here, way, 2000 if words.quick else 10000))
            except contenders.Failed as error:
                failed[way] = {"nestp": str(error)}  # notify_sync: a kernel before Linux 6.6
                continue
            samples.setdefault(way, []).append(value)
    for way in [*WAYS, *FIRST]:
        floor = None
        if way in FIRST and "change" in samples:
            floor = MOST * statistics.median(samples["change"])
        yield Figure(way, "stop", "ns", {"nestp": samples.get(way, [])}, floor, "value",
                     failed.get(way, {}))
