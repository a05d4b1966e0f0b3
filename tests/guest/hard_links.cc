// link(2) takes a link itself, linkat(2) follows it only when asked.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0 && mkdir("d", 0700) == 0);
  EXPECT(link("file", "d/hard") == 0 && stat("file", &status) == 0 && status.st_nlink == 2);
  EXPECT(link("link", "kept") == 0 && link_target("kept") == "file");
  EXPECT(linkat(AT_FDCWD, "link", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW) == 0);
  EXPECT(lstat("followed", &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 3);
  EXPECT_ERRNO(link("d", "directory"), EPERM);
  EXPECT_ERRNO(link("absent", "new"), ENOENT);
  EXPECT_ERRNO(link("file", "absent/new"), ENOENT);
  EXPECT_ERRNO(link("file", "link"), EEXIST);
  EXPECT_ERRNO(link("file/", "new"), ENOTDIR);
  EXPECT_ERRNO(linkat(AT_FDCWD, "file", AT_FDCWD, "new", 0x8000), EINVAL);
  EXPECT_ERRNO(link("file", "/dev/new"), EXDEV);
  EXPECT(unlink("file") == 0 && contents("followed") == "text");
  EXPECT_ERRNO(access("link", F_OK), ENOENT);
  EXPECT(unlink("followed") == 0 && stat("d/hard", &status) == 0 && status.st_nlink == 1);
  EXPECT(unlink("d/hard") == 0);
}
