"""Archives that attack whoever unpacks them: one file a case, and what must come of it.

    hostile_archives.py DIRECTORY VICTIM

Prints a line a case: its name, and "refused" (setup fails), "taken" (setup succeeds), or "either".
In no case may anything outside of the target change; VICTIM is what they try to reach.
"""
import gzip
import io
import os
import sys
import tarfile

place, victim = sys.argv[1:3]
os.makedirs(place, exist_ok=True)
relative = "../" * 12 + victim.lstrip("/")


def entry(name, kind=tarfile.REGTYPE, link="", mode=0o644, content=b"hostile\n", **more):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    for key, value in more.items():
        setattr(info, key, value)
    if kind != tarfile.REGTYPE:
        content = b""
    info.size = len(content)
    return info, content


def link(name, target):
    return entry(name, tarfile.SYMTYPE, target, 0o777)


def hard(name, target):
    return entry(name, tarfile.LNKTYPE, target)


def folder(name, mode=0o755):
    return entry(name, tarfile.DIRTYPE, mode=mode)


def archive(entries, form=tarfile.GNU_FORMAT):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for info, content in [folder("usr"), folder("usr/bin")] + entries:
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def pax(name, path):
    info, content = entry(name)
    info.pax_headers = {"path": path}
    return [(info, content)]


def bad_header():
    data = bytearray(archive([entry("x", content=b"a" * 600)]))
    at = data.index(b"x\0")
    data[at + 124:at + 136] = b"77777777777\0"
    data[at + 148:at + 156] = b"        "
    data[at + 148:at + 156] = b"%06o\0 " % sum(data[at:at + 512])
    return bytes(data)


v = victim
cases = {
    "dotdot": ("refused", archive([entry("../escaped")])),
    "dotdot-inside": ("refused", archive([entry("usr/../../escaped")])),
    "dotdot-at-end": ("refused", archive([folder("usr/..", 0o777)])),
    "dotdot-far": ("refused", archive([entry(relative + "/file")])),
    "dotdot-long-name": ("refused", archive([entry("a/" * 60 + "../" * 80 + "escaped")])),
    "dotdot-pax": ("refused", archive(pax("plain", "../escaped"), tarfile.PAX_FORMAT)),
    "absolute": ("taken", archive([entry(v + "/file")])),
    "absolute-double-slash": ("taken", archive([entry("/" + v + "/file")])),
    "link-out": ("either", archive([link("out", v), entry("out/file")])),
    "link-out-relative": ("either", archive([link("out", relative), entry("out/file")])),
    "link-chain": ("either", archive([link("a", v), link("b", "a"), link("c", "b"),
                                      entry("c/file")])),
    "link-up": ("either", archive([link("up", ".."), entry("up/escaped")])),
    "link-deep": ("either", archive([link("usr/out", "../.." + v), entry("usr/out/file")])),
    "link-to-root": ("either", archive([link("root", "/"), entry("root" + v + "/file")])),
    "link-through-proc": ("either", archive([link("p", "/proc/self/root"), entry("p" + v + "/file")])),
    "link-through-cwd": ("either", archive([link("p", "/proc/self/cwd"), entry("p/escaped")])),
    "link-loop": ("refused", archive([link("a", "b"), link("b", "a"), entry("a/file")])),
    "link-replaces-directory": ("either", archive([folder("d"), entry("d/one"), link("d", v),
                                                   entry("d/file")])),
    "directory-over-link": ("taken", archive([link("d", v), folder("d", 0o777), entry("d/file")])),
    "file-over-link": ("taken", archive([link("f", v + "/file"), entry("f")])),
    "mode-through-link": ("taken", archive([link("d", v), folder("d", 0o000)])),
    "times-through-link": ("taken", archive([link("f", v + "/file"), link("f", v + "/file")])),
    "own-directory-as-link": ("refused", archive([link(".", v), entry("file")])),
    "own-directory-as-file": ("refused", archive([entry(".")])),
    "hard-link-out": ("refused", archive([hard("h", relative + "/file")])),
    "hard-link-absolute": ("refused", archive([hard("h", v + "/file")])),
    "hard-link-written": ("refused", archive([hard("h", v + "/file"), entry("h")])),
    "hard-link-to-link": ("either", archive([link("l", v + "/file"), hard("h", "l"), entry("h")])),
    "hard-link-through-link": ("refused", archive([link("d", v), hard("h", "d/file")])),
    "hard-link-missing": ("refused", archive([hard("h", "nowhere")])),
    "hard-link-itself": ("taken", archive([entry("f"), hard("f", "f")])),
    "hard-link-to-directory": ("refused", archive([hard("h", "usr")])),
    "fifo-written": ("taken", archive([entry("f", tarfile.FIFOTYPE), entry("f")])),
    "fifo-linked": ("refused", archive([entry("f", tarfile.FIFOTYPE), hard("h", "f")])),
    "device": ("taken", archive([entry("sda", tarfile.BLKTYPE, devmajor=8, devminor=0),
                                 entry("mem", tarfile.CHRTYPE, devmajor=1, devminor=1)])),
    "set-uid": ("taken", archive([entry("su", mode=0o6755)])),
    "name-too-long": ("refused", archive([entry("n" * 300)])),
    "path-too-deep": ("either", archive([entry("d/" * 2100 + "f")])),
    "name-with-newline": ("taken", archive([entry("a\nb\x1b[31mc")])),
    "file-as-parent": ("refused", archive([entry("f"), entry("f/below")])),
    "changes-its-kind": ("taken", archive([entry("x"), folder("x"), entry("x/y"), entry("x"),
                                           link("x", "usr"), entry("x")])),
    "closed-directory": ("taken", archive([folder("closed", 0o000), entry("closed/file")])),
    "empty-link": ("refused", archive([link("l", "")])),
    "huge-size": ("refused", bad_header()),
    "truncated": ("refused", gzip.compress(archive([entry("big", content=os.urandom(100000))]))[:50000]),
    "damaged": ("refused", gzip.compress(archive([entry("x")]))[:40] + b"\0" * 100),
    "garbage": ("refused", os.urandom(4096)),
    "no-file-system": ("refused", b""),
}
for name, (wanted, data) in cases.items():
    with open(os.path.join(place, name + ".tar"), "wb") as file:
        file.write(data)
    print(name, wanted)
