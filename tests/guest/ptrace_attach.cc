// PTRACE_ATTACH to a process that is no child, waiting for it, detaching, and a tracer that dies.
#include "tests/support/ptrace_test.h"

namespace {
const char kPath[] = "/etc/passwd";

/// A grandchild of the caller that counts calls until it is told its stop byte.
pid_t start_stranger(int& stop, int& alive) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return -1;
  pid_t id = 0;
  const pid_t middle = fork();
  if (middle == 0) {
    id = fork();
    if (id != 0) _exit(write(from[1], &id, sizeof id) == sizeof id ? 0 : 1);
    close(to[1]);
    for (char byte; read(to[0], &byte, 1) == 1;) {
      if (access(kPath, F_OK) != 0 || write(from[1], &byte, 1) != 1) _exit(1);
    }
    _exit(0);
  }
  int status;
  if (waitpid(middle, &status, 0) != middle || read(from[0], &id, sizeof id) != sizeof id)
    return -1;
  stop = to[1];
  alive = from[0];
  return id;
}

bool lives(int stop, int alive) {
  char byte = 'x';
  return write(stop, &byte, 1) == 1 && read(alive, &byte, 1) == 1 && byte == 'x';
}

void ignore(int) {}

}  // namespace

int main() {
  int stop, alive, status;
  const pid_t stranger = start_stranger(stop, alive);
  EXPECT(stranger > 0 && lives(stop, alive));
  EXPECT_ERRNO(waitpid(stranger, &status, __WALL), ECHILD);
  EXPECT(trace(PTRACE_ATTACH, stranger) == 0 && next_stop(stranger) == SIGSTOP);
  EXPECT(waitpid(stranger, &status, __WALL | WNOHANG) == 0);
  EXPECT(trace(PTRACE_SYSCALL, stranger) == 0);
  EXPECT(write(stop, "x", 1) == 1 && next_stop(stranger) == SIGTRAP);
  EXPECT(trace(PTRACE_DETACH, stranger) == 0);
  char byte;
  EXPECT(read(alive, &byte, 1) == 1 && lives(stop, alive));
  EXPECT_ERRNO(waitpid(stranger, &status, __WALL), ECHILD);

  // A blocked wait is interrupted by a signal, as any other.
  EXPECT(trace(PTRACE_SEIZE, stranger) == 0);
  struct sigaction action {};
  action.sa_handler = ignore;
  EXPECT(sigaction(SIGALRM, &action, nullptr) == 0);
  ualarm(30000, 30000);  // again, should the first come before the wait
  EXPECT_ERRNO(waitpid(stranger, &status, __WALL), EINTR);
  ualarm(0, 0);
  EXPECT(trace(PTRACE_INTERRUPT, stranger) == 0);
  EXPECT(next_stop(stranger) == event_stop(PTRACE_EVENT_STOP));
  EXPECT(trace(PTRACE_DETACH, stranger) == 0 && lives(stop, alive));

  // A tracer that ends lets go; nobody else could attach before.
  int ready[2];
  EXPECT(pipe2(ready, O_CLOEXEC) == 0);
  const pid_t tracer = fork();
  if (tracer == 0) {
    if (trace(PTRACE_ATTACH, stranger) != 0 || next_stop(stranger) != SIGSTOP) _exit(1);
    if (write(ready[1], "x", 1) != 1) _exit(2);
    for (;;)
      pause();
  }
  EXPECT(read(ready[0], &byte, 1) == 1);
  EXPECT_ERRNO(trace(PTRACE_ATTACH, stranger), EPERM);
  EXPECT(kill(tracer, SIGKILL) == 0 && waitpid(tracer, &status, 0) == tracer);
  kill(stranger, SIGCONT);
  EXPECT(lives(stop, alive));

  // Its end is told to a tracer that is not its parent.
  EXPECT(trace(PTRACE_SEIZE, stranger) == 0 && kill(stranger, SIGKILL) == 0);
  EXPECT(waitpid(stranger, &status, __WALL) == stranger && WIFSIGNALED(status));
  EXPECT_ERRNO(waitpid(stranger, &status, __WALL), ECHILD);
  EXPECT_ERRNO(trace(PTRACE_ATTACH, getpid()), EPERM);
}
