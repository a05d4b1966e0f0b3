"""The table for people, JSON for programs, and the dated logs."""

import json
import os
import subprocess
import sys
import tempfile

from . import machine, shares

# What "good" means in one word, by what Figure.good() says.
VERDICTS = {True: "ok", False: "MISSED", None: ""}
TITLES = {"micro": "Functions of nestp", "guest": "One call in a loop",
          "app": "Whole programs", "stop": "One look at a call from outside", "memory": "Memory"}


def _number(value, digits=3):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, digits - len(str(int(value))))}f}"


def _reached(figure, contender):
    value = figure.reached(contender)
    if value is None:
        return "failed" if contender in figure.failed else "-"
    if figure.measure == "above":
        return f"+{_number(value)} {figure.unit}"
    return _number(value) + (" x" if figure.measure == "ratio" else f" {figure.unit}")


def _floor(figure):
    if figure.floor is None:
        return ""
    text = _number(figure.floor)
    return {"ratio": f"{text} x", "above": f"+{text} {figure.unit}"}.get(
        figure.measure, f"{text} {figure.unit}")


OTHERS = {"guest": ("filter", "nestp -0", "proot", "bwrap")}
USUAL_OTHERS = ("nestp -0", "proot", "bwrap")


def _others(part):
    return OTHERS.get(part, USUAL_OTHERS)


def _line(figure):
    times = [_number(figure.median(who)) for who in ("chroot", "nestp")]
    reached = " ".join(f"{_reached(figure, who):>10}" for who in _others(figure.part))
    return (f"{figure.name:34} {figure.unit[:5]:5} {times[0]:>9} {times[1]:>9} "
            f"{_reached(figure, 'nestp'):>11} {_floor(figure):>9} "
            f"{VERDICTS[figure.good()]:6} {reached}").rstrip()


def _micro_line(figure):
    return f"{figure.name:34} {_number(figure.median('nestp')):>9} {figure.unit}"


def progress(figure):
    print(f"{figure.part}: {figure.name}: {_reached(figure, 'nestp')}", file=sys.stderr)


def table(figures, facts):
    lines = ["Medians of interleaved rounds; all as an ordinary user, held against the same program",
             "in a real chroot: two times, then ratios or differences.", ""]
    lines += [f"{key:9} {value}" for key, value in facts.items()]
    for part, title in TITLES.items():
        chosen = [figure for figure in figures if figure.part == part]
        if not chosen:
            continue
        lines.append("")
        if part == "micro":
            lines.append(f"{title:34} {'time':>9}")
            lines += map(_micro_line, chosen)
            continue
        others = " ".join(f"{who:>10}" for who in _others(part))
        lines.append(f"{title:34} {'unit':5} {'chroot':>9} {'nestp':>9} {'nestp':>11} "
                     f"{'at most':>9} {'':6} {others}")
        lines += map(_line, chosen)
        lines += shares.lines(part, figures)
    lost = [f"{figure.name}: {who}: {reason}" for figure in figures
            for who, reason in figure.failed.items()]
    if lost:
        lines += ["", "Failed:", *lost]
    missed = sum(figure.good() is False for figure in figures)
    held = sum(figure.good() is True for figure in figures)
    lines += ["", f"{held} floors reached, {missed} missed"]
    return "\n".join(lines)


def write_json(path, figures, facts):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"reference": "chroot", "facts": facts,
                   "figures": [figure.as_json() for figure in figures]}, file, indent=1)
        file.write("\n")


def draw(nestp, path, figures, facts):
    """The ratios as bars, by nestp, which draws those of `nestp bench` too."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        write_json(file.name, figures, facts)
        subprocess.run([nestp, "bench", "--from", file.name, "--svg", path], check=True,
                       stdout=subprocess.DEVNULL)


def write_log(figures, facts, text):
    """log/DATE-PARTS.txt and .json."""
    folder = os.path.join(machine.TOP, "bench/log")
    os.makedirs(folder, exist_ok=True)
    parts = [name for name in TITLES if name in facts["command"].split()]
    date = facts["date"].replace(" ", "-").replace(":", "")
    stem = os.path.join(folder, "-".join([date, *parts]))
    with open(stem + ".txt", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    write_json(stem + ".json", figures, facts)
    print(f"kept as {os.path.relpath(stem, machine.TOP)}.txt and .json", file=sys.stderr)
