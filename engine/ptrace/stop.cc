#include "engine/ptrace/stop.h"

#include <csignal>
#include <sys/ptrace.h>
#include <sys/wait.h>

namespace nestp {
namespace {

constexpr int kSysgood = 0x80;  // set in the signal of a syscall stop (PTRACE_O_TRACESYSGOOD)

StopKind kind_of_event(int event, int signal) {
  switch (event) {
    case PTRACE_EVENT_SECCOMP:
      return StopKind::entry;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
      return StopKind::birth;
    case PTRACE_EVENT_EXIT:
    case PTRACE_EVENT_VFORK_DONE:
      return StopKind::guest_event;
    case PTRACE_EVENT_EXEC:
      return StopKind::exec;
    case PTRACE_EVENT_STOP:
      return signal == SIGTRAP ? StopKind::trap : StopKind::group;
    default:
      return StopKind::unforeseen;
  }
}

}  // namespace

Stop read_status(pid_t thread, int status) {
  Stop stop{.thread = thread, .status = status};
  if (!WIFSTOPPED(status)) {
    stop.kind = StopKind::ended;
    return stop;
  }
  stop.signal = WSTOPSIG(status);
  stop.event = status >> 16;
  if (stop.event != 0) {
    stop.kind = kind_of_event(stop.event, stop.signal);
  } else if (stop.signal == (SIGTRAP | kSysgood)) {
    stop.kind = StopKind::exit;
  } else {
    stop.kind = StopKind::signal;
  }
  return stop;
}

}  // namespace nestp
