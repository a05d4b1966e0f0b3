// A component has at most 255 bytes, a path 4095 (and its NUL), also when links are in it.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  const std::string name255(255, 'n');
  const std::string name256(256, 'n');
  EXPECT(make_file(name255.c_str(), "long"));
  EXPECT(stat(name255.c_str(), &status) == 0);
  EXPECT(stat((working_directory() + "/" + name255).c_str(), &status) == 0);
  EXPECT_ERRNO(stat(name256.c_str(), &status), ENAMETOOLONG);
  EXPECT_ERRNO(open(name256.c_str(), O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
  EXPECT_ERRNO(mkdir(name256.c_str(), 0700), ENAMETOOLONG);
  EXPECT(symlink(name256.c_str(), "to_long") == 0);
  EXPECT_ERRNO(stat("to_long", &status), ENAMETOOLONG);
  EXPECT(mkdir((std::string(254, 'd')).c_str(), 0700) == 0);

  for (const std::string& start : {std::string(), working_directory() + "/"}) {
    std::string path = start;
    while (path.size() + 2 < 4095 - 255)
      path += "./";
    path.resize(4095 - 255 - (path.size() % 2 == 0 ? 0 : 0), '/');
    const std::string path4095 = path + name255;
    EXPECT(path4095.size() == 4095);
    EXPECT(stat(path4095.c_str(), &status) == 0);
    EXPECT_ERRNO(stat((start + "." + "/" + path4095.substr(start.size())).c_str(), &status),
                 ENAMETOOLONG);
    EXPECT_ERRNO(open((path4095 + "n").c_str(), O_RDONLY), ENAMETOOLONG);
  }
  EXPECT_ERRNO(symlink(std::string(4096, 't').c_str(), "too_long_target"), ENAMETOOLONG);
  EXPECT(symlink(std::string(4095, 't').c_str(), "long_target") == 0);
  EXPECT(link_target("long_target").size() == 4095);
  EXPECT_ERRNO(stat("", &status), ENOENT);
}
