// An i386 program without a library that makes the calls of socketcall_steps.h in the directory
// that is its argument.
//
// Exit status: 42 if all went well, else the number of the failed step.
#include "tests/support/socketcall_steps.h"

namespace {
int call(int number, int one, int two, int three, int four, int five, int six) {
  const int arguments[] = {number, one, two, three, four, five, six};
  int result;
  asm volatile(
      "push %%ebp\n mov 4(%%eax), %%ebx\n mov 8(%%eax), %%ecx\n mov 12(%%eax), %%edx\n"
      "mov 16(%%eax), %%esi\n mov 20(%%eax), %%edi\n mov 24(%%eax), %%ebp\n mov (%%eax), %%eax\n"
      "int $0x80\n pop %%ebp"
      : "=a"(result)
      : "a"(arguments)
      : "ebx", "ecx", "edx", "esi", "edi", "memory");
  return result;
}

SocketcallMemory memory;
}  // namespace

extern "C" [[noreturn]] void begin(long* stack) {
  const char* directory = reinterpret_cast<char**>(stack + 1)[1];
  for (int i = 0; directory[i] != 0; ++i)
    memory.directory[i] = directory[i];
  const int step = socketcall_steps(memory, call);
  call(1, step == 0 ? 42 : step, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

asm(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call "
    "begin\n");
