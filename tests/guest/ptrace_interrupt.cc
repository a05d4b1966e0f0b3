// PTRACE_INTERRUPT before and during calls with paths, many times; nothing is lost or changed.
#include <fcntl.h>

#include "tests/support/ptrace_test.h"

int main() {
  int go;
  const pid_t child = waiting_child(go, [] {
    for (int i = 0; i < 2000; ++i) {
      if (access("/etc/passwd", F_OK) != 0) return 1;
      if (access("/no/such", F_OK) != -1 || errno != ENOENT) return 2;
      const int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
      if (file < 0 || close(file) != 0) return 3;
    }
    return 0;
  });
  EXPECT(trace(PTRACE_SEIZE, child) == 0 && write(go, "x", 1) == 1);
  int status;
  for (int round = 0; round < 200; ++round) {
    if (trace(PTRACE_INTERRUPT, child) != 0) break;
    EXPECT(waitpid(child, &status, __WALL) == child);
    if (WIFEXITED(status)) break;
    EXPECT(stop_of(status) == event_stop(PTRACE_EVENT_STOP));
    user_regs_struct registers;
    EXPECT(get_registers(child, registers));
    // Only addresses of this program and its stack: it is linked statically.
    const unsigned long at = instruction_of(registers);
    EXPECT(at < 0x70000000UL || at >= 0x70200000UL);
    EXPECT(trace(PTRACE_CONT, child) == 0);
  }
  if (!WIFEXITED(status)) EXPECT(waitpid(child, &status, 0) == child);
  EXPECT(exited_with(status, 0));
}
