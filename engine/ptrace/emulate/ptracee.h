// Both sides of a guest that traces a guest: the thread that is traced with the
// stop it shows, and the process that traces with the reports it has to fetch.
//
// nestp is the kernel's tracer of every guest thread, so what ptrace(2) keeps for
// the guest's own debugger is kept here.  Data only: guest_tracing.h acts.
#pragma once

#include <csignal>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <vector>

namespace nestp {

/// How far the traced thread was told to go: PTRACE_CONT, _SYSCALL, _SINGLESTEP.
enum class Motion : std::uint8_t { on, to_call, one_step };

/// One stop as the tracing guest sees it.
struct GuestStop {
  enum class Kind : std::uint8_t {
    signal,      ///< signal-delivery-stop
    call_entry,  ///< syscall-entry-stop
    call_exit,   ///< syscall-exit-stop
    event,       ///< PTRACE_EVENT_*, but PTRACE_EVENT_STOP
    group,       ///< group-stop by `signal`
    interrupt,   ///< PTRACE_EVENT_STOP with SIGTRAP: of a seized thread only
  };
  Kind kind = Kind::signal;
  int signal = SIGTRAP;
  int event = 0;
  unsigned long message = 0;        ///< for PTRACE_GETEVENTMSG
  bool genuine = true;              ///< the kernel holds the thread in this very kind of stop
  std::optional<siginfo_t> info{};  ///< for PTRACE_GETSIGINFO, unless the kernel's own is right
};

/// Stops that follow an exec, in this order, some of them only if they were asked for.
enum class StartStop : std::uint8_t { none, event, call_exit, trap };

/// A thread that a guest traces.
struct Ptracee {
  pid_t tracer = 0;           ///< thread id
  std::uint64_t options = 0;  ///< PTRACE_O_*
  bool options_due = false;   ///< the kernel has not been told of those it must act on
  bool seized = false;
  bool is_child = false;    ///< leader of a child process of the tracer: the kernel reports its end
  bool from_birth = false;  ///< its first stop is to be shown
  Motion motion = Motion::on;
  std::optional<GuestStop> stop;  ///< none: it runs, or listens
  bool listening = false;         ///< PTRACE_LISTEN
  bool interrupt_wanted = false;  ///< PTRACE_INTERRUPT has not been answered by a stop
  bool in_call = false;           ///< the entry was shown, the exit was not
  bool filter_shown = false;      ///< PTRACE_EVENT_SECCOMP of the call at hand
  int passing = 0;                ///< signal the tracer itself sent on: not shown again
  StartStop start = StartStop::none;
  pid_t start_message = 0;  ///< of PTRACE_EVENT_EXEC: the thread's former id
};

/// What wait4(2) of the tracing process has still to return.
struct PtraceeReport {
  pid_t thread = 0;
  pid_t tracer = 0;    ///< thread id
  pid_t group = 0;     ///< process group, of an ended thread
  bool ended = false;  ///< `status` is the end; else the thread's stop is to be read
  int status = 0;      ///< as wait4(2) gives it
  uid_t user = 0;
};

/// A process that traces guests, or did.
struct GuestTracer {
  bool waits_seen = false;  ///< its wait calls stop for nestp
  std::set<pid_t> ptracees;
  std::deque<PtraceeReport> reports;  ///< in the order of their events
  std::vector<pid_t> waiting;         ///< its threads that are blocked in a wait call
  siginfo_t told{};                   ///< of the SIGCHLD under way
};

/// exit_code of the kernel's task at such a stop: the wait status is this << 8 | 0x7f.
int stop_code(const GuestStop& stop, const Ptracee& ptracee);

/// PTRACE_O_* that a guest may set.
inline constexpr std::uint64_t kKnownOptions =
    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
    PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP |
    PTRACE_O_EXITKILL;

/// True if `options` ask for PTRACE_EVENT_* number `event`.
bool wants_event(std::uint64_t options, int event);

}  // namespace nestp
