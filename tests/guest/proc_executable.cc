// /proc/self/exe names the running program as the guest knows it, and opens as that file.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main(int argc, char** argv) {
  struct stat status, program_status;
  if (argc == 2) {  // ran again by another name
    EXPECT(link_target("/proc/self/exe") == argv[1]);
    return 0;
  }
  const std::string name = argv[0];
  EXPECT(link_target("/proc/self/exe") == name);
  EXPECT(link_target(("/proc/" + std::to_string(getpid()) + "/exe").c_str()) == name);
  EXPECT(link_target("/proc/thread-self/exe") == name);
  EXPECT(stat("/proc/self/exe", &status) == 0 && stat(name.c_str(), &program_status) == 0);
  EXPECT(status.st_ino == program_status.st_ino && status.st_size == program_status.st_size);
  EXPECT(lstat("/proc/self/exe", &status) == 0 && S_ISLNK(status.st_mode));
  char magic[4] = "";
  EXPECT(read(open("/proc/self/exe", O_RDONLY), magic, 4) == 4 &&
         std::memcmp(magic, "\177ELF", 4) == 0);
  EXPECT_ERRNO(open("/proc/self/exe", O_RDONLY | O_NOFOLLOW), ELOOP);
  EXPECT(access("/proc/self/exe", X_OK) == 0);
  char text[4];
  EXPECT(readlink("/proc/self/exe", text, 3) == 3 && std::memcmp(text, name.c_str(), 3) == 0);
  const int self = open("/proc/self", O_PATH | O_DIRECTORY);
  char target[4096];
  EXPECT(readlinkat(self, "exe", target, sizeof target) == static_cast<ssize_t>(name.size()));
  EXPECT(symlink(name.c_str(), "link") == 0);
  const int by_link = in_child([&] { return execl("./link", "x", name.c_str(), nullptr); });
  EXPECT(exited_with(by_link, 0));
  const int by_magic =
      in_child([&] { return execl("/proc/self/exe", "x", name.c_str(), nullptr); });
  EXPECT(exited_with(by_magic, 0));
  EXPECT(chdir("/proc/self") == 0 && link_target("exe") == name);
}
