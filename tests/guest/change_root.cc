// chroot(2) as root: "/", "..", the working directory and /proc/self/root follow it.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  if (geteuid() != 0) SKIP("needs root");
  const std::string start = working_directory();
  struct stat status;
  EXPECT(mkdir("new", 0755) == 0 && mkdir("new/in", 0755) == 0 && make_file("new/in/file", "text"));
  EXPECT(symlink("/in/file", "new/link") == 0 && make_file("outside", "x"));
  const int outside = open(".", O_RDONLY | O_DIRECTORY);
  EXPECT_ERRNO(chroot("absent"), ENOENT);
  EXPECT_ERRNO(chroot("outside"), ENOTDIR);
  const int child = in_child([&] {
    EXPECT(chroot("new") == 0 && contents("/in/file") == "text" && contents("/link") == "text");
    EXPECT(stat((start + "/outside").c_str(), &status) == -1 && errno == ENOENT);
    EXPECT(access("outside", F_OK) == 0);  // the working directory stays where it was
    EXPECT(chdir("/") == 0 && working_directory() == "/" && contents("in/../../../link") == "text");
    EXPECT(chdir("in") == 0 && working_directory() == "/in" && chdir("../..") == 0);
    EXPECT(working_directory() == "/" && fstatat(outside, "outside", &status, 0) == 0);
    EXPECT(mkdir("/made", 0755) == 0 && rename("/made", "/in/made") == 0);
    EXPECT(exited_with(in_child([] { return access("/link", F_OK); }), 0));
    EXPECT(chroot("/in") == 0 && contents("/file") == "text");
    return 0;
  });
  EXPECT(exited_with(child, 0));
  EXPECT(access("new/in/made", F_OK) == 0 && working_directory() == start);
}
