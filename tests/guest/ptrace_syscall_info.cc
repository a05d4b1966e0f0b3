// PTRACE_GET_SYSCALL_INFO at entry, exit and other stops.
#include "tests/support/ptrace_test.h"

namespace {
const char kPath[] = "/etc/passwd";

/// struct ptrace_syscall_info, whose header does not go along with sys/ptrace.h.
struct Info {
  std::uint8_t op, padding[3];
  std::uint32_t architecture;
  std::uint64_t instruction, stack;
  std::uint64_t first, rest[7];
};
constexpr int kGetSyscallInfo = 0x420e;
constexpr int kNone = 0, kEntry = 1, kExit = 2;

// How access(2) is called, and AUDIT_ARCH_*.
#if defined(__x86_64__)
constexpr std::uint64_t kAccess = SYS_access;
constexpr int kPathIndex = 0;
constexpr std::uint32_t kArchitecture = 0xc000003e;
#else
constexpr std::uint64_t kAccess = SYS_faccessat;
constexpr int kPathIndex = 1;
constexpr std::uint32_t kArchitecture = 0xc00000b7;
#endif
}  // namespace

int main() {
  const pid_t child = traced_child([] {
    for (int i = 0; i < 2; ++i)
      (void)access(kPath, F_OK);
    return 0;
  });
  Info info{};
  EXPECT(next_stop(child) == SIGSTOP);
  const long size = trace(kGetSyscallInfo, child, sizeof info, word(&info));
  if (size < 0 && errno == EIO) SKIP("before Linux 5.3");
  EXPECT(size == offsetof(Info, first) && info.op == kNone && info.architecture == kArchitecture);
  EXPECT(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD) == 0);
  int seen = 0;
  while (seen < 2) {
    EXPECT(trace(PTRACE_SYSCALL, child) == 0 && next_stop(child) == kCallStop);
    EXPECT(trace(kGetSyscallInfo, child, sizeof info, word(&info)) ==
           offsetof(Info, rest) + 6 * sizeof(std::uint64_t));
    EXPECT(info.op == kEntry);
    const bool is_access = info.first == kAccess;
    if (is_access)
      EXPECT(info.rest[kPathIndex] == word(kPath) && info.rest[kPathIndex + 1] == F_OK);
    const Info entry = info;
    EXPECT(trace(PTRACE_SYSCALL, child) == 0 && next_stop(child) == kCallStop);
    EXPECT(trace(kGetSyscallInfo, child, sizeof info, word(&info)) ==
           offsetof(Info, first) + sizeof(std::uint64_t) + 1);
    EXPECT(info.op == kExit && info.instruction == entry.instruction && info.stack == entry.stack);
    if (is_access) EXPECT(info.first == 0 && (info.rest[0] & 0xff) == 0);
    if (is_access) ++seen;
  }
  EXPECT(trace(PTRACE_CONT, child) == 0);
  int status;
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 0));
}
