// What a wait status of a seized guest thread means, and what is owed for it.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace nestp {

enum class StopKind : std::uint8_t {
  entry,        ///< about to make a call of the filter: decide how it goes on, then resume
  exit,         ///< the end of a call that was resumed up to its exit: map back, then resume
  signal,       ///< `signal` is on its way: resume *with* it, or it is lost
  group,        ///< job control stopped the thread: listen, do not resume
  trap,         ///< a new thread's first stop, an interrupt, or the end of a group stop: resume
  birth,        ///< made a new thread: announce it, then resume
  exec,         ///< runs a new image, the loader: give it its plan, then resume
  guest_event,  ///< `event`, which only a guest that traces this one asked for: show it or resume
  ended,        ///< reaped: forget it, nothing to resume
  unforeseen,   ///< none of the events that were asked for: resume, and say so
};

struct Stop {
  StopKind kind = StopKind::unforeseen;
  pid_t thread = 0;
  int signal = 0;  ///< of signal and group
  int event = 0;   ///< PTRACE_EVENT_*, of birth and guest_event
  int status = 0;  ///< as waitpid(2) gave it
};

/// Pure: reads a status of waitpid(2) with __WALL.
Stop read_status(pid_t thread, int status);

}  // namespace nestp
