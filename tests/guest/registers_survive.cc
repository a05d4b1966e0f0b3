// A call changes its result's register (of x86_64 rcx and r11, too) and no other one, whatever its
// result.
#include <algorithm>
#include <array>
#include <cstddef>
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

#if defined(__x86_64__)

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

#elif defined(__aarch64__)

namespace {
/// A call to be made with every register set to a value of its own: x0 to x5 its arguments, the
/// others their number; and what they are afterwards.
struct Made {
  long number;
  long arguments[6];
  long after[30];  // x0 to x29
  long stack_moved;
};
static_assert(offsetof(Made, after) == 56 && offsetof(Made, stack_moved) == 296);

void call(Made& made) {
  asm volatile(
      "stp x29, x30, [sp, #-48]!\n str %[made], [sp, #16]\n stp x18, x19, [sp, #32]\n"
      "mov x9, %[made]\n ldr x8, [x9]\n"
      "ldp x0, x1, [x9, #8]\n ldp x2, x3, [x9, #24]\n ldp x4, x5, [x9, #40]\n"
      "mov x6, #6\n mov x7, #7\n mov x9, #9\n mov x10, #10\n mov x11, #11\n mov x12, #12\n"
      "mov x13, #13\n mov x14, #14\n mov x15, #15\n mov x16, #16\n mov x17, #17\n mov x18, #18\n"
      "mov x19, #19\n mov x20, #20\n mov x21, #21\n mov x22, #22\n mov x23, #23\n mov x24, #24\n"
      "mov x25, #25\n mov x26, #26\n mov x27, #27\n mov x28, #28\n mov x29, #29\n mov x30, sp\n"
      "svc #0\n"
      "str x9, [sp, #24]\n ldr x9, [sp, #16]\n"
      "stp x0, x1, [x9, #56]\n stp x2, x3, [x9, #72]\n stp x4, x5, [x9, #88]\n"
      "stp x6, x7, [x9, #104]\n ldr x0, [sp, #24]\n stp x8, x0, [x9, #120]\n"
      "stp x10, x11, [x9, #136]\n stp x12, x13, [x9, #152]\n stp x14, x15, [x9, #168]\n"
      "stp x16, x17, [x9, #184]\n stp x18, x19, [x9, #200]\n stp x20, x21, [x9, #216]\n"
      "stp x22, x23, [x9, #232]\n stp x24, x25, [x9, #248]\n stp x26, x27, [x9, #264]\n"
      "stp x28, x29, [x9, #280]\n mov x0, sp\n sub x0, x0, x30\n str x0, [x9, #296]\n"
      "ldp x18, x19, [sp, #32]\n ldp x29, x30, [sp], #48\n"
      :
      : [made] "r"(&made)
      : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
        "x14", "x15", "x16", "x17", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
        "memory", "cc");
}

int check(long number, const std::array<long, 6>& arguments, long result) {
  Made made{.number = number};
  std::copy(arguments.begin(), arguments.end(), made.arguments);
  call(made);
  EXPECT(made.after[0] == result && made.after[8] == number && made.stack_moved == 0);
  for (std::size_t i = 1; i < 6; ++i)
    EXPECT(made.after[i] == arguments[i]);
  for (int i = 6; i < 30; ++i)
    EXPECT(i == 8 || made.after[i] == i);
  return 0;
}
}  // namespace

int main() {
  struct stat status;
  const auto buffer = reinterpret_cast<long>(&status);
  const auto text = [](const char* path) { return reinterpret_cast<long>(path); };
  const long here = AT_FDCWD;
  for (int round = 0; round < 3; ++round) {
    EXPECT(check(SYS_newfstatat, {here, text("/"), buffer, 0, 0x44, 0x55}, 0) == 0);
    EXPECT(check(SYS_newfstatat, {here, text("/absent"), buffer, 0, 0x44, 0x55}, -ENOENT) == 0);
    EXPECT(check(SYS_newfstatat, {here, 8, buffer, 0, 0x44, 0x55}, -EFAULT) == 0);
    EXPECT(check(SYS_faccessat, {here, text("/proc/self/exe"), 0, 3, 4, 5}, 0) == 0);
    EXPECT(check(SYS_chdir, {text("."), 0x66, 0x77, 3, 4, 5}, 0) == 0);
    EXPECT(check(SYS_getpid, {0x55, 0x66, 0x77, 3, 4, 5}, getpid()) == 0);
    EXPECT(check(SYS_readlinkat, {here, text("/proc/self"), buffer, 1, 4, 5}, 1) == 0);
  }
}

#endif
