#!/bin/sh
# Some forty packages that an ordinary user installs by nestp -S, against the same of real root in a
# chroot: every owner and mode; then purged and installed again; then their programs at work.
#
#   packages.sh NESTP        prints TAP
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=amd64
. "$here/../rootfs/lib.sh"
. "$here/../rootfs/pair.sh"
nestp=$(absolute "$1")
fake_options=-S limit=1800
begin_pair
unpack_pair

packages='acl apache2 at attr avahi-daemon bind9 cpio cron dbus default-jre-headless dovecot-core
  exim4-daemon-light fakeroot iputils-ping libarchive-tools libcap2-bin logrotate makepkg man-db
  mariadb-server memcached mtr-tiny nginx-light ntpsec openssh-server pacman-package-manager plocate
  polkitd postgresql python3-pip redis-server rsync rsyslog screen squid sudo systemd tcpdump tmux
  udev vim-tiny'
packages=$(echo $packages)

# What differs for a reason: -S binds these of the host.
differences='
\,^\./etc/\(host\.conf\|hosts\|nsswitch\.conf\|resolv\.conf\) ,d
\,^\./run/shm[ /],d
'

both "apt-get install of $(echo "$packages" | wc -w) packages" \
  "apt-get update -qq && apt-get install -y --no-install-recommends $packages"
compare 'every owner, mode and type is that of real root'
both 'capabilities of files' 'getcap -r /usr 2>/dev/null | sort >/root/capabilities; test -s /root/capabilities'
cmp "$real/root/capabilities" "$copy/root/capabilities" >"$base/output" 2>&1
report $? "they are the same ($(wc -l <"$real/root/capabilities"))"
again='openssh-server man-db nginx-light postgresql-15 exim4-daemon-light plocate'
both 'purged and installed again' \
  "apt-get purge -y $again && apt-get autoremove -y --purge && apt-get install -y --no-install-recommends $packages"
compare 'every owner, mode and type is that of real root again'
both 'dpkg verifies all files, and apt all dependencies' 'dpkg --verify >/root/verified; cat /root/verified; apt-get check; dpkg --audit; test -z "$(dpkg --audit)"'
cmp "$real/root/verified" "$copy/root/verified" >"$base/output" 2>&1
report $? 'with the same result'

in_check 'initdb and a query as user postgres' '
  data=/var/lib/postgresql/data
  su postgres -c "bin=\$(echo /usr/lib/postgresql/*/bin)
    \$bin/initdb -D $data -A peer >/dev/null
    \$bin/pg_ctl -D $data -o \"-c listen_addresses= -k $data\" -w start >/dev/null
    psql -h $data -Atc \"select 6*7\" postgres | grep 42
    \$bin/pg_ctl -D $data -m fast stop"
  stat -c "%U %a" $data | grep "postgres 700"
  ! su -s /bin/sh www-data -c "ls $data"'
in_check 'mariadb knows its user by the socket' '
  mkdir -p /run/mysqld && chown mysql /run/mysqld
  mariadbd-safe --user=mysql --skip-networking >/dev/null 2>&1 &
  n=0; until mariadb-admin ping >/dev/null 2>&1 || [ $n = 60 ]; do sleep 0.5; n=$((n + 1)); done
  mariadb -Ne "select 6*7, current_user()" | grep "42.*root@localhost"
  ! su -s /bin/sh www-data -c "mariadb -Ne \"select 1\"" 2>/dev/null
  mariadb-admin shutdown; wait'
in_check 'nginx serves as www-data, and not what that may not read' '
  printf "user www-data; pid /run/n.pid; events {}\nhttp { server { listen 127.0.0.1:22080; root /srv/web; } }\n" >/etc/nginx/t.conf
  mkdir -p /srv/web && echo open >/srv/web/a && echo closed >/srv/web/b && chmod 640 /srv/web/b
  nginx -c /etc/nginx/t.conf
  get() { python3 -c "import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:22080/$1\").read().decode())"; }
  get a | grep open; ! get b 2>/dev/null
  ps -o user= -C nginx | sort -u | tr "\n" " " | grep "root www-data"
  nginx -c /etc/nginx/t.conf -s quit'
in_check 'a user logs in by sshd on loopback' '
  useradd -m -s /bin/bash alice && mkdir -p /run/sshd
  su alice -c "umask 077; mkdir ~/.ssh; ssh-keygen -q -t ed25519 -N \"\" -f ~/.ssh/id; cp ~/.ssh/id.pub ~/.ssh/authorized_keys"
  /usr/sbin/sshd -p 22023 -E /root/sshd.log
  su alice -c "ssh -tt -p 22023 -i ~/.ssh/id -o StrictHostKeyChecking=no 127.0.0.1 \"id -un; stat -c %U \\\$(tty)\"" \
    >/root/ssh.out 2>&1 || { cat /root/ssh.out /root/sshd.log; exit 1; }
  tr -d "\r" </root/ssh.out | grep -c "^alice$" | grep 2
  chmod 777 /home/alice/.ssh/authorized_keys
  ! su alice -c "ssh -p 22023 -i ~/.ssh/id -o BatchMode=yes -o StrictHostKeyChecking=no 127.0.0.1 true" 2>/dev/null'
in_check 'dpkg-deb --build, tar and cpio keep owners' '
  mkdir -p /root/p/DEBIAN /root/p/x && echo text >/root/p/x/f && chown -R man:www-data /root/p/x
  chmod 4750 /root/p/x/f
  printf "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n" >/root/p/DEBIAN/control
  cd /root && dpkg-deb --build p p.deb && dpkg-deb -c p.deb | grep -- "-rwsr-x--- man/www-data .* ./x/f"
  tar -cf - p | tar -tvf - | grep -- "-rwsr-x--- man/www-data .* p/x/f"
  find p | cpio -o -H newc 2>/dev/null | cpio -tv 2>/dev/null | grep -- "-rwsr-x--- *1 man *www-data .* p/x/f"
  rsync -a p/ q/ && stat -c "%U %G %a" q/x/f | grep "^man www-data 4750$"
  dpkg -i p.deb && stat -c "%U %G %a" /x/f | grep "^man www-data 4750$" && dpkg --purge p'
in_check 'pacman installs what makepkg made' '
  useradd -m builder
  su builder -c "mkdir ~/p && cd ~/p && cat >PKGBUILD && makepkg -f" <<"END"
pkgname=small
pkgver=1
pkgrel=1
arch=(any)
package() {
  install -Dm4755 /bin/true "$pkgdir/usr/bin/small"
  install -d -o 33 -g 33 "$pkgdir/var/small"
}
END
  mkdir -p /srv/repo /var/lib/pacman && cp /home/builder/p/*.pkg.tar* /srv/repo
  repo-add -q /srv/repo/own.db.tar.gz /srv/repo/*.pkg.tar*
  printf "[options]\nArchitecture=auto\nSigLevel=Never\n[own]\nServer=file:///srv/repo\n" >/etc/pacman.conf
  pacman -Sy --noconfirm small
  stat -c "%U %a" /usr/bin/small /var/small | tr "\n" " " | grep "root 4755 www-data 755"
  pacman -R --noconfirm small && ! test -e /usr/bin/small'
in_check 'cron, at and screen are entered by their set-ID programs' '
  su alice -c "echo \"0 0 * * * true\" | crontab - && crontab -l" | grep true
  stat -c "%U %G %a" /var/spool/cron/crontabs/alice | grep "^alice crontab 600$"
  su alice -c "echo true | at -t 209901010000" && stat -c "%U %a" /var/spool/cron/atjobs/a* | grep "^alice 700$"
  su alice -c "atq" | grep alice'
finish
