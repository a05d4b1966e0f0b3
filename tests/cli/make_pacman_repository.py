"""Makes the smallest packages that Arch's base has by name: make_pacman_repository.py BUSYBOX DIR.

They come to a root file system around busybox; one has a script that runs inside it, one an owner.
"""
import hashlib
import io
import os
import sys
import tarfile

busybox, place = sys.argv[1:]
INSTALL = """post_install() {
  echo "$(id -u) $(pwd)" >/installed
  chown 7:8 /installed
}
"""


def add(archive, name, kind, content=b"", mode=0o755, uid=0, gid=0):
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid = mode, uid, gid
    if kind == "dir":
        info.type = tarfile.DIRTYPE
    elif kind == "link":
        info.type, info.linkname = tarfile.SYMTYPE, content
    else:
        info.size = len(content)
    archive.addfile(info, io.BytesIO(content) if kind == "file" else None)


def package(name, depends, files):
    file_name = "%s-1-1-any.pkg.tar.gz" % name
    about = "pkgname = %s\npkgver = 1-1\npkgdesc = a test\nbuilddate = 1\nsize = 1\narch = any\n" % name
    about += "".join("depend = %s\n" % other for other in depends)
    with tarfile.open(os.path.join(directory, file_name), "w:gz") as archive:
        add(archive, ".PKGINFO", "file", about.encode(), 0o644)
        for entry in files:
            add(archive, *entry)
    data = open(os.path.join(directory, file_name), "rb").read()
    text = "%%FILENAME%%\n%s\n\n%%NAME%%\n%s\n\n%%VERSION%%\n1-1\n\n%%CSIZE%%\n%d\n\n%%ISIZE%%\n1\n\n" % (
        file_name, name, len(data))
    text += "%%SHA256SUM%%\n%s\n\n%%ARCH%%\nany\n\n" % hashlib.sha256(data).hexdigest()
    if depends:
        text += "%DEPENDS%\n" + "\n".join(depends) + "\n\n"
    return name + "-1-1", text.encode()


def database(name, packages):
    with tarfile.open(os.path.join(directory, name + ".db"), "w:gz") as archive:
        for folder, text in packages:
            add(archive, folder, "dir")
            add(archive, folder + "/desc", "file", text, 0o644)


directory = os.path.join(place, "core", "os", os.uname().machine)
os.makedirs(directory)
applets = [("usr/bin/" + name, "link", "busybox") for name in
           ("sh", "id", "pwd", "touch", "chown", "rm", "cat", "stat", "ls", "env", "echo", "true")]
database("core", [
    package("filesystem", [], [(name, "dir") for name in
                               ("dev", "etc", "etc/profile.d", "proc", "root", "sys", "tmp", "usr", "usr/bin", "var", "var/spool")]
            + [("bin", "link", "usr/bin"), ("etc/os-release", "file", b"ID=arch\n", 0o644),
               ("etc/passwd", "file", b"root:x:0:0::/root:/bin/sh\n", 0o644),
               ("etc/group", "file", b"root:x:0:\n", 0o644),
               ("var/spool/mail", "dir", b"", 0o1777, 0, 12)]),
    package("coreutils", ["filesystem"],
            [("usr/bin/busybox", "file", open(busybox, "rb").read()),
             ("usr/bin/su", "file", b"#!/bin/sh\n", 0o4755)] + applets),
    package("pacman", ["coreutils"],
            [(".INSTALL", "file", INSTALL.encode(), 0o644),
             ("usr/bin/pacman", "file", b"#!/bin/sh\nls /var/lib/pacman/local/pacman-1-1/desc\n")]),
])
directory = os.path.join(place, "extra", "os", os.uname().machine)
os.makedirs(directory)
database("extra", [package("bubblewrap", ["coreutils"], [("usr/bin/bwrap", "file", b"#!/bin/sh\n")])])
