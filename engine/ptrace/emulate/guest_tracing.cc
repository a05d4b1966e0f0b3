// Who traces whom, and the reports to the tracing guest.  The stops: stops.cc.
#include "engine/ptrace/emulate/guest_tracing.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/emulate/process_status.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/thread.h"
#include "fs/fd.h"

namespace nestp {
namespace {

// The kernel acts on these options only if it is told; the others' events nestp gets anyway.
constexpr std::uint64_t kKernelOptions = PTRACE_O_TRACEEXIT | PTRACE_O_TRACEVFORKDONE;

void send_signal(const Thread& thread, int signal) {
  (void)syscall(SYS_tgkill, thread.process->id, thread.id, signal);
}

uid_t user_of(pid_t thread) {
  const auto status = stat_of("/proc/" + std::to_string(thread));
  return status ? status->st_uid : 0;
}

siginfo_t child_info(int code, pid_t thread, int status) {
  siginfo_t info{};
  info.si_signo = SIGCHLD;
  info.si_code = code;
  info.si_pid = thread;
  info.si_uid = user_of(thread);
  info.si_status = status;
  return info;
}

}  // namespace

std::optional<pid_t> GuestTracing::tracer_of(pid_t thread) const {
  const Thread* found = threads_.find(thread);
  if (found == nullptr || found->ptracee == nullptr) return std::nullopt;
  return found->ptracee->tracer;
}

GuestTracer* GuestTracing::tracer_side(const Thread& thread) const {
  return thread.process->tracing.get();
}

void GuestTracing::link(Thread& thread, const Thread& tracer, bool seize, std::uint64_t options) {
  thread.ptracee = std::make_unique<Ptracee>();
  thread.ptracee->tracer = tracer.id;
  thread.ptracee->seized = seize;
  thread.ptracee->options = options;
  thread.ptracee->options_due = (options & kKernelOptions) != 0;
  if (thread.id == thread.process->id) {
    const auto status = process_status(thread.id);
    thread.ptracee->is_child = status && status->parent == tracer.process->id;
  }
  if (tracer.process->tracing == nullptr) tracer.process->tracing = std::make_shared<GuestTracer>();
  tracer.process->tracing->ptracees.insert(thread.id);
  if (linked) linked(thread);
}

void GuestTracing::unlink(Thread& thread) {
  const Thread* tracer = threads_.find(thread.ptracee->tracer);
  forget_report(thread);
  thread.ptracee.reset();
  if (tracer != nullptr) tracer->process->tracing->ptracees.erase(thread.id);
}

bool GuestTracing::forget_report(const Thread& thread) {
  const Thread* tracer = threads_.find(thread.ptracee->tracer);
  if (tracer == nullptr) return false;
  return std::erase_if(tracer->process->tracing->reports, [&](const PtraceeReport& report) {
           return report.thread == thread.id && !report.ended;
         }) != 0;
}

SysResult<> GuestTracing::trace_me(Thread& thread) {
  if (thread.ptracee != nullptr) return Errno(EPERM);
  // The kernel takes the thread that made the process; once it has ended, another of its process.
  Thread* parent = threads_.find(thread.process->maker);
  if (parent == nullptr || parent->process == thread.process) {
    const auto status = process_status(thread.process->id);
    parent = status ? threads_.find(status->parent) : nullptr;
  }
  if (parent == nullptr) return Errno(EPERM);
  link(thread, *parent, false, 0);
  see_waits(*parent->process);
  return Done{};
}

SysResult<> GuestTracing::attach(Thread& tracer, pid_t id, bool seize, std::uint64_t options) {
  Thread* thread = threads_.find(id);
  if (thread == nullptr) {
    return Errno(kill(id, 0) != 0 && errno == ESRCH ? ESRCH : EPERM);
  }
  if (thread->process == tracer.process || thread->ptracee != nullptr) return Errno(EPERM);
  const auto own = process_status(tracer.id);
  const auto target = process_status(id);
  if (!own || !target) return Errno(ESRCH);
  if (!may_trace(*own, *target)) return Errno(EPERM);
  link(*thread, tracer, seize, options);
  LOG(debug) << tracer.id << (seize ? " seizes " : " attaches to ") << id;
  see_waits(*tracer.process);
  if (seize) return Done{};
  if (thread->group_stopped) {
    // It shows the stop it is in; the kernel lets it trap again.
    (void)ptrace_call::interrupt(id);
  } else {
    send_signal(*thread, SIGSTOP);
  }
  return Done{};
}

void GuestTracing::set_options(Thread& thread, std::uint64_t options) {
  thread.ptracee->options = options;
  thread.ptracee->options_due = true;
  apply_options(thread);
}

void GuestTracing::apply_options(Thread& thread) {
  thread.ptracee->options_due = false;
  LOG(trace) << thread.id << " has options " << thread.ptracee->options;
  if (options_change) options_change(thread);
  (void)ptrace_call::set_more_options(thread.id, thread.ptracee->options & kKernelOptions);
}

void GuestTracing::detach(Thread& thread, int signal) {
  const GuestStop stop = *thread.ptracee->stop;
  unlink(thread);
  (void)ptrace_call::report_threads(thread.id, !thread.makes_unreported);
  if (stop.kind == GuestStop::Kind::group && signal == 0) {
    thread.group_stopped = true;
    (void)ptrace_call::listen(thread.id);
    return;
  }
  const bool passes = stop.genuine && stop.kind <= GuestStop::Kind::call_exit;
  if (signal != 0 && !passes) send_signal(thread, signal);
  resume(thread, passes ? signal : 0);
}

void GuestTracing::release_ptracees_of(Thread& tracer) {
  const auto ids = tracer.process->tracing->ptracees;
  for (const pid_t id : ids) {
    Thread* thread = threads_.find(id);
    if (thread == nullptr || thread->ptracee == nullptr || thread->ptracee->tracer != tracer.id) {
      continue;
    }
    const Ptracee& ptracee = *thread->ptracee;
    if (ptracee.options & PTRACE_O_EXITKILL) kill(id, SIGKILL);
    if (ptracee.stop) {
      // The kernel lets a signal go on to the thread unless a wait call has told of it
      // (kernel/exit.c, wait_task_stopped, clears exit_code).
      const bool is_signal = ptracee.stop->kind == GuestStop::Kind::signal && ptracee.stop->genuine;
      const bool is_untold = forget_report(*thread);
      detach(*thread, is_signal && is_untold ? ptracee.stop->signal : 0);
    } else {
      unlink(*thread);
    }
  }
  std::erase(tracer.process->tracing->waiting, tracer.id);
}

void GuestTracing::rename_tracer(Thread& tracer, pid_t former) {
  if (tracer.process->tracing == nullptr) return;
  for (const pid_t id : tracer.process->tracing->ptracees) {
    Thread* thread = threads_.find(id);
    if (thread != nullptr && thread->ptracee != nullptr && thread->ptracee->tracer == former) {
      thread->ptracee->tracer = tracer.id;
    }
  }
}

void GuestTracing::ended(Thread& thread, int status) {
  if (thread.process->tracing != nullptr) release_ptracees_of(thread);
  if (thread.ptracee == nullptr) return;
  const Ptracee ptracee = *thread.ptracee;
  unlink(thread);
  Thread* tracer = threads_.find(ptracee.tracer);
  if (tracer == nullptr || ptracee.is_child) return;
  const bool exited = WIFEXITED(status);
  const int code = exited ? CLD_EXITED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
  const siginfo_t info =
      child_info(code, thread.id, exited ? WEXITSTATUS(status) : WTERMSIG(status));
  tracer->process->tracing->reports.push_back({.thread = thread.id,
                                               .tracer = ptracee.tracer,
                                               .group = thread.process->id,
                                               .ended = true,
                                               .status = status,
                                               .user = info.si_uid});
  tell(*tracer, info);
}

void GuestTracing::report(Thread& thread, const GuestStop& stop) {
  Ptracee& ptracee = *thread.ptracee;
  ptracee.stop = stop;
  ptracee.interrupt_wanted = false;  // any stop answers it (kernel/signal.c, ptrace_stop)
  ptracee.listening = false;
  LOG(trace) << thread.id << " shows stop " << stop_code(*ptracee.stop, ptracee) << " to "
             << ptracee.tracer;
  Thread* tracer = threads_.find(ptracee.tracer);
  if (tracer == nullptr) return;
  const siginfo_t info =
      child_info(CLD_TRAPPED, thread.id, stop_code(*ptracee.stop, ptracee) & 0x7f);
  tracer->process->tracing->reports.push_back({.thread = thread.id,
                                               .tracer = ptracee.tracer,
                                               .group = 0,
                                               .ended = false,
                                               .status = 0,
                                               .user = info.si_uid});
  tell(*tracer, info);
}

void GuestTracing::tell(Thread& tracer, const siginfo_t& info) {
  GuestTracer& side = *tracer.process->tracing;
  for (const pid_t id : side.waiting)
    (void)ptrace_call::interrupt(id);
  side.told = info;
  // The kernel takes no siginfo of its own kind from others: the thread gets it
  // at the signal's stop (make_child_signal).
  siginfo_t sent{};
  sent.si_signo = SIGCHLD;
  sent.si_code = SI_QUEUE;
  sent.si_pid = getpid();
  (void)syscall(SYS_rt_sigqueueinfo, tracer.process->id, SIGCHLD, &sent);
}

void GuestTracing::make_child_signal(Thread& thread) {
  const auto info = ptrace_call::signal_info(thread.id);
  if (!info || info->si_code != SI_QUEUE || info->si_pid != getpid()) return;
  (void)ptrace_call::set_signal_info(thread.id, thread.process->tracing->told);
}

int GuestTracing::status_of(const PtraceeReport& report) const {
  if (report.ended) return report.status;
  const Thread* thread = threads_.find(report.thread);
  if (thread == nullptr || thread->ptracee == nullptr || !thread->ptracee->stop) return 0;
  return stop_code(*thread->ptracee->stop, *thread->ptracee) << 8 | 0x7f;
}

void GuestTracing::begin_wait(Thread& thread) {
  thread.process->tracing->waiting.push_back(thread.id);
}

void GuestTracing::end_wait(Thread& thread) {
  if (thread.process->tracing != nullptr) std::erase(thread.process->tracing->waiting, thread.id);
}

}  // namespace nestp
