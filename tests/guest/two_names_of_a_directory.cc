// One host directory at two guest names: each name is what the guest used.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat one, two;
  EXPECT(stat("/bind/dir/file", &one) == 0 && stat("/bind/again/file", &two) == 0);
  EXPECT(one.st_ino == two.st_ino && one.st_dev == two.st_dev);
  EXPECT(make_file("/bind/again/new", "text") && contents("/bind/dir/new") == "text");
  for (const std::string name : {"/bind/dir", "/bind/again"}) {
    EXPECT(chdir(name.c_str()) == 0 && working_directory() == name);
    EXPECT(link_target("/proc/self/cwd") == name);
    EXPECT(chdir("sub") == 0 && working_directory() == name + "/sub");
    EXPECT(chdir("..") == 0 && working_directory() == name);
    EXPECT(chdir("..") == 0 && working_directory() == "/bind");
    EXPECT(chdir(name.substr(6).c_str()) == 0 && working_directory() == name);
  }
  EXPECT(chdir("/bind/dir") == 0 && chdir("../again/./sub/..") == 0);
  EXPECT(working_directory() == "/bind/again");
  const int again = open("/bind/again/sub", O_RDONLY | O_DIRECTORY);
  EXPECT(chdir("/bind/dir") == 0 && fchdir(again) == 0);
  EXPECT(working_directory() == "/bind/again/sub");
  EXPECT(link_target(("/proc/self/fd/" + std::to_string(again)).c_str()) == "/bind/again/sub");
  const int child = in_child([] { return working_directory() == "/bind/again/sub" ? 0 : 1; });
  EXPECT(exited_with(child, 0));
  const int file = open("/bind/again/file", O_RDONLY);
  EXPECT(link_target(("/proc/self/fd/" + std::to_string(file)).c_str()) == "/bind/again/file");
}
