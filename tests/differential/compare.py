#!/usr/bin/env python3
"""Holds what nestp printed against what the chroot printed.

  compare.py CHROOT.out NESTP.out COUNT

Every operation must succeed in both or fail in both, and whatever it printed of files must be
equal.  Two things may differ, in at most one of 100 operations, and each is printed: which of two
errors that both apply is given (the kernel looks for them in its own order, and the tracer has to
look for some of them before the kernel does), and which of two names of one directory is shown.
Exit status 0: equal within that.
"""
import difflib
import itertools
import re
import sys

RESULT = re.compile(rb"^\s*(\d+) (.*) = (\S+)")
NAME = re.compile(rb"^\s+(is|cwd) |^\s+E[A-Z0-9]+$")


def read(path):
    """(number, lines) of each operation, in order."""
    operations = []
    with open(path, "rb") as output:
        for line in output.read().split(b"\n"):
            found = RESULT.match(line)
            if found and (not operations or operations[-1][0] != int(found[1])):
                operations.append((int(found[1]), []))
            if operations:
                operations[-1][1].append(line)
    return operations


def is_error(result):
    return re.fullmatch(rb"E[A-Z0-9]+", result) is not None


def is_tolerable(one, other):
    if len(one) != len(other):
        return False
    for left, right in zip(one, other):
        if left == right or (NAME.match(left) and NAME.match(right)):
            continue
        a, b = RESULT.match(left), RESULT.match(right)
        if not a or not b:
            return False
        both_fail = a[2] == b[2] and is_error(a[3]) and is_error(b[3])
        other_name = a[2].startswith(b"getcwd") and a[3] == b[3]
        if not both_fail and not other_name:
            return False
    return True


def show(one, other):
    """Both, or of a listing of all files only what differs."""
    if max(len(one), len(other)) < 20:
        lines = [b"-" + line for line in one] + [b"+" + line for line in other]
    else:
        changed = difflib.diff_bytes(difflib.unified_diff, one, other, n=0, lineterm=b"")
        lines = [line for line in changed if not line.startswith((b"---", b"+++", b"@@"))]
    for line in lines:
        print("#", line[:1].decode(), line[1:200].decode(errors="replace"))


def main():
    count = int(sys.argv[3])
    differing = 0
    good = True
    for one, other in itertools.zip_longest(read(sys.argv[1]), read(sys.argv[2])):
        if one == other:
            continue
        differing += 1
        tolerable = one and other and one[0] == other[0] and is_tolerable(one[1], other[1])
        good = good and bool(tolerable)
        if differing <= 20 or not tolerable:
            show(one[1] if one else [], other[1] if other else [])
        if not tolerable and differing > 40:
            break
    print(f"# {differing} of {count} operations differ in an error's kind or a name"
          if good else "# an operation differs in more than an error's kind")
    return 0 if good and differing * 100 <= count else 1


sys.exit(main())
