// "." and ".." mean the directory reached, not the text before them.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(mkdir("a", 0700) == 0 && mkdir("a/b", 0700) == 0 && mkdir("c", 0700) == 0);
  EXPECT(make_file("a/file", "in a") && make_file("file", "at the top"));
  EXPECT(symlink("../a/b", "c/to_b") == 0);
  EXPECT(symlink((working_directory() + "/a/b").c_str(), "c/to_b_absolute") == 0);

  EXPECT(contents("c/to_b/../file") == "in a");
  EXPECT(contents("c/to_b_absolute/../file") == "in a");
  EXPECT(contents("c/to_b/../../file") == "at the top");
  EXPECT(contents("./a/./../a/b/../file") == "in a");
  EXPECT_ERRNO(stat("file/..", &status), ENOTDIR);
  EXPECT_ERRNO(stat("file/.", &status), ENOTDIR);
  EXPECT_ERRNO(stat("absent/..", &status), ENOENT);
  EXPECT_ERRNO(stat("a/absent/../file", &status), ENOENT);

  EXPECT_ERRNO(mkdir("a/.", 0700), EEXIST);
  EXPECT_ERRNO(mkdir("a/..", 0700), EEXIST);
  EXPECT_ERRNO(rmdir("a/."), EINVAL);
  EXPECT_ERRNO(rmdir("a/b/.."), ENOTEMPTY);
  EXPECT_ERRNO(unlink("a/."), EISDIR);
  EXPECT_ERRNO(rename("a/.", "d"), EBUSY);
  EXPECT_ERRNO(rename("a/b/..", "d"), EBUSY);
  EXPECT_ERRNO(rename("c", "a/.."), EBUSY);
  EXPECT_ERRNO(link("file", "a/."), EEXIST);
  EXPECT_ERRNO(open("a/..", O_CREAT | O_RDWR, 0600), EISDIR);

  EXPECT(chdir("c/to_b") == 0 && contents("../file") == "in a");
  EXPECT(chdir("..") == 0 && contents("../file") == "at the top");
}
