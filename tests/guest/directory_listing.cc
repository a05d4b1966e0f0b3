// A listing gives every name once, with its kind, and can be read in small parts.
#include <dirent.h>
#include <fcntl.h>
#include <set>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  EXPECT(mkdir("d", 0700) == 0 && mkdir("d/sub", 0700) == 0 && symlink("x", "d/link") == 0);
  std::set<std::string> expected = {".", "..", "sub", "link"};
  for (int number = 0; number < 300; ++number) {
    const std::string name = "file" + std::to_string(number);
    expected.insert(name);
    EXPECT(make_file(("d/" + name).c_str(), ""));
  }
  const int directory = open("d", O_RDONLY | O_DIRECTORY);
  for (int round = 0; round < 2; ++round) {
    std::set<std::string> seen;
    char buffer[512];
    long length;
    while ((length = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
      for (long offset = 0; offset < length;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer + offset);
        EXPECT(seen.insert(entry->d_name).second);
        if (std::strcmp(entry->d_name, "sub") == 0) EXPECT(entry->d_type == DT_DIR);
        if (std::strcmp(entry->d_name, "link") == 0) EXPECT(entry->d_type == DT_LNK);
        offset += entry->d_reclen;
      }
    }
    EXPECT(length == 0 && seen == expected);
    EXPECT(lseek(directory, 0, SEEK_SET) == 0);
  }
  char tiny[4];
  EXPECT_ERRNO(syscall(SYS_getdents64, directory, tiny, sizeof tiny), EINVAL);
}
