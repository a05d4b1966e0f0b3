# Sourced by inside.sh: daily work in a Debian of aarch64, of which only the first stage of
# debootstrap is done, by an ordinary user.

limit=2400
check 'the second stage of debootstrap under -0' in_debian -0 '/debootstrap/debootstrap --second-stage'
limit=600
check 'apt-get installs a package' in_debian -0 '
  apt-get install -y --no-install-recommends /packages/*.deb && hello | grep -q Hello'
check 'dpkg finds nothing amiss and removes it' in_debian -0 '
  dpkg --audit; dpkg -V hello; apt-get purge -y hello; ! command -v hello'
check 'accounts and owners' in_debian -0 '
  useradd -m ann; chown ann /root; test "$(stat -c %U /root)" = ann; chown root /root
  test "$(id -u ann)" = 1000; su ann -c "test \$(id -un) = ann; touch ~/made"
  test "$(stat -c %U:%G:%a /home/ann/made)" = ann:ann:644; userdel -r ann'
check '-k shows another kernel' in_debian '-k 4.20.1' 'test "$(uname -r -m)" = "4.20.1 aarch64"'
check 'perl, pipes and 200 processes' in_debian '' '
  test "$(perl -e "print 6 * 7")" = 42; i=0
  while [ $i -lt 200 ]; do test "$(echo $i | cat)" = $i; i=$((i + 1)); done'
check 'symbolic and hard links, renames' in_debian '' '
  cd /tmp; mkdir -p a/b; echo x >a/b/c; ln -s /tmp/a/b l; test "$(cat l/c)" = x; ln a/b/c h; mv a e
  test "$(stat -c %h h)" = 2; test ! -e l; rm -r e l h'
check 'tar packs and unpacks /etc with its owners under -0' in_debian -0 '
  cd /tmp; tar -C / -cf e.tar etc; mkdir o; tar -C o -xpf e.tar; diff -r --no-dereference /etc o/etc; rm -rf o e.tar'
check 'the namespace backend' in_debian --backend=namespace 'test "$(dpkg --print-architecture)" = arm64'
check 'the chroot backend as root' timeout 100 /tests/nestp --backend=chroot -r $debian /bin/sh -c '
  test "$(dpkg --print-architecture)" = arm64 && test "$(id -u)" = 0'
check 'auto takes a backend' in_debian '' true
check 'doctor says what this processor lacks' sh -c '
  /tests/nestp doctor | grep -q "fast path: not on this processor"'
check '--stats says it' sh -c 'timeout 60 /tests/nestp --backend=ptrace --stats -r '$debian' /bin/true 2>&1 |
  grep -q "not on this processor"'
