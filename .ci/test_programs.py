#!/usr/bin/env python3
"""Names the build targets of a suite's test programs, a line for each.

    meson introspect --tests FOLDER | test_programs.py SUITE FOLDER
"""
import json
import os
import sys


def main():
    suite, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    programs = {
        os.path.relpath(test["cmd"][0], folder)
        for test in json.load(sys.stdin)
        if suite in [name.rpartition(":")[2] for name in test["suite"]]
    }
    if not programs:
        sys.exit(f"test_programs.py: {folder} has no suite '{suite}'")
    print(*sorted(programs), sep="\n")


if __name__ == "__main__":
    main()
