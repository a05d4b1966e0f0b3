"""Serves images as good and bad servers do: image_server.py FILE PORT-FILE LOG.

/good             the file, with ranges and a tag
/good.sha256      its checksum
/moved            sends on to /good
/wrong            the file, but its checksum is another's
/dies             breaks off after each 64 KiB; goes on where asked
/stops            breaks off after 64 KiB each time, and knows nothing of ranges
/changes          breaks off after 64 KiB; the next time it is another file
/slow             in small pieces
/busy             503 twice, then the file
"""
import hashlib
import http.server
import os
import sys
import time

content = open(sys.argv[1], "rb").read()
requests = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, form, *args):
        with open(sys.argv[3], "a") as log:
            log.write("%s %s\n" % (self.path, self.headers.get("Range", "")))

    def do_GET(self):
        # A client that takes this for its proxy names the whole address.
        name = self.path.removeprefix("http://images.invalid").lstrip("/")
        count = requests[name] = requests.get(name, 0) + 1
        self.close_connection = True
        if name.endswith(".sha256"):
            text = hashlib.sha256(content).hexdigest()
            if name == "wrong.sha256":
                text = text[::-1]
            if name.split(".")[0] not in ("good", "wrong", "moved"):
                return self.answer(404, b"")
            return self.answer(200, (text + "  image\n").encode())
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if name == "busy" and count < 3:
            return self.answer(503, b"busy")
        if name not in ("good", "wrong", "dies", "stops", "changes", "slow", "busy"):
            return self.answer(404, b"not here")
        return self.send_image(name, count)

    def send_image(self, name, count):
        body, tag, start = content, '"one"', 0
        if name == "changes" and count > 1:
            tag = '"two"'
        wanted = self.headers.get("Range")
        if wanted and name != "stops" and self.headers.get("If-Range") == tag:
            start = int(wanted.split("=")[1].rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
        self.end_headers()
        part = body[start:]
        if name in ("dies", "stops") or (name == "changes" and count == 1):
            part = part[:65536]
            if name == "changes":
                part = b"\0" * len(part)
        if name == "slow":
            for at in range(0, len(part), 16384):
                self.wfile.write(part[at:at + 16384])
                time.sleep(0.01)
            return
        self.wfile.write(part)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
