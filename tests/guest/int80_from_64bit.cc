// int 0x80 in a 64-bit program is an i386 call, with i386 numbers and 32-bit pointers.
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/support/guest_test.h"

namespace {
int call_i386(long number, long one, long two, long three) {
  int result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(one), "c"(two), "d"(three)
               : "memory", "r8", "r9", "r10", "r11");
  return result;
}
}  // namespace

int main() {
  const int status = in_child([] { return call_i386(20, 0, 0, 0) == getpid() ? 42 : 1; });
  if (WIFSIGNALED(status)) SKIP("this kernel takes no 32-bit calls");
  EXPECT(exited_with(status, 42));
  auto* low = static_cast<char*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
  EXPECT(low != MAP_FAILED && make_file("file", "text"));
  const long at = reinterpret_cast<long>(low);
  std::strcpy(low, (working_directory() + "/file").c_str());
  const int file = call_i386(5, at, O_RDONLY, 0);  // open
  EXPECT(file >= 0 && call_i386(3, file, at, 4) == 4 && std::memcmp(low, "text", 4) == 0);
  std::strcpy(low, "/proc/../etc/passwd");
  EXPECT(call_i386(33, at, F_OK, 0) == access("/etc/passwd", F_OK));  // access
  std::strcpy(low, "new");
  EXPECT(call_i386(39, at, 0700, 0) == 0 && call_i386(39, at, 0700, 0) == -EEXIST);  // mkdir
  EXPECT(call_i386(12, at, 0, 0) == 0);                                              // chdir
  EXPECT(call_i386(183, at, 4096, 0) > 0 && working_directory() == low);             // getcwd
  EXPECT(rmdir("../new") == 0);
}
