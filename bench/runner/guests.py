"""cli/inside/loops.cc: one loop a call, in the chroot and as a guest, in turns."""

from . import contenders, shares
from .figure import Figure

PATH_CALL = 1.6  # a path call at any depth, with any number of bindings
NO_ROW = 1.1     # a call that nestp does not look at

FLOORS = {
    "getppid": NO_ROW, "close_bad": NO_ROW, "brk": NO_ROW,
    "stat_1": PATH_CALL, "stat_4": PATH_CALL, "stat_10": PATH_CALL, "stat_missing": PATH_CALL,
    "stat_by_link": PATH_CALL, "stat_relative": PATH_CALL, "lstat_4": PATH_CALL,
    "access_4": PATH_CALL, "open_close": PATH_CALL, "openat_relative": PATH_CALL,
    "fork_wait": 2.0, "spawn_static": 2.0, "spawn_dynamic": 2.0,
}
BY_BINDINGS = ["stat_4", "stat_10", "open_close"]
BINDINGS = [50, 200]
COUNTED_MILLISECONDS = 20


def _filtered(here, command):
    """What the kernel takes for a filter, whatever it says."""
    return contenders.chroot(here, [command[0], "filtered", *command[1:]])


def _command(operation, milliseconds):
    return ["/bench/loops", "run", "/bench", str(milliseconds), operation]


def _many_bindings(here, count):
    """`count` directories of the host at places that the root file system lacks."""
    return [word for i in range(count) for word in ("-b", f"{here.tree}/usr:/bound/{i}")]


def _parse(text):
    return {name: float(value) for name, value in (line.split() for line in text.splitlines())}


def _round(ways, operations, milliseconds, samples, failed):
    for who, words in ways.items():
        for operation in operations:
            if operation in failed.get(who, {}):
                continue
            try:
                output = contenders.output_of(words(_command(operation, milliseconds)))
            except contenders.Failed as error:
                failed.setdefault(who, {})[operation] = str(error)
                continue
            value = _parse(output)[operation]
            samples.setdefault(operation, {}).setdefault(who, []).append(value)


def _figures(here, samples, failed, options, suffix=""):
    for operation, by_contender in samples.items():
        reasons = {who: lost[operation] for who, lost in failed.items() if operation in lost}
        counted = shares.of(here, _command(operation, COUNTED_MILLISECONDS), options)
        yield Figure(operation + suffix, "guest", "ns", by_contender, FLOORS.get(operation),
                     failed=reasons, counted=counted)


def _measure(words, here, ways, operations, options=(), suffix=""):
    samples, failed = {}, {}
    milliseconds = 20 if words.quick else 60
    for _ in range(words.rounds):
        _round(ways, operations, milliseconds, samples, failed)
    yield from _figures(here, samples, failed, options, suffix)


def run(words, here):
    listed = contenders.output_of(contenders.chroot(here, ["/bench/loops", "list"]))
    names = [line.split("\t")[0] for line in listed.splitlines()]
    wanted = [name for name in names if words.only is None or words.only in name]
    ways = {who: (lambda command, way=way: way(here, command))
            for who, way in contenders.all_of(here).items()}
    ways["filter"] = lambda command: _filtered(here, command)
    yield from _measure(words, here, ways, wanted)
    for count in BINDINGS:
        operations = [name for name in BY_BINDINGS if name in wanted]
        if not operations:
            continue
        options = _many_bindings(here, count)
        some = {"chroot": ways["chroot"],
                "nestp": lambda command: contenders.nestp(here, command, options=options)}
        yield from _measure(words, here, some, operations, options, f", {count} bindings")
