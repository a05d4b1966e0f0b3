// 40 links are followed in one resolution, the 41st is ELOOP (fs/namei.c, MAXSYMLINKS).
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(make_file("link0", "end"));
  for (int number = 1; number <= 41; ++number) {
    const std::string target = "link" + std::to_string(number - 1);
    EXPECT(symlink(target.c_str(), ("link" + std::to_string(number)).c_str()) == 0);
  }
  EXPECT(stat("link40", &status) == 0 && status.st_size == 3);
  EXPECT_ERRNO(stat("link41", &status), ELOOP);
  EXPECT(lstat("link41", &status) == 0 && S_ISLNK(status.st_mode));
  EXPECT_ERRNO(open("link41", O_RDONLY), ELOOP);
  EXPECT_ERRNO(open("link1", O_RDONLY | O_NOFOLLOW), ELOOP);

  // Links in the middle of a path count as well.
  EXPECT(mkdir("directory", 0700) == 0 && symlink(".", "directory/here") == 0);
  std::string path = "directory";
  for (int count = 0; count < 40; ++count)
    path += "/here";
  EXPECT(stat(path.c_str(), &status) == 0);
  EXPECT_ERRNO(stat((path + "/here").c_str(), &status), ELOOP);

  EXPECT(symlink("self", "self") == 0);
  EXPECT_ERRNO(stat("self", &status), ELOOP);
  EXPECT_ERRNO(open("self", O_CREAT | O_RDWR, 0600), ELOOP);
  EXPECT_ERRNO(mkdir("self/below", 0700), ELOOP);
  EXPECT_ERRNO(chdir("self"), ELOOP);
  EXPECT(unlink("self") == 0);
}
