// faccessat2(2) and fchmodat2(2) with and without AT_SYMLINK_NOFOLLOW.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {
constexpr long kFchmodat2 = 452;  // Linux 6.6; not in older headers
}  // namespace

int main() {
  struct stat status;
  EXPECT(make_file("file", "text", 0600) && symlink("file", "link") == 0);
  EXPECT(symlink("absent", "dangling") == 0);
  const int file = open("file", O_RDONLY);
  if (syscall(SYS_faccessat2, AT_FDCWD, "file", F_OK, 0) == -1 && errno == ENOSYS) {
    SKIP("no faccessat2");
  }
  EXPECT(syscall(SYS_faccessat2, AT_FDCWD, "link", R_OK | W_OK, AT_EACCESS) == 0);
  EXPECT(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
  EXPECT_ERRNO(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, 0), ENOENT);
  EXPECT_ERRNO(syscall(SYS_faccessat2, AT_FDCWD, "file", X_OK, 0), EACCES);
  EXPECT(syscall(SYS_faccessat2, file, "", R_OK, AT_EMPTY_PATH) == 0);
  EXPECT_ERRNO(syscall(SYS_faccessat2, AT_FDCWD, "file", F_OK, 0x4000), EINVAL);

  if (syscall(kFchmodat2, AT_FDCWD, "file", 0640, 0) == -1 && errno == ENOSYS) {
    SKIP("no fchmodat2");
  }
  EXPECT(stat("file", &status) == 0 && (status.st_mode & 07777) == 0640);
  EXPECT(syscall(kFchmodat2, AT_FDCWD, "link", 0644, 0) == 0);
  EXPECT(stat("file", &status) == 0 && (status.st_mode & 07777) == 0644);
  EXPECT(syscall(kFchmodat2, AT_FDCWD, "file", 0600, AT_SYMLINK_NOFOLLOW) == 0);
  EXPECT_ERRNO(syscall(kFchmodat2, AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
  EXPECT(syscall(kFchmodat2, file, "", 0620, AT_EMPTY_PATH) == 0);
  EXPECT(stat("file", &status) == 0 && (status.st_mode & 07777) == 0620);
  EXPECT_ERRNO(syscall(kFchmodat2, AT_FDCWD, "dangling", 0600, 0), ENOENT);
}
