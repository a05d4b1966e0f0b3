#!/bin/sh
# The fast path is used, can be turned off, and survives what may be wrong with its cache.
. "$(dirname -- "$0")/tap.sh"

mkdir -p "$rootfs/many"
for name in a b c d e f g h i j k l m n o p q r s t; do
  mkdir -p "$rootfs/many/$name"
  : >"$rootfs/many/$name/1"
  : >"$rootfs/many/$name/2"
done
chmod -R a+rX "$rootfs/many"

# Fields of the total: stops, and calls made without one.
total() { printf '%s\n' "$err" | sed -n "s/.*\"total\": {[^}]*\"$1\": \([0-9]*\).*/\1/p"; }
walk() { run --stats=json "$@" -r "$rootfs" find /many -size +0; }

walk
is "$status" 0 && [ "$(total inside)" -gt 40 ] && [ "$(total stops)" -lt "$(total inside)" ]
point 'a walk over many files hardly stops'
walk --no-fast-path
is "$status" 0 && is "$(total inside)" 0 && [ "$(total stops)" -gt 40 ]
point '--no-fast-path'
walk --cache=off
is "$status" 0 && is "$(total inside)" 0
point '--cache=off'
walk --cache=exclusive
is "$status" 0 && [ "$(total inside)" -gt 40 ]
point '--cache=exclusive'
run --cache=sometimes true
fails 125 "option '--cache': --cache takes shared" '--cache of another mode'

# A host process changes a link that the guest uses all the time.
ln -sfn a "$rootfs/many/link"
(sleep 0.5; ln -sfn b "$rootfs/many/link") &
echo different >"$rootfs/many/b/1"
chmod a+r "$rootfs/many/b/1"
run -r "$rootfs" sh -c '
  i=0
  while [ $i -lt 400 ]; do
    [ -s /many/link/1 ] && echo seen && exit 0
    i=$((i + 1))
    sleep 0.01
  done
  exit 1'
wait
is "$status" 0 && is "$out" seen
point 'what a host process changes is noticed'

# The lists of sites: none can be kept, or all are damaged.
cache=$place/cache
mkdir -p "$cache" && chmod 777 "$cache"
XDG_CACHE_HOME=$cache
export XDG_CACHE_HOME
walk
is "$status" 0 && [ "$(ls "$cache/nestp/sites" | wc -l)" -gt 0 ]
point 'lists of sites are kept'
for file in "$cache"/nestp/sites/*; do
  printf 'damaged' | dd of="$file" bs=1 seek=70 conv=notrunc 2>/dev/null
done
walk
is "$status" 0 && [ "$(total inside)" -gt 40 ]
point 'damaged lists are made anew'
for file in "$cache"/nestp/sites/*; do : >"$file"; done
walk
is "$status" 0 && [ "$(total inside)" -gt 40 ]
point 'empty lists are made anew'
chmod 555 "$cache/nestp/sites" && rm -f "$cache"/nestp/sites/*
walk
is "$status" 0 && [ "$(total inside)" -gt 40 ]
point 'a cache that cannot be written'
done_testing
