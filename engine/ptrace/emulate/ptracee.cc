#include "engine/ptrace/emulate/ptracee.h"

namespace nestp {
namespace {

constexpr int kSysgood = 0x80;
constexpr int kEventStop = PTRACE_EVENT_STOP << 8;

}  // namespace

int stop_code(const GuestStop& stop, const Ptracee& ptracee) {
  switch (stop.kind) {
    case GuestStop::Kind::signal:
      return stop.signal;
    case GuestStop::Kind::call_entry:
    case GuestStop::Kind::call_exit:
      return ptracee.options & PTRACE_O_TRACESYSGOOD ? SIGTRAP | kSysgood : SIGTRAP;
    case GuestStop::Kind::event:
      return SIGTRAP | stop.event << 8;
    case GuestStop::Kind::group:
      return ptracee.seized ? stop.signal | kEventStop : stop.signal;
    case GuestStop::Kind::interrupt:
      return SIGTRAP | kEventStop;
  }
  return 0;
}

bool wants_event(std::uint64_t options, int event) {
  // PTRACE_O_* of an event is bit number of the event, by design (linux/ptrace.h).
  return event > 0 && event < PTRACE_EVENT_STOP && (options >> event & 1) != 0;
}

}  // namespace nestp
