// Stops of traced threads: which are shown, and how the threads go on.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "engine/gate/layout.h"
#include "engine/log.h"
#include "engine/ptrace/emulate/guest_tracing.h"
#include "engine/ptrace/gate_entry.h"
#include "engine/ptrace/memory.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/seccomp.h"
#include "engine/ptrace/thread.h"

namespace nestp {
namespace {

using Kind = GuestStop::Kind;

// PTRACE_EVENTMSG_SYSCALL_* of linux/ptrace.h, which cannot be included beside sys/ptrace.h.
constexpr unsigned long kMessageEntry = 1, kMessageExit = 2;

/// As the kernel tells of a step that ended behind a call (asm/ptrace.h, user_single_step_report).
GuestStop step_trap(std::uint64_t instruction) {
  siginfo_t info{};
  info.si_signo = SIGTRAP;
  info.si_code = TRAP_BRKPT;
  std::memcpy(&info.si_addr, &instruction, sizeof instruction);
  return {.kind = Kind::signal, .genuine = false, .info = info};
}

void set_start_result(pid_t thread, std::int64_t result) {
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread, registers)) return;
  // Unless the tracing guest has set something else in the meantime.
  if (registers.result() != -ENOSYS) return;
  registers.set_result(result);
  (void)ptrace_call::set_registers(thread, registers);
}

siginfo_t own_info(const Thread& thread, int code) {
  siginfo_t info{};
  info.si_signo = SIGTRAP;
  info.si_code = code;
  info.si_pid = thread.process->id;
  info.si_uid = getuid();
  return info;
}

}  // namespace

void GuestTracing::resume(Thread& thread, int signal) {
  const Ptracee* ptracee = thread.ptracee.get();
  const bool interrupted = ptracee != nullptr && ptracee->interrupt_wanted;
  if (thread.wants_wait_filter || interrupted) (void)ptrace_call::interrupt(thread.id);
  // A thread that was killed cannot be resumed: waitpid will tell.
  const bool to_call = ptracee != nullptr && ptracee->motion == Motion::to_call;
  if (to_call || thread.step == Thread::Step::to_exit) {
    (void)ptrace_call::resume_to_exit(thread.id, signal);
  } else if (ptracee == nullptr || ptracee->motion == Motion::on) {
    (void)ptrace_call::resume(thread.id, signal);
  } else {
    (void)ptrace_call::single_step(thread.id, signal);
  }
}

void GuestTracing::resume_to_exit(Thread& thread) { (void)ptrace_call::resume_to_exit(thread.id); }

bool GuestTracing::shows_call_ends(const Thread& thread) const {
  return thread.ptracee != nullptr && thread.ptracee->motion == Motion::to_call;
}

void GuestTracing::call_ended(Thread& thread) {
  if (thread.ptracee == nullptr || thread.ptracee->motion == Motion::on) return resume(thread);
  thread.ptracee->in_call = false;
  if (thread.ptracee->motion == Motion::to_call) return report(thread, {.kind = Kind::call_exit});
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers)) return;
  report(thread, step_trap(registers.instruction()));
}

void GuestTracing::stopped(Thread& thread) {
  thread.group_stopped = false;
  if (thread.ptracee != nullptr && thread.ptracee->options_due) apply_options(thread);
}

void GuestTracing::leave_slot(Thread& thread) {
  if (thread.step != Thread::Step::in_gate) return;
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers)) return;
  if (in_gate(registers)) {
    (void)ptrace_call::set_registers(thread.id, leave_gate(registers, thread.call_registers));
  }
  thread.step = Thread::Step::running;
}

void GuestTracing::call_stop(Thread& thread) {
  Ptracee* ptracee = thread.ptracee.get();
  if (ptracee == nullptr || ptracee->motion != Motion::to_call || thread.stops_at_start) {
    return resume(thread);
  }
  const auto message = ptrace_call::event_message(thread.id);
  // Before Linux 5.3 there is no message: entries and exits take turns.
  bool entry = !ptracee->in_call;
  if (message && *message == kMessageEntry) entry = true;
  if (message && *message == kMessageExit) entry = false;
  ptracee->in_call = entry;
  report(thread,
         {.kind = entry ? Kind::call_entry : Kind::call_exit, .message = message ? *message : 0});
}

