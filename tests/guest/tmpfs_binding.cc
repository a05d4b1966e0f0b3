// A tmpfs binding starts empty, can be written, and is not the directory below it.
#include <dirent.h>
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  DIR* listing = opendir("/bind/tmpfs");
  EXPECT(listing != nullptr);
  int entries = 0;
  while (readdir(listing) != nullptr)
    ++entries;
  EXPECT(entries == 2);
  EXPECT(make_file("/bind/tmpfs/file", "text") && contents("/bind/tmpfs/file") == "text");
  EXPECT(mkdir("/bind/tmpfs/d", 0700) == 0 && rename("/bind/tmpfs/file", "/bind/tmpfs/d/f") == 0);
  EXPECT(chdir("/bind/tmpfs/d") == 0 && working_directory() == "/bind/tmpfs/d");
  EXPECT(symlink("../d/f", "link") == 0 && contents("link") == "text");
  EXPECT_ERRNO(rename("f", "/work/f"), EXDEV);
  EXPECT(chdir("../..") == 0 && working_directory() == "/bind");
  EXPECT_ERRNO(rmdir("tmpfs"), EBUSY);
}
