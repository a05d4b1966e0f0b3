// openat2(2) and its RESOLVE_ flags, which hold inside the view.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {
long openat2(int base, const char* path, unsigned long long resolve,
             unsigned long long flags = O_RDONLY) {
  open_how how{};
  how.flags = flags;
  how.resolve = resolve;
  return syscall(SYS_openat2, base, path, &how, sizeof how);
}
}  // namespace

int main() {
  if (openat2(AT_FDCWD, ".", 0) == -1 && errno == ENOSYS) SKIP("no openat2");
  EXPECT(mkdir("top", 0700) == 0 && mkdir("top/in", 0700) == 0 && make_file("top/file", "in"));
  EXPECT(make_file("file", "out") && symlink("/file", "top/absolute") == 0);
  EXPECT(symlink("../file", "top/up") == 0 && symlink("file", "top/beside") == 0);
  const int top = open("top", O_PATH);

  EXPECT(openat2(top, "file", RESOLVE_BENEATH) >= 0);
  EXPECT(openat2(top, "in/../file", RESOLVE_BENEATH) >= 0);
  EXPECT_ERRNO(openat2(top, "../file", RESOLVE_BENEATH), EXDEV);
  EXPECT_ERRNO(openat2(top, "up", RESOLVE_BENEATH), EXDEV);
  EXPECT_ERRNO(openat2(top, "/file", RESOLVE_BENEATH), EXDEV);
  EXPECT(openat2(top, "absolute", RESOLVE_IN_ROOT) >= 0);
  EXPECT(openat2(top, "/../../file", RESOLVE_IN_ROOT) >= 0);
  EXPECT(openat2(top, "up", RESOLVE_IN_ROOT) >= 0);
  EXPECT_ERRNO(openat2(top, "beside", RESOLVE_NO_SYMLINKS), ELOOP);
  EXPECT(openat2(top, "beside", RESOLVE_NO_MAGICLINKS) >= 0);
  EXPECT_ERRNO(openat2(AT_FDCWD, "/proc/self/cwd", RESOLVE_NO_MAGICLINKS), ELOOP);
  EXPECT_ERRNO(openat2(AT_FDCWD, "/proc/self/stat", RESOLVE_NO_XDEV), EXDEV);
  // Counted is the text as it was passed, not what it means on the host.
  std::string padded;
  while (padded.size() < 4085)
    padded += "/.";
  EXPECT(openat2(top, (padded + "/file").c_str(), RESOLVE_IN_ROOT) >= 0);
  EXPECT_ERRNO(openat2(top, ("/absent" + padded.substr(8) + "/x").c_str(), RESOLVE_IN_ROOT),
               ENOENT);
  EXPECT_ERRNO(openat2(AT_FDCWD, "file", 1ULL << 40), EINVAL);
  EXPECT_ERRNO(openat2(AT_FDCWD, "file", 0, 1ULL << 40), EINVAL);
  if (geteuid() != 0) {  // a link that may not be searched for is none
    EXPECT(openat2(AT_FDCWD, "top/beside", RESOLVE_BENEATH) >= 0 && chmod("top", 0600) == 0);
    EXPECT_ERRNO(openat2(AT_FDCWD, "top/beside", RESOLVE_NO_SYMLINKS), EACCES);
    EXPECT_ERRNO(openat2(AT_FDCWD, "top/absolute", RESOLVE_BENEATH), EACCES);
    EXPECT(chmod("top", 0700) == 0);
  }
  EXPECT_ERRNO(syscall(SYS_openat2, AT_FDCWD, "file", nullptr, sizeof(open_how)), EFAULT);
  EXPECT_ERRNO(syscall(SYS_openat2, AT_FDCWD, "file", "", 8), EINVAL);
}
