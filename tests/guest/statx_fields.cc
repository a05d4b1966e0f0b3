// statx(2) of files, links and descriptors agrees with stat(2).
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  struct statx extended;
  if (syscall(SYS_statx, AT_FDCWD, ".", 0, 0, &extended) == -1 && errno == ENOSYS) SKIP("no statx");
  EXPECT(make_file("file", "text", 0640) && symlink("file", "link") == 0);
  EXPECT(stat("link", &status) == 0);
  EXPECT(statx(AT_FDCWD, "link", 0, STATX_BASIC_STATS, &extended) == 0);
  EXPECT(extended.stx_ino == status.st_ino && extended.stx_size == 4);
  EXPECT(makedev(extended.stx_dev_major, extended.stx_dev_minor) == status.st_dev);
  EXPECT(extended.stx_mode == status.st_mode && extended.stx_uid == status.st_uid);
  EXPECT(statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &extended) == 0);
  EXPECT(S_ISLNK(extended.stx_mode) && extended.stx_size == 4);
  EXPECT(statx(AT_FDCWD, (working_directory() + "/link").c_str(), AT_STATX_DONT_SYNC,
               STATX_BASIC_STATS, &extended) == 0);
  EXPECT(S_ISREG(extended.stx_mode));
  EXPECT(statx(AT_FDCWD, "/proc/self", AT_SYMLINK_NOFOLLOW, STATX_MODE, &extended) == 0);
  EXPECT(S_ISLNK(extended.stx_mode));
  EXPECT_ERRNO(statx(AT_FDCWD, "absent", 0, STATX_MODE, &extended), ENOENT);
  EXPECT_ERRNO(statx(AT_FDCWD, "link/", 0, STATX_MODE, &extended), ENOTDIR);
  EXPECT_ERRNO(statx(AT_FDCWD, "file", 1 << 30, STATX_MODE, &extended), EINVAL);
}
