// Code that makes calls is made, moved, overwritten and sealed by the program that runs it.
#include <array>
#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {

// A function of nothing but a call, between two labels, as a C library has many.
asm(R"(
  .text
  .globl call_begin, other_begin
  .balign 4096
call_begin:
  mov $4, %eax
  syscall
  ret
  .balign 16
other_begin:
  mov $6, %eax
  syscall
  ret
  .balign 4096
)");
extern "C" {
extern char call_begin[], other_begin[];
}

using Call = long (*)(const char*, struct stat*);

/// What stat(2) or lstat(2) shows of "link": the type of what it leads to, or of itself.
mode_t type_shown(const char* code) {
  struct stat status {};
  const auto call = reinterpret_cast<Call>(reinterpret_cast<std::uintptr_t>(code));
  return call("link", &status) == 0 ? status.st_mode & S_IFMT : 0;
}

using Code = std::array<unsigned char, 8>;

/// mov $number, %eax; syscall; ret
constexpr Code code_of(unsigned char number) { return {0xb8, number, 0, 0, 0, 0x0f, 0x05, 0xc3}; }
constexpr Code kStat = code_of(4), kLstat = code_of(6);

int made_anew() {
  void* const memory =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(memory != MAP_FAILED);
  std::memcpy(memory, kStat.data(), kStat.size());
  for (int i = 0; i < 3; ++i)
    EXPECT(type_shown(static_cast<char*>(memory)) == S_IFREG);
  std::memcpy(memory, kLstat.data(), kLstat.size());
  for (int i = 0; i < 3; ++i)
    EXPECT(type_shown(static_cast<char*>(memory)) == S_IFLNK);
  void* const moved = mremap(memory, 4096, 8192, MREMAP_MAYMOVE);
  EXPECT(moved != MAP_FAILED && type_shown(static_cast<char*>(moved)) == S_IFLNK);
  EXPECT(munmap(moved, 8192) == 0);
  return 0;
}

int overwritten() {
  EXPECT(type_shown(call_begin) == S_IFREG && type_shown(other_begin) == S_IFLNK);
  EXPECT(mprotect(call_begin, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
  for (int i = 0; i < 20; ++i) {
    std::memcpy(call_begin, kLstat.data(), kLstat.size());
    EXPECT(type_shown(call_begin) == S_IFLNK);
    std::memcpy(call_begin, kStat.data(), kStat.size());
    EXPECT(type_shown(call_begin) == S_IFREG);
  }
  EXPECT(mprotect(call_begin, 4096, PROT_READ | PROT_EXEC) == 0);
  EXPECT(type_shown(call_begin) == S_IFREG && type_shown(other_begin) == S_IFLNK);
  return 0;
}

int sealed() {
  constexpr long kSeal = 462;  // mseal(2), Linux 6.10
  if (syscall(kSeal, other_begin, 0, 0) != 0) return 0;
  const auto page = reinterpret_cast<std::uintptr_t>(other_begin) & ~std::uintptr_t{4095};
  EXPECT(syscall(kSeal, page, 4096, 0) == 0);
  EXPECT_ERRNO(mprotect(reinterpret_cast<void*>(page), 4096, PROT_READ), EPERM);
  EXPECT(type_shown(other_begin) == S_IFLNK && contents("link") == "text");
  return 0;
}

}  // namespace

int main() {
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0);
  EXPECT(made_anew() == 0);
  EXPECT(overwritten() == 0);
  EXPECT(exited_with(in_child(sealed), 0));
  return 0;
}
