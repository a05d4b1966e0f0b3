// A rename above the working directory moves getcwd(2)'s answer and keeps relative names.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  const std::string start = working_directory();
  EXPECT(mkdir("a", 0700) == 0 && mkdir("a/b", 0700) == 0 && make_file("a/b/file", "text"));
  EXPECT(mkdir("other", 0700) == 0 && chdir("a/b") == 0);
  EXPECT(rename("../../a", "../../c") == 0);
  EXPECT(working_directory() == start + "/c/b");
  EXPECT(contents("file") == "text" && contents("../b/file") == "text");
  EXPECT(access("../../other", F_OK) == 0);

  const int child_status = in_child([&] {
    EXPECT(rename((start + "/c/b").c_str(), (start + "/other/b").c_str()) == 0);
    EXPECT(working_directory() == start + "/other/b");
    return 0;
  });
  EXPECT(exited_with(child_status, 0));
  EXPECT(working_directory() == start + "/other/b");
  EXPECT(access("../../c", F_OK) == 0 && access("../b/file", F_OK) == 0);
  EXPECT(link_target("/proc/self/cwd") == start + "/other/b");
  EXPECT(symlink("file", "link") == 0 && contents("link") == "text");

  // A new directory takes the old name: still not the working directory.
  EXPECT(mkdir((start + "/c/b").c_str(), 0700) == 0);
  EXPECT(make_file((start + "/c/b/file").c_str(), "other") && contents("file") == "text");
}
