#!/usr/bin/env python3
"""Counts results in Meson's testlog.json files: prints 'passed failed skipped', and to stderr
each test that failed with what it said of that.

A test that reports in TAP counts once for each of its points, any other one once.
"""
import json
import re
import sys

POINT = re.compile(r"^(not )?ok\b(.*)$", re.MULTILINE)
SKIPPED = re.compile(r"#\s*(skip|todo)", re.IGNORECASE)


def count(test):
    """(passed, failed, skipped) of one test."""
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    passed = failed = skipped = 0
    for bad, rest in POINT.findall(test.get("stdout") or ""):
        if SKIPPED.search(rest):
            skipped += 1
        elif bad:
            failed += 1
        else:
            passed += 1
    if passed + failed + skipped == 0:
        if test["result"] == "SKIP":
            return 0, 0, 1
        return (1, 0, 0) if good else (0, 1, 0)
    # A crash after its last point, or a timeout, is a failure without a point.
    if not good and test["result"] != "SKIP" and failed == 0:
        failed = 1
    return passed, failed, skipped


def told(test):
    """The lines of a failed test that say why: its failed points with their comments, or its end."""
    output = (test.get("stdout") or "").splitlines()
    lines = []
    failing = False
    for line in output:
        if POINT.match(line):
            failing = line.startswith("not ") and not SKIPPED.search(line)
        elif not line.startswith("#"):
            failing = False
        if failing:
            lines.append(line)
    if not lines:
        lines = output[-5:] + (test.get("stderr") or "").splitlines()[-10:]
    return lines[:20]


def main():
    total = [0, 0, 0]
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                test = json.loads(line)
                counts = count(test)
                total = [a + b for a, b in zip(total, counts)]
                if counts[1]:
                    print("failed:", test["name"], test["result"], file=sys.stderr)
                    for said in told(test):
                        print("   ", said, file=sys.stderr)
    print(*total)


if __name__ == "__main__":
    main()
