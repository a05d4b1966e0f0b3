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

[[noreturn]] void be_tracer(pid_t stranger, bool takes_stop, int ready) {
  siginfo_t info{};
  const int way = WSTOPPED | __WALL | (takes_stop ? 0 : WNOWAIT);
  if (trace(PTRACE_ATTACH, stranger) != 0) _exit(1);
  if (waitid(P_PID, static_cast<id_t>(stranger), &info, way) != 0) _exit(2);
  if (info.si_status != SIGSTOP || write(ready, "x", 1) != 1) _exit(3);
  for (;;)
    pause();
}

/// Within a second its state (proc_pid_stat(5)) is this.
bool becomes(pid_t process, char state) {
  const std::string path = "/proc/" + std::to_string(process) + "/stat";
  for (int i = 0; i < 100; ++i, usleep(10'000)) {
    const std::string stat = contents(path.c_str());
    const std::size_t name_end = stat.rfind(')');
    if (name_end == stat.npos) return false;
    if (stat.substr(name_end + 2, 1) == std::string(1, state)) return true;
  }
  return false;
}

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
  for (const bool takes_stop : {true, false}) {
    const pid_t tracer = fork();
    if (tracer == 0) be_tracer(stranger, takes_stop, ready[1]);
    EXPECT(read(ready[0], &byte, 1) == 1);
    EXPECT_ERRNO(trace(PTRACE_ATTACH, stranger), EPERM);
    EXPECT(kill(tracer, SIGKILL) == 0 && waitpid(tracer, &status, 0) == tracer);
    // The signal of a stop that nobody took comes about.
    if (!takes_stop) EXPECT(becomes(stranger, 'T') && kill(stranger, SIGCONT) == 0);
    EXPECT(lives(stop, alive));
  }

  // Its end is told to a tracer that is not its parent.
  EXPECT(trace(PTRACE_SEIZE, stranger) == 0 && kill(stranger, SIGKILL) == 0);
  EXPECT(waitpid(stranger, &status, __WALL) == stranger && WIFSIGNALED(status));
  EXPECT_ERRNO(waitpid(stranger, &status, __WALL), ECHILD);
  EXPECT_ERRNO(trace(PTRACE_ATTACH, getpid()), EPERM);
}
