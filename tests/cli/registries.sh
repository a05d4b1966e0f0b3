#!/bin/sh
# Private registries: passwords from the usual files and helpers, tokens, resuming, the cache.
. "$(dirname -- "$0")/tap.sh"
needs_program python3
busybox=$(command -v busybox)
python3 "$here/make_oci.py" "$busybox" "$place/layout"
home=$place/home
mkdir -m 777 "$home"
mkdir -p bin empty

# n WORD...: nestp as an ordinary user with the variables of $set; sets $status, $out and $err.
set=
n() {
  # shellcheck disable=SC2086
  captured as_user env -i HOME="$home" PATH="$place/bin:$PATH" $set \
    timeout -k 5 100 "$nestp" "$@"
}
# login FILE HOST USER:PASSWORD: a file as docker login writes it.
login() {
  mkdir -p "$(dirname "$1")"
  printf '{"auths": {"%s": {"auth": "%s"}}}' "$2" "$(printf %s "$3" | base64)" >"$1"
  chmod -R a+rX "$home" "$(dirname "$1")"
}
# Forgets what is installed and what is in the cache.
forget() { chmod -R u+rwx "$home"; rm -rf "$home/.local" "$home/.cache"; }

python3 "$here/registry_server.py" "$place/layout" "$place/port" "$place/requests" 2>server.log &
servers="$servers $!"
while [ ! -e "$place/port" ]; do sleep 0.1; done
host=127.0.0.1:$(cat "$place/port")

n install "$host/some/image:1" x
wrong 1 'refuses the login .*docker or podman login' 'a token without a password'
login "$home/.docker/config.json" "$host" 'ann:wrong'
n install "$host/some/image:1" x
wrong 1 'refuses the login with status 401' 'a token with a wrong password'
login "$home/.docker/config.json" "$host" 'ann:a secret'
: >requests
n install "$host/some/image:1" x
ok && n run x && is "$out" 'hello there from /opaque'
point 'a token, then parts at another host without it'
if "$nestp" doctor | grep -q libcurl; then
  grep -q '^/blobs/.* bytes=65536-' requests && [ "$(grep -c '^/token' requests)" -gt 1 ]
  point '... resumed where they broke off, and a token that has run out is renewed'
fi
: >requests
n install "$host/some/image:1" again
ok && ! grep -q /blobs/ requests
point '... and from the cache the next time'
rm -rf "$home/.docker"

for case in ".config/containers/auth.json:x" "run/containers/auth.json:XDG_RUNTIME_DIR=$home/run" \
  "elsewhere/auth:REGISTRY_AUTH_FILE=$home/elsewhere/auth" "docker/config.json:DOCKER_CONFIG=$home/docker"; do
  forget
  set=${case#*:}
  case $set in *=*) ;; *) set= ;; esac
  login "$home/${case%%:*}" "$host/some" 'ann:a secret'
  n install "$host/some/image:1" x
  ok
  point "a password in ${case%%:*}"
  rm -rf "$home/run" "$home/elsewhere" "$home/docker" "$home/.config"
done
set=
forget
cat >bin/docker-credential-nest <<'END'
#!/bin/sh
read -r server
[ "$1 $server" = "get $WANTED" ] || { echo 'credentials not found in native keychain'; exit 1; }
printf '{"ServerURL": "%s", "Username": "ann", "Secret": "a secret"}' "$server"
END
chmod -R a+rx bin
for text in '{"credsStore": "nest"}' "{\"credHelpers\": {\"$host\": \"nest\"}, \"auths\": {\"$host\": {\"auth\": \"eDp5\"}}}"; do
  mkdir -p "$home/.docker" && printf %s "$text" >"$home/.docker/config.json" && chmod -R a+rX "$home"
  set=WANTED=$host
  n install "$host/some/image:1" x
  ok
  point "a helper: ${text%%:*}"
  forget
  set=WANTED=other
  n install "$host/some/image:1" x
  wrong 1 'refuses the login' '... that knows nothing'
done
printf '{"credsStore": "absent"}' >"$home/.docker/config.json"
n install "$host/some/image:1" x
wrong 1 'refuses the login' 'a helper that is not there'

if ! command -v docker-registry >/dev/null || ! command -v skopeo >/dev/null; then
  echo '# skipped, no docker-registry or no skopeo'
  done_testing
  exit 0
fi
# The password is "a secret".
cat >htpasswd <<'END'
ann:$2b$05$JyuUOGumYEphKBUsXkxWeOaso9LdHZ92c5Sj4NvbG.g7AXuMMvFRK
END
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >registry.yml <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $place/registry}}
http: {addr: "127.0.0.1:$port"}
auth: {htpasswd: {realm: nest, path: $place/htpasswd}}
END
docker-registry serve registry.yml >registry.log 2>&1 &
servers="$servers $!"
host=127.0.0.1:$port
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  skopeo --insecure-policy copy --dest-creds 'ann:a secret' --dest-tls-verify=false \
    "oci:$place/layout:latest" "docker://$host/some/image:1" >skopeo.log 2>&1 && break
  sleep 0.5
done
rm -rf "$home/.docker"
n install "$host/some/image:1" x
wrong 1 'wants a password; log in with' 'a real registry: without a password'
login "$home/.docker/config.json" "$host" 'ann:wrong'
n install "$host/some/image:1" x
wrong 1 'the registry refuses; log in' 'a real registry: a wrong password'
skopeo login --authfile "$home/auth.json" --tls-verify=false -u ann -p 'a secret' "$host" >skopeo.log 2>&1 &&
  chmod a+r "$home/auth.json"
set=REGISTRY_AUTH_FILE=$home/auth.json
n install "$host/some/image:1" x
ok && n run x && is "$out" 'hello there from /opaque'
point 'a real registry: what skopeo login has written'
done_testing
