"""Files whose owners and modes a guest sets, and whether they still have them: see storage.sh.

storage.py make PLACE SEED [COUNT]   makes them one after another; one line is printed of each,
                                     once all was told that it says
storage.py judge LIST                reads those lines again; ends with 1 if one is not true
"""
import os
import random
import stat
import sys

KINDS = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK, "pipe": stat.S_IFIFO,
         "device": stat.S_IFCHR}


def make(place, seed, count):
    choose = random.Random(seed)
    os.makedirs(place, exist_ok=True)
    for number in range(count):
        path = f"{place}/{number % 100}/{number}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        kind = choose.choice(["file"] * 6 + list(KINDS))
        user, group, mode = choose.randrange(60000), choose.randrange(60000), choose.randrange(0o10000)
        if kind == "directory":
            os.mkdir(path)
        elif kind == "link":
            os.symlink("nowhere", path)
        else:
            os.mknod(path, KINDS[kind] | 0o600, os.makedev(1, 3) if kind == "device" else 0)
        os.chown(path, user, group, follow_symlinks=False)
        if kind == "link":
            mode = 0o777
        else:
            os.chmod(path, mode)
        names = [path]
        change = choose.randrange(8)
        if change == 0:
            names = [path + " renamed"]
            os.rename(path, names[0])
        elif change == 1 and kind != "directory":
            names.append(path + " linked")
            os.link(path, names[1], follow_symlinks=False)
        elif change == 2:
            gone = path + " gone"
            os.symlink("x", gone)
            os.chown(gone, user, group, follow_symlinks=False)
            os.unlink(gone)
        for name in names:
            os.write(1, f"{kind} {user} {group} {mode:o} {name}\n".encode())


def judge(lines):
    count = 0
    for line in lines:
        if not line.endswith("\n"):
            break  # the last one, cut off
        kind, user, group, mode, path = line[:-1].split(" ", 4)
        found = os.lstat(path)
        told = (KINDS[kind], int(user), int(group), int(mode, 8))
        seen = (stat.S_IFMT(found.st_mode), found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
        if told != seen:
            print(f"{path}: was told {told}, is {seen}")
            sys.exit(1)
        count += 1
    print(count)


if sys.argv[1] == "make":
    with open("/tracer", "w") as file:
        file.write(str(os.getppid()))
    make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else sys.maxsize)
else:
    with open(sys.argv[2]) as file:
        judge(file)
