"""A registry that wants a token, from an OCI layout: registry_server.py LAYOUT PORT-FILE LOG.

Tokens cost user and password (ann, "a secret"); each is good for five requests.  Blobs are at another
host name, which must not see the token, and break off after 64 KiB each time.
"""
import base64
import http.server
import json
import os
import sys
import urllib.parse

layout, port_file, log_file = sys.argv[1:]
uses = {}


def read(digest):
    return open(os.path.join(layout, "blobs", "sha256", digest.removeprefix("sha256:")), "rb").read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, form, *args):
        with open(log_file, "a") as log:
            log.write("%s %s\n" % (self.path.split("?")[0], self.headers.get("Range", "")))

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def token(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        wanted = "Basic " + base64.b64encode(b"ann:a secret").decode()
        if query != {"service": ["The Registry"], "scope": ["repository:some/image:pull"]}:
            return self.answer(400)
        if self.headers.get("Authorization") != wanted:
            return self.answer(401)
        token = "token-%d" % len(uses)
        uses[token] = 5
        self.answer(200, json.dumps({"access_token": token}).encode())

    def blob(self, digest):
        if self.headers.get("Authorization"):
            return self.answer(400)
        body = read(digest)
        start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", '"%s"' % digest)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
        self.end_headers()
        self.wfile.write(body[start:start + 65536])
        self.close_connection = True

    def do_GET(self):
        if self.path.startswith("/token"):
            return self.token()
        if self.path.startswith("/blobs/"):
            return self.blob(self.path[len("/blobs/"):])
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if uses.get(token, 0) == 0:
            realm = 'Bearer realm="http://127.0.0.1:%d/token",service="The Registry",scope="repository:some/image:pull"'
            return self.answer(401, WWW_Authenticate=realm % port)
        uses[token] -= 1
        place, what = self.path.rsplit("/", 2)[-2:]
        if place == "blobs":
            return self.answer(307, Location="http://localhost:%d/blobs/%s" % (port, what))
        body = open(os.path.join(layout, "index.json"), "rb").read() if what == "1" else read(what)
        self.answer(200, body, Content_Type="application/vnd.oci.image.index.v1+json")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
port = server.server_address[1]
with open(port_file + ".new", "w") as file:
    file.write(str(port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
