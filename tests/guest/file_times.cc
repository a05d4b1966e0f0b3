// utimensat(2) and its older forms, among them a null path: the descriptor itself.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#include "tests/support/guest_test.h"

namespace {
time_t modified(const char* path) {
  struct stat status;
  return lstat(path, &status) == 0 ? status.st_mtime : -1;
}
}  // namespace

int main() {
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0);
  const int file = open("file", O_RDONLY);
  const timespec at100[2] = {{100, 0}, {100, 0}};
  const timespec at200[2] = {{200, 0}, {200, 0}};
  EXPECT(utimensat(AT_FDCWD, "link", at100, 0) == 0 && modified("file") == 100);
  EXPECT(utimensat(AT_FDCWD, "link", at200, AT_SYMLINK_NOFOLLOW) == 0);
  EXPECT(modified("link") == 200 && modified("file") == 100);
  EXPECT(syscall(SYS_utimensat, file, nullptr, at200, 0) == 0 && modified("file") == 200);
  EXPECT(futimens(file, at100) == 0 && modified("file") == 100);
  EXPECT_ERRNO(syscall(SYS_utimensat, AT_FDCWD, nullptr, at200, 0), EFAULT);

  const timeval at300[2] = {{300, 0}, {300, 0}};
  EXPECT(utimes("link", at300) == 0 && modified("file") == 300);
  EXPECT(lutimes("link", at300) == 0 && modified("link") == 300);
#ifdef SYS_utime  // newer ABIs have only the latest of these calls
  const utimbuf at400 = {400, 400};
  EXPECT(syscall(SYS_utime, "link", &at400) == 0 && modified("file") == 400);
  EXPECT(syscall(SYS_futimesat, AT_FDCWD, "link", at300) == 0 && modified("file") == 300);
  EXPECT(syscall(SYS_futimesat, file, nullptr, nullptr) == 0 && modified("file") > 1000);
#endif
  EXPECT(utimensat(AT_FDCWD, "file", nullptr, 0) == 0);
  EXPECT_ERRNO(utimensat(AT_FDCWD, "absent", nullptr, 0), ENOENT);
  EXPECT_ERRNO(utimensat(AT_FDCWD, "", at100, 0), ENOENT);
}
