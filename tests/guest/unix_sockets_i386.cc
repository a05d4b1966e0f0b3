// Socket calls of i386, most of them multiplexed by socketcall(2): by int 0x80 in this program,
// and in a 32-bit one.
#include <sys/mman.h>

#include "tests/support/exec_test.h"
#include "tests/support/socketcall_steps.h"

namespace {
int call(int number, int one, int two, int three, int four, int five, int six) {
  const long arguments[] = {number, one, two, three, four, five, six};
  long result;
  asm volatile(
      "sub $128, %%rsp\n push %%rbp\n mov 8(%%rax), %%rbx\n mov 16(%%rax), %%rcx\n mov 24(%%rax), "
      "%%rdx\n"
      "mov 32(%%rax), %%rsi\n mov 40(%%rax), %%rdi\n mov 48(%%rax), %%rbp\n mov (%%rax), %%rax\n"
      "int $0x80\n pop %%rbp\n add $128, %%rsp"
      : "=a"(result)
      : "a"(arguments)
      : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
  return static_cast<int>(result);
}
}  // namespace

int main() {
  const int status = in_child([] { return call(20, 0, 0, 0, 0, 0, 0) == getpid() ? 42 : 1; });
  if (WIFSIGNALED(status)) SKIP("this kernel takes no 32-bit calls");
  void* low = mmap(nullptr, sizeof(SocketcallMemory), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  EXPECT(low != MAP_FAILED);
  auto& memory = *static_cast<SocketcallMemory*>(low);
  const std::string directory = working_directory();
  if (directory.size() >= sizeof memory.directory) SKIP("the working directory's name is long");
  std::strcpy(memory.directory, directory.c_str());
  const int step = socketcall_steps(memory, call);
  if (step != 0) dprintf(2, "int 0x80 fails at step %d\n", step);
  EXPECT(step == 0);

  EXPECT(mkdir("other", 0700) == 0);
  const Output output = run_program(program("socketcall_i386"), {"i386", directory + "/other"});
  if (exec_error(output) == ENOEXEC) SKIP("this kernel runs no 32-bit programs");
  EXPECT(exited_with(output.status, 42));
}
