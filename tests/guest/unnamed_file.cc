// O_TMPFILE makes a file without a name, linkat(2) gives it one.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(mkdir("directory", 0700) == 0 && symlink("directory", "link") == 0);
  const int file = open("link", O_TMPFILE | O_RDWR, 0640);
  if (file == -1 && errno == EOPNOTSUPP) SKIP("no O_TMPFILE on this file system");
  EXPECT(file >= 0 && write(file, "text", 4) == 4);
  EXPECT(fstat(file, &status) == 0 && status.st_nlink == 0);
  EXPECT_ERRNO(open("absent", O_TMPFILE | O_RDWR, 0600), ENOENT);

  const std::string magic = "/proc/self/fd/" + std::to_string(file);
  EXPECT(linkat(AT_FDCWD, magic.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
  EXPECT(contents("named") == "text");
  EXPECT_ERRNO(linkat(AT_FDCWD, magic.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW), EEXIST);
  EXPECT(fstat(file, &status) == 0 && status.st_nlink == 1);

  const int other = open("directory", O_TMPFILE | O_RDWR, 0600);
  if (linkat(other, "", AT_FDCWD, "by_descriptor", AT_EMPTY_PATH) == 0) {
    EXPECT(access("by_descriptor", F_OK) == 0);
  } else {
    EXPECT(errno == ENOENT);  // older kernels want CAP_DAC_READ_SEARCH for it
  }
  const int sealed = open("directory", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  EXPECT_ERRNO(linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(sealed)).c_str(), AT_FDCWD,
                      "sealed", AT_SYMLINK_FOLLOW),
               ENOENT);
}
