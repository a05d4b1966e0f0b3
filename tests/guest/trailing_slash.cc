// What a slash at the end of a path asks of each call.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(mkdir("directory", 0700) == 0 && make_file("file", "text"));
  EXPECT(symlink("directory", "to_directory") == 0 && symlink("file", "to_file") == 0);
  EXPECT(symlink("nowhere", "dangling") == 0);

  EXPECT(stat("directory/", &status) == 0 && stat("directory///", &status) == 0);
  EXPECT_ERRNO(stat("file/", &status), ENOTDIR);
  EXPECT(lstat("to_directory", &status) == 0 && S_ISLNK(status.st_mode));
  EXPECT(lstat("to_directory/", &status) == 0 && S_ISDIR(status.st_mode));
  EXPECT_ERRNO(lstat("to_file/", &status), ENOTDIR);
  EXPECT_ERRNO(lstat("dangling/", &status), ENOENT);
  EXPECT_ERRNO(open("file/", O_RDONLY), ENOTDIR);
  EXPECT_ERRNO(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
  EXPECT_ERRNO(creat("directory/", 0600), EISDIR);
  EXPECT_ERRNO(access("file/", F_OK), ENOTDIR);

  EXPECT(mkdir("made/", 0700) == 0);
  EXPECT_ERRNO(mkdir("to_directory/", 0700), EEXIST);
  EXPECT_ERRNO(mkdir("file/", 0700), EEXIST);
  EXPECT_ERRNO(mkdir("dangling/", 0700), EEXIST);
  EXPECT_ERRNO(unlink("to_directory/"), ENOTDIR);
  EXPECT_ERRNO(unlink("file/"), ENOTDIR);
  EXPECT_ERRNO(rmdir("to_directory/"), ENOTDIR);
  EXPECT(rmdir("made/") == 0);
  EXPECT_ERRNO(symlink("x", "new/"), ENOENT);
  EXPECT_ERRNO(mknod("new/", S_IFREG | 0600, 0), ENOENT);
  EXPECT_ERRNO(link("file", "new/"), ENOENT);
  EXPECT_ERRNO(rename("file", "new/"), ENOTDIR);
  EXPECT_ERRNO(rename("file/", "new"), ENOTDIR);
  EXPECT(rename("directory", "moved/") == 0 && rename("moved/", "directory/") == 0);
  char text[16];
  EXPECT_ERRNO(readlink("to_directory/", text, sizeof text), EINVAL);
  EXPECT_ERRNO(truncate("file/", 0), ENOTDIR);
  EXPECT_ERRNO(chdir("file/"), ENOTDIR);
}
