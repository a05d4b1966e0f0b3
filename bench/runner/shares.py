"""Where the time of a row goes, by what nestp counts of itself (--stats=json)."""

import json
import subprocess

from . import contenders

START = "start of /bin/true"


def of(here, command, options=()):
    """Of one run more: how many calls the guest made inside, how many stopped, and the tracer's
    time for them in ms.  None: it failed, or was no guest of the tracer's."""
    words = contenders.nestp(here, command, options=("--backend=ptrace", "--stats=json", *options))
    process = contenders.start(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, errors = process.communicate()
    lines = [line for line in errors.splitlines() if line.startswith('{"run_nanoseconds"')]
    if process.returncode != 0 or not lines:
        return None
    said = json.loads(lines[-1])
    total = said["total"]
    return {"inside": total["inside"], "stops": total["stops"], "others": said["other_stops"],
            "tracer_ms": total["nanoseconds"] / 1e6,
            "tracer_share": total["nanoseconds"] / said["run_nanoseconds"]}


def _numbers(figure, figures):
    """Of what nestp takes more than the chroot, by who takes it; in the figure's unit."""
    over = figure.median("nestp") - figure.median("chroot")
    if figure.part == "app":
        start = next((other for other in figures if other.name == START), None)
        fixed = start.reached() if start else 0
        tracer = 0 if figure.name == START else figure.counted["tracer_ms"]
    else:
        filtered = figure.median("filter")
        fixed = filtered - figure.median("chroot") if filtered else 0
        tracer = figure.counted["tracer_share"] * figure.median("nestp")
    return over, fixed, tracer, over - fixed - tracer


def lines(part, figures):
    """A table of the part's rows; none if nothing was counted."""
    chosen = [figure for figure in figures if figure.part == part and figure.counted
              and figure.median("nestp") and figure.median("chroot")]
    if not chosen:
        return []
    fixed = "start" if part == "app" else "filter"
    table = ["", f"{'Where the time goes':34} {'inside':>10} {'stops':>8} {'others':>8} "
             f"{'over':>10} {fixed:>9} {'tracer':>9} {'rest':>9}"]
    for figure in chosen:
        numbers = " ".join(f"{value:{width},.{1 if part == 'app' else 0}f}" for value, width in
                           zip(_numbers(figure, figures), (10, 9, 9, 9)))
        counted = figure.counted
        table.append(f"{figure.name:34} {counted['inside']:10,} {counted['stops']:8,} "
                     f"{counted['others']:8,} {numbers} {figure.unit}")
    return table
