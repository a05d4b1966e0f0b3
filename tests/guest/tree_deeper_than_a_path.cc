// Directories so deep that no path names them are used by relative names.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  const std::string name(200, 'd');
  const int start = open(".", O_RDONLY | O_DIRECTORY);
  constexpr int kDepth = 40;  // of 201 bytes: 8,040
  for (int level = 0; level < kDepth; ++level) {
    EXPECT(mkdir(name.c_str(), 0700) == 0 && chdir(name.c_str()) == 0);
  }
  EXPECT(make_file("file", "deep") && contents("file") == "deep");
  EXPECT(symlink("file", "link") == 0 && contents("link") == "deep");
  EXPECT(contents(("../" + name + "/file").c_str()) == "deep");
  EXPECT(rename("file", "renamed") == 0 && unlink("link") == 0);
  struct stat status;
  EXPECT(stat("renamed", &status) == 0 && status.st_size == 4);
  const int bottom = open(".", O_RDONLY | O_DIRECTORY);
  EXPECT(bottom >= 0 && fstatat(bottom, "renamed", &status, 0) == 0);
  char path[16384];
  EXPECT(getcwd(path, sizeof path) != nullptr || errno == ENAMETOOLONG);
  EXPECT(exited_with(in_child([] { return access("renamed", F_OK); }), 0));
  EXPECT(unlink("renamed") == 0);
  for (int level = 0; level < kDepth; ++level) {
    EXPECT(chdir("..") == 0 && rmdir(name.c_str()) == 0);
  }
  EXPECT(fchdir(start) == 0 && access(name.c_str(), F_OK) == -1);
}
