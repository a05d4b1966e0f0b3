// A call changes rax, rcx and r11 and no other register, whatever its result.
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {
struct Registers {
  long rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15, rax, rsp_moved;
};

/// Makes a call with every register set to a value of its own.
Registers call(long number, long one, long two, long three) {
  Registers after{};
  register long rax asm("rax") = number;
  asm volatile(
      "lea -128(%%rsp), %%rsp\n push %%rbp\n push %%rbx\n push %[after]\n"
      "mov $0x1122, %%rbx\n mov $0x3344, %%rbp\n mov $0x8888, %%r8\n mov $0x9999, %%r9\n"
      "mov $0xaaaa, %%r10\n mov $0xcccc, %%r12\n mov $0xdddd, %%r13\n mov $0xeeee, %%r14\n"
      "mov %%rsp, %%r15\n syscall\n"
      "sub %%rsp, %%r15\n pop %%rcx\n"
      "mov %%rbx, 0(%%rcx)\n mov %%rdx, 8(%%rcx)\n mov %%rsi, 16(%%rcx)\n mov %%rdi, 24(%%rcx)\n"
      "mov %%rbp, 32(%%rcx)\n mov %%r8, 40(%%rcx)\n mov %%r9, 48(%%rcx)\n mov %%r10, 56(%%rcx)\n"
      "mov %%r12, 64(%%rcx)\n mov %%r13, 72(%%rcx)\n mov %%r14, 80(%%rcx)\n mov %%r15, 104(%%rcx)\n"
      "mov %%rax, 96(%%rcx)\n pop %%rbx\n pop %%rbp\n lea 128(%%rsp), %%rsp\n"
      : "+r"(rax), "+D"(one), "+S"(two), "+d"(three)
      : [after] "r"(&after)
      : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
  return after;
}

int check(long number, long one, long two, long three, long result) {
  const Registers after = call(number, one, two, three);
  EXPECT(after.rax == result && after.rdi == one && after.rsi == two && after.rdx == three);
  EXPECT(after.rbx == 0x1122 && after.rbp == 0x3344 && after.r8 == 0x8888 && after.r9 == 0x9999);
  EXPECT(after.r10 == 0xaaaa && after.r12 == 0xcccc && after.r13 == 0xdddd && after.r14 == 0xeeee);
  EXPECT(after.rsp_moved == 0);
  return 0;
}
}  // namespace

int main() {
  struct stat status;
  const auto buffer = reinterpret_cast<long>(&status);
  const auto text = [](const char* path) { return reinterpret_cast<long>(path); };
  for (int round = 0; round < 3; ++round) {  // a call site may be treated anew later on
    EXPECT(check(SYS_stat, text("/"), buffer, 0x77, 0) == 0);
    EXPECT(check(SYS_stat, text("/absent"), buffer, 0x77, -ENOENT) == 0);
    EXPECT(check(SYS_stat, 8, buffer, 0x77, -EFAULT) == 0);
    EXPECT(check(SYS_access, text("/proc/self/exe"), 0, 0x77, 0) == 0);
    EXPECT(check(SYS_chdir, text("."), 0x66, 0x77, 0) == 0);
    EXPECT(check(SYS_getpid, 0x55, 0x66, 0x77, getpid()) == 0);
    EXPECT(check(SYS_readlink, text("/proc/self"), buffer, 1, 1) == 0);
  }
}