bool GuestTracing::begin_guest(Thread& thread) {
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers)) return false;
  if (registers.instruction() != gate::kStartTrapped) return false;
  thread.stops_at_start = false;
  ThreadMemory memory(thread.id);
  const auto start =
      memory.read_object<std::uint64_t>(GuestAddress{gate::kPlan + offsetof(gate::Plan, jump)});
  if (!start) return false;
  registers.set_instruction(*start);
  // At the end of a plain exec the thread still shows which call it made.
  registers.set_number(number_of(registers.abi(), Sys::execve));
  registers.set_result(-ENOSYS);  // until the call returns
  (void)ptrace_call::set_registers(thread.id, registers);
  if (thread.ptracee == nullptr) set_start_result(thread.id, 0);
  if (thread.ptracee == nullptr || !show_start(thread)) resume(thread);
  return true;
}

bool GuestTracing::show_start(Thread& thread) {
  Ptracee& ptracee = *thread.ptracee;
  const bool has_event = (ptracee.options & PTRACE_O_TRACEEXEC) != 0;
  if (ptracee.start == StartStop::event) {
    ptracee.start = StartStop::call_exit;
    if (has_event) {
      report(thread, {.kind = Kind::event,
                      .event = PTRACE_EVENT_EXEC,
                      .message = static_cast<unsigned long>(ptracee.start_message),
                      .genuine = false,
                      .info = own_info(thread, SIGTRAP | PTRACE_EVENT_EXEC << 8)});
      return true;
    }
  }
  if (ptracee.start == StartStop::call_exit) set_start_result(thread.id, 0);
  if (ptracee.start == StartStop::call_exit) {
    ptracee.start = StartStop::trap;
    if (ptracee.motion == Motion::to_call) {
      report(thread, {.kind = Kind::call_exit,
                      .genuine = false,
                      .info = own_info(thread, stop_code({.kind = Kind::call_exit}, ptracee))});
      return true;
    }
    if (ptracee.motion == Motion::one_step) {
      Registers registers(kAbiX64);
      if (!ptrace_call::get_registers(thread.id, registers)) return true;
      report(thread, step_trap(registers.instruction()));
      return true;
    }
  }
  if (ptracee.start == StartStop::trap) {
    ptracee.start = StartStop::none;
    if (!has_event && !ptracee.seized) {
      // It is the kernel's SIGTRAP of the start, so it can be passed on.
      report(thread, {.kind = Kind::signal, .info = own_info(thread, SI_USER)});
      return true;
    }
  }
  return false;
}

bool GuestTracing::takes_filter_stop(Thread& thread, const Registers& registers, bool of_nestp) {
  const std::uint64_t behind = registers.instruction();
  if (behind == gate::kCallReturn || behind == gate::kLoaderCallReturn) {
    // nestp's filter lets these pass, so it is the guest's: it has seen the guest's own call.
    (void)ptrace_call::resume(thread.id);
    return true;
  }
  Ptracee* ptracee = thread.ptracee.get();
  const bool wanted = ptracee != nullptr && wants_event(ptracee->options, PTRACE_EVENT_SECCOMP);
  if (!wanted && of_nestp) return false;
  if (wanted && std::exchange(ptracee->filter_shown, false)) return false;
  const auto message = ptrace_call::event_message(thread.id);
  if (!message || *message == kOwnTrace) return false;
  if (wanted) {
    ptracee->filter_shown = true;
    report(thread, {.kind = Kind::event, .event = PTRACE_EVENT_SECCOMP, .message = *message});
    return true;
  }
  // The kernel's answer where nobody traces (kernel/seccomp.c, SECCOMP_RET_TRACE).
  Registers answered = registers;
  answered.set_number(-1);
  answered.set_result(-ENOSYS);
  (void)ptrace_call::set_registers(thread.id, answered);
  resume(thread);
  return true;
}

bool GuestTracing::signal_stop(Thread& thread, const Stop& stop) {
  if (stop.signal == SIGCHLD && thread.process->tracing != nullptr) make_child_signal(thread);
  abandon_filter(thread);
  if (thread.stops_at_start && stop.signal == SIGTRAP && begin_guest(thread)) return true;
  if (thread.ptracee == nullptr) return false;
  leave_slot(thread);
  if (thread.ptracee->passing == stop.signal) {
    thread.ptracee->passing = 0;
    return false;
  }
  report(thread, {.kind = Kind::signal, .signal = stop.signal});
  return true;
}

bool GuestTracing::group_stop(Thread& thread, const Stop& stop) {
  abandon_filter(thread);
  if (thread.ptracee == nullptr) {
    thread.group_stopped = true;
    return false;
  }
  leave_slot(thread);
  report(thread, {.kind = Kind::group, .signal = stop.signal});
  return true;
}

