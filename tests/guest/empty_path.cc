// "" is ENOENT, but with AT_EMPTY_PATH the descriptor itself.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  char text[16];
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0);
  const int file = open("file", O_RDONLY);
  const int link = open("link", O_PATH | O_NOFOLLOW);
  const int directory = open(".", O_PATH);

  EXPECT_ERRNO(stat("", &status), ENOENT);
  EXPECT_ERRNO(fstatat(file, "", &status, 0), ENOENT);
  EXPECT(fstatat(file, "", &status, AT_EMPTY_PATH) == 0 && status.st_size == 4);
  EXPECT(fstatat(link, "", &status, AT_EMPTY_PATH) == 0 && S_ISLNK(status.st_mode));
  EXPECT(fstatat(AT_FDCWD, "", &status, AT_EMPTY_PATH) == 0 && S_ISDIR(status.st_mode));
  EXPECT(fstatat(directory, "file", &status, AT_EMPTY_PATH) == 0 && S_ISREG(status.st_mode));
  EXPECT_ERRNO(fstatat(999, "", &status, AT_EMPTY_PATH), EBADF);
  EXPECT(readlinkat(link, "", text, sizeof text) == 4);
  EXPECT_ERRNO(readlinkat(directory, "", text, sizeof text), ENOENT);
  EXPECT_ERRNO(readlink("", text, sizeof text), ENOENT);
  EXPECT(fchownat(file, "", getuid(), getgid(), AT_EMPTY_PATH) == 0);
  EXPECT_ERRNO(openat(file, "", O_RDONLY), ENOENT);
  EXPECT_ERRNO(mkdirat(directory, "", 0700), ENOENT);
  EXPECT_ERRNO(unlinkat(directory, "", 0), ENOENT);
  EXPECT_ERRNO(renameat(file, "", directory, "new"), ENOENT);
  EXPECT_ERRNO(symlinkat("", directory, "new"), ENOENT);
  EXPECT_ERRNO(faccessat(file, "", F_OK, 0), ENOENT);
  struct statx extended;
  EXPECT(statx(file, "", AT_EMPTY_PATH, STATX_SIZE, &extended) == 0 && extended.stx_size == 4);
  EXPECT_ERRNO(statx(file, "", 0, STATX_SIZE, &extended), ENOENT);
  const timespec times[2] = {{1, 0}, {2, 0}};
  EXPECT(utimensat(file, "", times, AT_EMPTY_PATH) == 0);
  EXPECT(fstat(file, &status) == 0 && status.st_mtime == 2);
}
