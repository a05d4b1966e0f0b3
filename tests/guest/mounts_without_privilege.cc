// Without privilege every mount call fails as the kernel fails it: the path first, then EPERM.
#include "tests/support/namespace_test.h"

int main() {
  if (geteuid() == 0) EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
  const std::string file = "/proc/self/status";
  EXPECT_ERRNO(mount("tmpfs", "/absent", "tmpfs", 0, nullptr), ENOENT);
  EXPECT_ERRNO(mount("tmpfs", "/proc/self/status/x", "tmpfs", 0, nullptr), ENOTDIR);
  EXPECT_ERRNO(mount("tmpfs", "/", "tmpfs", 0, nullptr), EPERM);
  EXPECT_ERRNO(mount("/proc", "/", nullptr, MS_BIND, nullptr), EPERM);
  EXPECT_ERRNO(umount("/absent"), ENOENT);
  EXPECT_ERRNO(umount("/proc"), EPERM);
  EXPECT_ERRNO(umount2("/proc", MNT_DETACH | 0x1000), EINVAL);
  EXPECT_ERRNO(pivot_root("/absent", "/"), EPERM);
  EXPECT_ERRNO(chroot("/absent"), ENOENT);
  EXPECT_ERRNO(chroot(file.c_str()), ENOTDIR);
  EXPECT_ERRNO(chroot("/"), EPERM);
  EXPECT_ERRNO(unshare(CLONE_NEWNS), EPERM);
  EXPECT_ERRNO(unshare(CLONE_NEWUTS), EPERM);
  EXPECT_ERRNO(setns(open("/proc/self/ns/mnt", O_RDONLY), 0), EPERM);
  EXPECT_ERRNO(setns(open(file.c_str(), O_RDONLY), 0), EINVAL);
}
