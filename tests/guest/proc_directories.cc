// /proc/PID/cwd and root are links to the guest's own directories, and can be walked through.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat one, two;
  const std::string start = working_directory();
  const std::string self = "/proc/" + std::to_string(getpid());
  EXPECT(mkdir("d", 0700) == 0 && make_file("d/file", "text") && make_file("file", "outer"));
  EXPECT(chdir("d") == 0);
  for (const std::string& process :
       {self, std::string("/proc/self"), std::string("/proc/thread-self")}) {
    EXPECT(link_target((process + "/cwd").c_str()) == start + "/d");
    EXPECT(link_target((process + "/root").c_str()) == "/");
    EXPECT(contents((process + "/cwd/file").c_str()) == "text");
    EXPECT(contents((process + "/cwd/../file").c_str()) == "outer");
    EXPECT(contents((process + "/root" + start + "/file").c_str()) == "outer");
    EXPECT(stat((process + "/root/..").c_str(), &one) == 0 && stat("/", &two) == 0);
    EXPECT(one.st_ino == two.st_ino && one.st_dev == two.st_dev);
  }
  EXPECT(chdir("/proc/self/root") == 0 && working_directory() == "/");
  EXPECT(chdir(start.c_str()) == 0 && chdir("/proc/self/cwd/d") == 0);
  EXPECT(working_directory() == start + "/d");

  const int child = in_child([&] {
    EXPECT(chdir("/") == 0 && link_target("/proc/self/cwd") == "/");
    EXPECT(link_target((self + "/cwd").c_str()) == start + "/d");  // the parent's
    EXPECT(contents((self + "/cwd/file").c_str()) == "text");
    return 0;
  });
  EXPECT(exited_with(child, 0));
  EXPECT(chdir("/proc/self") == 0 && working_directory() == self);
  EXPECT(link_target("/proc/self") == std::to_string(getpid()));
}
