"""What a figure depends on: the machine, its kernel, the compiler, the programs compared."""

import os
import platform
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def cpu_list(text):
    """{0, 2, 3} of "0,2-3"."""
    cpus = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def set_priority(nice):
    """Of this session: with autogroups (sched(7)) a process's own nice value counts only in it."""
    os.nice(nice)
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:
            file.write(str(nice))
    except OSError:
        pass  # a kernel without them


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "absent"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return lines[0].strip() if lines else "unknown"


def _read(path, default="unknown"):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return default


def _cpu_model():
    """Its name, with the numbers where a cloud's machine tells no more than the maker."""
    said = {}
    for line in _read("/proc/cpuinfo", "").splitlines():
        name, _, value = line.partition(":")
        said.setdefault(name.strip(), value.strip())
    if "model name" not in said:
        return platform.machine()
    numbers = [f"{name} {said[name]}" for name in ("cpu family", "model") if name in said]
    return f"{said['model name']} ({', '.join(numbers)})" if numbers else said["model name"]


def proot_label(proot):
    """PRoot's version, and whether it was built with seccomp acceleration."""
    if proot is None:
        return "absent"
    done = subprocess.run([proot, "--version"], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    version = next((word for word in said.split() if word.count(".") == 2), "?")
    without = "" if "seccomp_filter = yes" in said else " (without seccomp acceleration)"
    return version + without


def facts(words):
    git = ["git", "-c", f"safe.directory={TOP}", "-C", TOP]
    return {
        "date": _first_line("date", "+%Y-%m-%d %H:%M"),
        "commit": _first_line(*git, "describe", "--always", "--dirty"),
        "kernel": platform.release(),
        "cpu": f"{os.cpu_count()} x {_cpu_model()}",
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none visible"),
        "compiler": _first_line("c++", "--version"),
        "proot": proot_label(words.proot),
        "load": " ".join(_read("/proc/loadavg").split()[:3]),
        "command": " ".join(["bench/run", *sys.argv[1:]]),
        "rounds": words.rounds,
    }