bool GuestTracing::trap_stop(Thread& thread) {
  abandon_filter(thread);
  if (thread.wants_wait_filter) {
    leave_slot(thread);
    begin_filter(thread);
    return true;
  }
  Ptracee* ptracee = thread.ptracee.get();
  if (ptracee == nullptr) return false;
  if (thread.stops_at_start) {
    // The loader is none of its business: the interrupt is repeated at the start.
    (void)ptrace_call::resume(thread.id);
    return true;
  }
  leave_slot(thread);
  if (!ptracee->seized) return false;
  // Who also traces others may have been interrupted for a report (tell).
  const bool may_be_ours = thread.process->tracing != nullptr;
  if (may_be_ours && !ptracee->interrupt_wanted && !ptracee->listening) return false;
  report(thread, {.kind = Kind::interrupt});
  return true;
}

bool GuestTracing::event_stop(Thread& thread, int event, unsigned long message) {
  if (thread.ptracee == nullptr || !wants_event(thread.ptracee->options, event)) return false;
  const bool is_birth = event <= PTRACE_EVENT_CLONE;  // FORK, VFORK and CLONE
  if (is_birth && thread.hides_birth) return false;
  report(thread, {.kind = Kind::event, .event = event, .message = message});
  return true;
}

void GuestTracing::birth(const Thread& parent, Thread& child, int event) {
  if (parent.ptracee == nullptr || parent.hides_birth) return;
  if (!wants_event(parent.ptracee->options, event)) return;
  const Thread* tracer = threads_.find(parent.ptracee->tracer);
  if (tracer == nullptr) return;
  link(child, *tracer, parent.ptracee->seized, parent.ptracee->options);
  child.ptracee->from_birth = true;
  child.ptracee->options_due = false;  // the kernel gave it its parent's
}

bool GuestTracing::first_stop(Thread& thread) {
  if (thread.ptracee == nullptr) return false;
  // Else it was attached to in the meantime, and its stop is still to come.
  if (!std::exchange(thread.ptracee->from_birth, false)) return false;
  if (thread.ptracee->seized) {
    report(thread, {.kind = Kind::interrupt});
    return true;
  }
  siginfo_t info{};
  info.si_signo = SIGSTOP;
  report(thread, {.kind = Kind::signal, .signal = SIGSTOP, .genuine = false, .info = info});
  return true;
}

void GuestTracing::exec(Thread& thread, pid_t former) {
  if (former != thread.id) rename_tracer(thread, former);
  thread.wants_wait_filter = false;
  thread.stops_at_start = thread.ptracee != nullptr;
  if (thread.ptracee == nullptr) return;
  thread.ptracee->start = StartStop::event;
  thread.ptracee->start_message = former;
  thread.ptracee->in_call = false;
}

void GuestTracing::go_on(Thread& thread, Motion motion, int signal) {
  Ptracee& ptracee = *thread.ptracee;
  const GuestStop stop = *ptracee.stop;
  ptracee.stop.reset();
  ptracee.motion = motion;
  if (motion != Motion::to_call) ptracee.in_call = false;
  if (ptracee.start != StartStop::none && show_start(thread)) return;
  if (stop.kind == Kind::event && stop.event == PTRACE_EVENT_SECCOMP) return enter_call(thread);
  int passed = 0;
  if (stop.kind <= Kind::call_exit && stop.genuine) {
    passed = signal;
  } else if (stop.kind == Kind::signal && signal != 0) {
    ptracee.passing = signal;
    (void)syscall(SYS_tgkill, thread.process->id, thread.id, signal);
  }
  resume(thread, passed);
}

SysResult<> GuestTracing::interrupt(Thread& thread) {
  if (!thread.ptracee->seized) return Errno(EIO);
  thread.ptracee->interrupt_wanted = true;
  if (!thread.ptracee->stop) (void)ptrace_call::interrupt(thread.id);
  return Done{};
}

SysResult<> GuestTracing::listen(Thread& thread) {
  Ptracee& ptracee = *thread.ptracee;
  const Kind kind = ptracee.stop->kind;
  if (!ptracee.seized || (kind != Kind::group && kind != Kind::interrupt)) return Errno(EIO);
  ptracee.stop.reset();
  ptracee.listening = true;
  if (!ptrace_call::listen(thread.id)) return Errno(ESRCH);
  return Done{};
}

}  // namespace nestp
