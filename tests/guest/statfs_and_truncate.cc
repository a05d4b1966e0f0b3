// statfs(2), truncate(2), chown(2) and lchown(2) name what the guest means.
#include <fcntl.h>
#include <sys/statfs.h>

#include "tests/support/guest_test.h"

int main() {
  struct statfs here, there, procfs;
  struct stat status;
  EXPECT(make_file("file", "some text") && symlink("file", "link") == 0);
  EXPECT(symlink("absent", "dangling") == 0);
  EXPECT(statfs(".", &here) == 0 && statfs("link", &there) == 0);
  EXPECT(here.f_type == there.f_type && here.f_blocks == there.f_blocks);
  EXPECT(statfs("/proc", &procfs) == 0 && procfs.f_type == 0x9fa0);
  EXPECT_ERRNO(statfs("dangling", &here), ENOENT);
  EXPECT_ERRNO(statfs("file/", &here), ENOTDIR);

  EXPECT(truncate("link", 4) == 0 && contents("file") == "some");
  EXPECT(truncate((working_directory() + "/link").c_str(), 2) == 0 && contents("file") == "so");
  EXPECT_ERRNO(truncate("dangling", 0), ENOENT);
  EXPECT_ERRNO(truncate(".", 0), EISDIR);
  EXPECT_ERRNO(truncate("file", -1), EINVAL);

  EXPECT(chown("link", getuid(), getgid()) == 0 && lchown("dangling", getuid(), getgid()) == 0);
  EXPECT_ERRNO(chown("dangling", getuid(), getgid()), ENOENT);
  if (geteuid() != 0) {  // EINVAL in a user namespace that has no id 0
    EXPECT(chown("link", 0, 0) == -1 && (errno == EPERM || errno == EINVAL));
  }
  EXPECT(chmod("link", 0604) == 0 && stat("file", &status) == 0 && (status.st_mode & 0777) == 0604);
  EXPECT_ERRNO(chmod("dangling", 0600), ENOENT);
  EXPECT(pathconf("link", _PC_NAME_MAX) == 255);
}
