// ptrace(2) between guests: who traces whom, and what happens at each stop.
//
// A traced thread's stops are the kernel's own, which nestp sees first; those
// that the tracing guest asked for are held and reported, all others are nestp's
// business and never shown.  The report wakes the tracing guest's wait call,
// which special/wait.cc answers.  Tracer thread only.
#pragma once

#include <functional>
#include <optional>
#include <sys/types.h>

#include "arch/result.h"
#include "engine/ptrace/emulate/ptracee.h"
#include "engine/ptrace/stop.h"

namespace nestp {

class ThreadTable;
struct Thread;
struct Process;
class Registers;

class GuestTracing {
 public:
  explicit GuestTracing(ThreadTable& threads) : threads_(threads) {}

  /// Thread id of the guest that traces `thread`, for /proc/PID/status.
  std::optional<pid_t> tracer_of(pid_t thread) const;

  // ---- for the loop: going on ---------------------------------------------------

  /// Resumes a stopped thread as far as its tracing guest wished, else to the next event.
  void resume(Thread& thread, int signal = 0);
  /// Up to the end of the call it stands at.
  void resume_to_exit(Thread& thread);
  /// The end of a call must be shown, even if the tracer answered it.
  bool shows_call_ends(const Thread& thread) const;
  /// The exit stop of a translated call is dealt with: shows it or resumes.
  void call_ended(Thread& thread);

  // ---- for the loop: stops.  True: held for the tracing guest, or resumed here -----

  /// Goes on with a call whose seccomp stop was shown; set by the loop.
  std::function<void(Thread&)> enter_call;
  /// A guest begins to trace the thread.
  std::function<void(Thread&)> linked;
  /// What the kernel tells of the thread is about to change.
  std::function<void(Thread&)> options_change;

  /// Before all others, at any stop.
  void stopped(Thread& thread);
  /// At a stop on entry or exit of a call that nestp did nothing to.
  void call_stop(Thread& thread);
  /// At a seccomp stop: a filter of the guest's own may want it.  `of_nestp`: nestp wants such
  /// calls.
  bool takes_filter_stop(Thread& thread, const Registers& registers, bool of_nestp);
  bool signal_stop(Thread& thread, const Stop& stop);
  bool group_stop(Thread& thread, const Stop& stop);
  bool trap_stop(Thread& thread);
  bool event_stop(Thread& thread, int event, unsigned long message);
  /// A new thread whose parent's event was seen.
  void birth(const Thread& parent, Thread& child, int event);
  bool first_stop(Thread& thread);
  /// At the exec stop, before the loader runs.
  void exec(Thread& thread, pid_t former);
  void ended(Thread& thread, int status);

  // ---- for special/ptrace.cc ------------------------------------------------------

  SysResult<> trace_me(Thread& thread);
  SysResult<> attach(Thread& tracer, pid_t id, bool seize, std::uint64_t options);
  void detach(Thread& thread, int signal);
  void go_on(Thread& thread, Motion motion, int signal);
  /// The stop is over.  True: no wait call has seen it.
  bool forget_report(const Thread& thread);
  SysResult<> interrupt(Thread& thread);
  SysResult<> listen(Thread& thread);
  void set_options(Thread& thread, std::uint64_t options);

  // ---- for special/wait.cc --------------------------------------------------------

  /// Null if the thread's process never traced a guest.
  GuestTracer* tracer_side(const Thread& thread) const;
  /// Wait status of a report; 0 if the stop is over.
  int status_of(const PtraceeReport& report) const;
  void begin_wait(Thread& thread);
  void end_wait(Thread& thread);

 private:
  void link(Thread& thread, const Thread& tracer, bool seize, std::uint64_t options);
  void unlink(Thread& thread);
  void report(Thread& thread, const GuestStop& stop);
  void tell(Thread& tracer, const siginfo_t& info);
  bool show_start(Thread& thread);
  bool begin_guest(Thread& thread);
  void leave_slot(Thread& thread);
  void release_ptracees_of(Thread& tracer);
  void rename_tracer(Thread& tracer, pid_t former);
  void apply_options(Thread& thread);
  void make_child_signal(Thread& thread);

  // wait_filter.cc
  void see_waits(Process& process);
  void begin_filter(Thread& thread);
  void abandon_filter(Thread& thread);

 public:
  /// At a call stop while a filter is being installed.
  void filter_stop(Thread& thread);

 private:
  ThreadTable& threads_;
};

}  // namespace nestp
