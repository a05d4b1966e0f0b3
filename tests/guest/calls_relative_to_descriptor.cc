// Every *at call starts at its descriptor, wherever the working directory is.
#include <fcntl.h>
#include <sys/time.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  char text[16];
  EXPECT(mkdir("base", 0700) == 0 && mkdir("elsewhere", 0700) == 0);
  const int base = open("base", O_RDONLY | O_DIRECTORY);
  EXPECT(base >= 0 && chdir("elsewhere") == 0);
  EXPECT(mkdirat(base, "a", 0700) == 0 && openat(base, "a/file", O_CREAT | O_RDWR, 0600) >= 0);
  EXPECT(symlinkat("a/file", base, "link") == 0 && mknodat(base, "fifo", S_IFIFO | 0600, 0) == 0);
  EXPECT(linkat(base, "a/file", base, "hard", 0) == 0);
  EXPECT(renameat(base, "hard", base, "a/hard") == 0);
  EXPECT(fstatat(base, "link", &status, 0) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 2);
  EXPECT(fstatat(base, "link", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode));
  EXPECT(readlinkat(base, "link", text, sizeof text) == 6);
  EXPECT(faccessat(base, "a/../link", R_OK, 0) == 0 && fchmodat(base, "link", 0640, 0) == 0);
  EXPECT(fchownat(base, "link", getuid(), getgid(), 0) == 0);
  EXPECT(fchownat(base, "link", getuid(), getgid(), AT_SYMLINK_NOFOLLOW) == 0);
  EXPECT(utimensat(base, "link", nullptr, AT_SYMLINK_NOFOLLOW) == 0);
  EXPECT(futimesat(base, "link", nullptr) == 0);
  EXPECT(unlinkat(base, "a/hard", 0) == 0);
  EXPECT_ERRNO(unlinkat(base, "a", 0), EISDIR);
  EXPECT_ERRNO(unlinkat(base, "a", AT_REMOVEDIR), ENOTEMPTY);
  EXPECT(unlinkat(base, "a/file", 0) == 0 && unlinkat(base, "a", AT_REMOVEDIR) == 0);

  EXPECT_ERRNO(fstatat(999, "a", &status, 0), EBADF);
  EXPECT(fstatat(999, "/", &status, 0) == 0);  // an absolute path needs no base
  const int file = openat(base, "plain", O_CREAT | O_RDWR, 0600);
  EXPECT_ERRNO(fstatat(file, "x", &status, 0), ENOTDIR);
  EXPECT(renameat(AT_FDCWD, "../base", AT_FDCWD, "../moved") == 0);
  EXPECT(fstatat(base, "plain", &status, 0) == 0);  // the descriptor moved along
  EXPECT(mkdirat(base, "../beside", 0700) == 0 && access("../beside", F_OK) == 0);
}
