// Under nestp -0: what the handler's deepest calls leave of its stack, which nothing guards.
#include <cstdint>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <thread>
#include <unistd.h>

#include "engine/gate/memo.h"
#include "tests/support/guest_test.h"

namespace {

using namespace nestp;

constexpr std::uint64_t kLeast = 1024;  // bytes that no call has touched

int change_all(int directory) {
  const int file = openat(directory, "file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
  EXPECT(file >= 0 && fchown(file, 5, 6) == 0 && fchmod(file, 0640) == 0 &&
         fchown(file, 7, 8) == 0);
  EXPECT(chmod("deep/file", 0600) == 0 && chown("deep/file", 9, 10) == 0);
  EXPECT(fchmodat(directory, "file", 0644, 0) == 0 && fchownat(directory, "file", 11, 12, 0) == 0);
  EXPECT(mkdirat(directory, "inner", 0755) == 0 && chown("deep/inner", 5, 5) == 0);
  EXPECT(fchmodat(directory, "inner", 0755, 0) == 0 && lchown("deep/inner", 6, 6) == 0);
  return close(file);
}

int look_at_all(int directory) {
  char text[4096];
  struct stat status {};
  EXPECT(stat("deep/file", &status) == 0 && status.st_uid == 11);
  EXPECT(fstatat(directory, "..", &status, 0) == 0 && fstatat(directory, "dev", &status, 0) != 0);
  EXPECT(listxattr("deep/file", text, sizeof text) >= 0);
  EXPECT(getxattr("deep/file", "security.capability", text, sizeof text) == -1);
  EXPECT(getcwd(text, sizeof text) != nullptr && access("deep/inner/none", F_OK) == -1);
  const int inner = openat(directory, "inner", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT(inner >= 0 && close(inner) == 0 && readlink("deep/file", text, sizeof text) == -1);
  return unlinkat(directory, "file", 0) + unlinkat(directory, "inner", AT_REMOVEDIR);
}

/// Bytes between what the slot tells and the lowest that its stack has held.
std::uint64_t untouched(std::uint64_t slot) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(slot);
  std::uint64_t at = sizeof(gate::FastSlot);
  while (at < gate::kFastStack && bytes[at] == 0)
    ++at;
  return at - sizeof(gate::FastSlot);
}

}  // namespace

int main() {
  EXPECT(mkdir("deep", 0755) == 0);
  const int directory = open("deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int round = 0; round < 3; ++round)
    EXPECT(change_all(directory) == 0 && look_at_all(directory) == 0);
  std::thread([] { (void)access("deep", F_OK); }).join();
  std::uint64_t least = gate::kFastStack;
  for (std::uint64_t i = 0; i < gate::kFastSlotCount; ++i) {
    const std::uint64_t left = untouched(gate::kFastSlots + i * gate::kFastSlotSize);
    if (left < least) least = left;
  }
  std::printf("%llu bytes are left\n", static_cast<unsigned long long>(least));
  EXPECT(least >= kLeast && least < gate::kFastStack - sizeof(gate::FastSlot));
  EXPECT(close(directory) == 0 && rmdir("deep") == 0);
}
