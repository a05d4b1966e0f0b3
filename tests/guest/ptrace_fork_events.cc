// PTRACE_O_TRACEFORK, VFORK, VFORKDONE and CLONE: the event, the child's first stop and its end
// come to the tracer, though the child is not its own.
#include <pthread.h>

#include "tests/support/ptrace_test.h"

namespace {

void* nothing(void*) {
  (void)access("/etc/passwd", F_OK);
  return nullptr;
}

int forks() {
  const pid_t first = fork();
  if (first == 0) _exit(access("/etc/passwd", F_OK) == 0 ? 5 : 1);
  int status;
  if (waitpid(first, &status, 0) != first || !exited_with(status, 5)) return 1;
  const pid_t second = vfork();
  if (second == 0) _exit(6);
  if (waitpid(second, &status, 0) != second || !exited_with(status, 6)) return 2;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, nothing, nullptr) != 0) return 3;
  return pthread_join(thread, nullptr) == 0 ? 0 : 4;
}

struct Seen {
  int forks = 0, vforks = 0, done = 0, clones = 0, starts = 0, exits[8] = {};
};

/// Lets everything run on and counts.
int watch(pid_t child, bool seized, Seen& seen) {
  for (;;) {
    int status;
    const pid_t thread = waitpid(-1, &status, __WALL);
    EXPECT(thread > 0);
    if (WIFEXITED(status)) {
      if (thread == child) return WEXITSTATUS(status);
      ++seen.exits[WEXITSTATUS(status) & 7];
      continue;
    }
    const int stop = stop_of(status);
    unsigned long message = 0;
    int pass = 0;
    EXPECT(trace(PTRACE_GETEVENTMSG, thread, 0, word(&message)) == 0);
    if (stop == event_stop(PTRACE_EVENT_FORK)) {
      ++seen.forks;
    } else if (stop == event_stop(PTRACE_EVENT_VFORK)) {
      ++seen.vforks;
    } else if (stop == event_stop(PTRACE_EVENT_VFORK_DONE)) {
      ++seen.done;
    } else if (stop == event_stop(PTRACE_EVENT_CLONE)) {
      ++seen.clones;
    } else if (thread != child && stop == (seized ? event_stop(PTRACE_EVENT_STOP) : SIGSTOP)) {
      ++seen.starts;
      message = 1;
    } else {
      EXPECT(stop == SIGCHLD);
      pass = SIGCHLD;
      message = 1;
    }
    EXPECT(message > 0);
    EXPECT(trace(PTRACE_CONT, thread, 0, static_cast<std::uintptr_t>(pass)) == 0);
  }
}

constexpr std::uintptr_t kOptions =
    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACECLONE;

int check(const Seen& seen) {
  EXPECT(seen.forks == 1 && seen.vforks == 1 && seen.done == 1 && seen.clones == 1);
  EXPECT(seen.starts == 3 && seen.exits[5] == 1 && seen.exits[6] == 1);
  return 0;
}

}  // namespace

int main() {
  pid_t child = traced_child(forks);
  EXPECT(next_stop(child) == SIGSTOP);
  EXPECT(trace(PTRACE_SETOPTIONS, child, 0, kOptions) == 0 && trace(PTRACE_CONT, child) == 0);
  Seen seen;
  EXPECT(watch(child, false, seen) == 0 && check(seen) == 0);

  int go;
  child = waiting_child(go, forks);
  EXPECT(trace(PTRACE_SEIZE, child, 0, kOptions) == 0 && write(go, "x", 1) == 1);
  seen = Seen();
  EXPECT(watch(child, true, seen) == 0 && check(seen) == 0);
}
