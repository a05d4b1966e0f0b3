# Sourced by inside.sh: JuNest's and jchroot's words and a named environment, with an image of busybox alone.

image=/tmp/image
make_image() {
  mkdir -p $image/bin $image/etc $image/dev $image/proc $image/tmp &&
    cp "$(command -v busybox)" $image/bin/busybox || return
  for applet in sh uname id cat; do ln -s busybox $image/bin/$applet || return; done
  tar -C $image -czf $image.tar.gz . && chmod 644 $image.tar.gz
}
check 'an image is made' make_image

limit=300
launch() { # SCRIPT: by the ordinary user, in a home of its own
  as_user env -i HOME=/tmp/home JUNEST_HOME=/tmp/home/junest PATH=$PATH IMAGE=$image timeout -k 5 $limit sh -ec "$1"
}
mkdir -p /tmp/home && chown 65534:65534 /tmp/home
check 'junest setup -i' launch '/tests/nestp junest setup -i $IMAGE.tar.gz'
for mode in ns proot; do
  check "junest $mode" launch "test \"\$(/tests/nestp junest $mode -- uname -m)\" = aarch64"
  check "junest $mode -f" launch "test \"\$(/tests/nestp junest $mode -f -- id -u)\" = 0"
done
check 'junest setup --delete' launch '
  echo y | /tests/nestp junest setup --delete; test ! -e "$JUNEST_HOME"'
check 'a named environment' launch '
  /tests/nestp install $IMAGE.tar.gz box
  test "$(/tests/nestp run box uname -m)" = aarch64; /tests/nestp list | grep -q box; /tests/nestp remove box'
check 'jchroot by root' timeout 100 sh -c "
  test \"\$(/tests/nestp jchroot $image uname -m)\" = aarch64"
