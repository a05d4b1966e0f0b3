// Single steps, also over a call with a path, and a breakpoint in the text.
#include "tests/support/ptrace_test.h"

namespace {

extern "C" {
long stepped_access(const char* path);
extern char before_call[], after_call[];
}
asm(R"(
        .globl stepped_access, before_call, after_call
stepped_access:
        movl $21, %eax
        xorl %esi, %esi
before_call:
        syscall
after_call:
        nop
        ret
)");

unsigned long instruction(pid_t child) {
  return static_cast<unsigned long>(trace(PTRACE_PEEKUSER, child, offsetof(user, regs.rip)));
}

}  // namespace

int main() {
  const pid_t child = traced_child([] {
    return stepped_access("/etc/passwd") == 0 && stepped_access("/no/such") == -ENOENT ? 0 : 1;
  });
  EXPECT(next_stop(child) == SIGSTOP);
  for (int round = 0; round < 2; ++round) {
    errno = 0;
    const long text = trace(PTRACE_PEEKTEXT, child, word(before_call));
    EXPECT(errno == 0 && (text & 0xffff) == 0x050f);
    EXPECT(trace(PTRACE_POKETEXT, child, word(before_call),
                 static_cast<std::uintptr_t>((text & ~0xffL) | 0xcc)) == 0);
    EXPECT(trace(PTRACE_CONT, child) == 0 && next_stop(child) == SIGTRAP);
    EXPECT(instruction(child) == word(before_call) + 1);
    EXPECT(trace(PTRACE_POKETEXT, child, word(before_call), static_cast<std::uintptr_t>(text)) ==
           0);
    EXPECT(trace(PTRACE_POKEUSER, child, offsetof(user, regs.rip), word(before_call)) == 0);
    user_regs_struct before, after;
    EXPECT(trace(PTRACE_GETREGS, child, 0, word(&before)) == 0);
    EXPECT(trace(PTRACE_SINGLESTEP, child) == 0 && next_stop(child) == SIGTRAP);
    EXPECT(trace(PTRACE_GETREGS, child, 0, word(&after)) == 0);
    EXPECT(after.rip == word(after_call));
    EXPECT(static_cast<long>(after.rax) == (round == 0 ? 0 : -ENOENT));
    EXPECT(after.rdi == before.rdi && after.rsi == before.rsi && after.r15 == before.r15 &&
           after.rsp == before.rsp && after.rbx == before.rbx);
    EXPECT(trace(PTRACE_SINGLESTEP, child) == 0 && next_stop(child) == SIGTRAP);
    EXPECT(instruction(child) == word(after_call) + 1);
  }
  EXPECT(trace(PTRACE_CONT, child) == 0);
  int status;
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 0));
}
