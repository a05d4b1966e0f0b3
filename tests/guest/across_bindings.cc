// rename(2) and link(2) from one binding to another are EXDEV.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  EXPECT(make_file("file", "text") && mkdir("d", 0700) == 0);
  EXPECT_ERRNO(rename("file", "/bind/dir/moved"), EXDEV);
  EXPECT_ERRNO(rename("d", "/bind/dir/moved"), EXDEV);
  EXPECT_ERRNO(link("file", "/bind/dir/hard"), EXDEV);
  EXPECT_ERRNO(rename("/bind/dir/file", "/work/moved"), EXDEV);
  EXPECT_ERRNO(rename("/bind/dir/file", "/bind/again/moved"), EXDEV);  // even of one directory
  EXPECT_ERRNO(link("/bind/dir/file", "/bind/again/hard"), EXDEV);
  EXPECT_ERRNO(rename("/bind/dir/file", "/bind/dir/nested/moved"), EXDEV);
  EXPECT_ERRNO(
      syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "/bind/dir/file", RENAME_EXCHANGE), EXDEV);
  EXPECT_ERRNO(link("/bind/dir/absent", "/work/hard"), ENOENT);
  EXPECT_ERRNO(rename("/bind/dir/absent", "/work/moved"), EXDEV);
  EXPECT_ERRNO(link("/bind/file", "/bind/hard"), EXDEV);
  EXPECT(contents("/bind/dir/file") == "of the directory\n" && contents("file") == "text");
  EXPECT(symlink("/bind/dir/file", "link") == 0);
  EXPECT_ERRNO(rename("link", "/bind/dir/link2"), EXDEV);
  const int base = open("/bind/dir", O_PATH);
  EXPECT_ERRNO(renameat(base, "file", AT_FDCWD, "moved"), EXDEV);
  EXPECT_ERRNO(linkat(base, "link", AT_FDCWD, "hard", AT_SYMLINK_FOLLOW), EXDEV);
  EXPECT(renameat(base, "file", base, "moved") == 0 && renameat(base, "moved", base, "file") == 0);
}
