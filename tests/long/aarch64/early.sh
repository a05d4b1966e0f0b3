#!/bin/sh
# The first process of the machine: from the initial memory to its disk.
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module"; done
tries=0
until [ -b /dev/vda ] || [ $tries = 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
mount -t ext4 -o rw /dev/vda /disk || poweroff -f
mount --move /dev /disk/dev
exec switch_root /disk /bin/sh /tests/inside.sh
