#!/usr/bin/env python3
"""The guest tests of a build folder, for a machine that has not got Meson.

    list_guests.py TESTS.JSON FOLDER [MODES [REGEX]]

TESTS.JSON is what `meson introspect --tests` prints.  Writes FOLDER/list (a line each:
NAME|MODE|OPTIONS|PROGRAM, each program's native runs first), FOLDER/helpers (the programs that guests
find, as words) and FOLDER/programs (all of them, by their places in the build folder).
"""
import json
import os
import re
import sys


def main():
    source, folder = sys.argv[1:3]
    modes = sys.argv[3].split() if len(sys.argv) > 3 else []
    pattern = re.compile(sys.argv[4] if len(sys.argv) > 4 else "")
    lines, helpers, programs = [], [], {}
    with open(source, encoding="utf-8") as file:
        tests = json.load(file)
    for test in tests:
        words = test["cmd"]
        if not words[0].endswith("/run_in_guest.sh") or "tests/guest/" not in words[4]:
            continue
        name, mode, program = test["name"].partition("@")[0], words[1], words[4]
        if modes and mode not in modes or not pattern.search(name):
            continue
        options = test.get("env", {}).get("NESTP_TEST_OPTIONS", "")
        order = 0 if mode.startswith("native") else 1 if mode.startswith("chroot") else 2
        lines.append((name, order, mode, options, os.path.basename(program)))
        helpers = words[5:]
        for path in [program, *helpers]:
            programs[path[path.rindex("tests/guest/") :]] = True
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/list", "w", encoding="utf-8") as file:
        for name, _, mode, options, program in sorted(lines):
            file.write(f"{name}|{mode}|{options}|{program}\n")
    with open(folder + "/helpers", "w", encoding="utf-8") as file:
        print(*["./" + os.path.basename(path) for path in helpers], file=file)
    with open(folder + "/programs", "w", encoding="utf-8") as file:
        file.writelines(path + "\n" for path in programs)


if __name__ == "__main__":
    main()
