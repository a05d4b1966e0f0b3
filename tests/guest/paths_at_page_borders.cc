// A path may end at the last byte before memory that cannot be read; one that has no end there is
// a bad address, and so is any other pointer into it, asked for the first time or the hundredth.
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/guest_test.h"

int main() {
  constexpr std::size_t kPage = 4096;
  std::signal(SIGSEGV, [](int) { _exit(18); });
  std::signal(SIGBUS, [](int) { _exit(19); });
  auto* memory = static_cast<char*>(
      mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  EXPECT(memory != MAP_FAILED && mprotect(memory + kPage, kPage, PROT_NONE) == 0);
  EXPECT(mkdir("directory", 0755) == 0 && make_file("directory/name", "x"));
  char* const end = memory + kPage;
  const std::string path = working_directory() + "/directory/name";
  struct stat status;
  for (int round = 0; round < 100; ++round) {
    // With every alignment of its start.
    for (std::size_t cut = 0; cut < 8; ++cut) {
      std::string text = path;
      text.insert(text.rfind('/'), std::string(cut, '/'));
      char* at = end - text.size() - 1;
      std::memcpy(at, text.c_str(), text.size() + 1);
      EXPECT(stat(at, &status) == 0 && status.st_size == 1);
      EXPECT(access(at, R_OK) == 0);
      end[-1] = 'x';  // no NUL any more
      EXPECT_ERRNO(stat(at, &status), EFAULT);
      EXPECT_ERRNO(open(at, O_RDONLY), EFAULT);
    }
    EXPECT_ERRNO(stat(end, &status), EFAULT);
    EXPECT_ERRNO(access(reinterpret_cast<char*>(8), R_OK), EFAULT);
    EXPECT_ERRNO(stat(path.c_str(), reinterpret_cast<struct stat*>(end)), EFAULT);
    EXPECT_ERRNO(readlink(path.c_str(), end, 10), EINVAL);
  }
  return 0;
}
