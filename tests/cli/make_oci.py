"""Makes an OCI layout of three layers: make_oci.py BUSYBOX LAYOUT.

The layers add, replace and remove: what is left is listed in tests/cli/environments.sh.
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

busybox, layout = sys.argv[1:3]
blobs = os.path.join(layout, "blobs", "sha256")
os.makedirs(blobs)


def blob(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as file:
        file.write(data)
    return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}


def layer(entries):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in entries:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if kind == "dir":
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif kind == "link":
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                data = content if isinstance(content, bytes) else content.encode()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


program = open(busybox, "rb").read()
layers = [
    layer([("bin", "dir", ""), ("bin/busybox", "file", program), ("etc", "dir", ""),
           ("etc/passwd", "file", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n"),
           ("tmp", "dir", ""), ("gone", "file", "x"), ("kept", "file", "old"), ("d", "dir", ""),
           ("d/one", "file", "1"), ("opaque", "dir", ""), ("opaque/lower", "file", "x"),
           ("lib", "link", "usr/lib"), ("usr", "dir", ""), ("usr/lib", "dir", "")]
          + [("bin/" + name, "link", "busybox") for name in
             ("sh", "ls", "cat", "id", "pwd", "env", "sleep", "touch", "chown", "stat")]),
    layer([(".wh.gone", "file", ""), ("kept", "file", "new"), ("d/.wh.one", "file", ""),
           ("d/two", "file", "2"), ("opaque/upper", "file", "y"), ("opaque/.wh..wh..opq", "file", ""),
           ("lib/through", "file", "link")]),
    layer([("d", "file", "a file now"), (".wh.d2", "file", ""), ("back", "file", "b"),
           (".wh.back", "file", "")]),
]
config = {
    "architecture": "amd64", "os": "linux",
    "config": {"Env": ["PATH=/bin", "GREETING=hello there"], "Entrypoint": ["/bin/sh", "-c"],
               "Cmd": ["echo \"$GREETING\" from $(pwd)"], "WorkingDir": "/opaque"},
    "rootfs": {"type": "layers",
               "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest() for data in layers]},
}
tar = "application/vnd.oci.image.layer.v1.tar+gzip"
manifest = {
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
    "layers": [blob(gzip.compress(data, mtime=0), tar) for data in layers],
}
described = blob(json.dumps(manifest).encode(), manifest["mediaType"])
described["platform"] = {"architecture": "amd64", "os": "linux"}
described["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
other = dict(described, digest="sha256:" + "0" * 64, platform={"architecture": "s390x", "os": "linux"})
other.pop("annotations")
with open(os.path.join(layout, "index.json"), "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [other, described] if len(sys.argv) > 3 else [described]}, file)
with open(os.path.join(layout, "oci-layout"), "w") as file:
    json.dump({"imageLayoutVersion": "1.0.0"}, file)
