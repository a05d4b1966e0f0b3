#include "engine/ptrace/loop.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "engine/check.h"
#include "engine/log.h"
#include "engine/ptrace/birth.h"
#include "engine/ptrace/call_frame.h"
#include "engine/ptrace/dispatch.h"
#include "engine/ptrace/exec/start.h"
#include "engine/ptrace/fast/unwind.h"
#include "engine/ptrace/gate_entry.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/report.h"
#include "engine/ptrace/special/namespaces.h"

namespace nestp {
namespace {

/// Stops that are served in the kernel's order before each thread has its turn.
constexpr std::size_t kTurn = 64;

}  // namespace

bool read_call_registers(pid_t thread, Registers& registers) {
  if (!ptrace_call::get_registers(thread, registers)) return false;
  if (registers.is_own_call()) return true;
  if (const auto architecture = ptrace_call::call_architecture(thread)) {
    const Abi* abi = abi_of_call(*architecture, registers.bytes().size());
    if (abi != nullptr) registers.reinterpret_as(*abi);
  }
  return true;
}

Loop::Loop(Tracer& tracer, pid_t first, ExecPlan plan) : tracer_(tracer), first_(first) {
  Thread& thread = tracer_.threads.add(first);
  thread.process = std::make_shared<Process>();
  thread.process->id = first;
  thread.process->thread_count = 1;
  thread.process->mounts = std::make_shared<MountNamespace>();
  thread.process->mounts->view = tracer_.guest.view;
  thread.space = std::make_shared<AddressSpace>();
  thread.files = std::make_shared<FileSystem>();
  thread.exec = std::make_unique<ExecPlan>(std::move(plan));
  thread.started = thread.announced = true;
  thread.extensions = tracer_.extensions;
  tracer_.tracing.enter_call = [this](Thread& stopped) { entry(stopped); };
  tracer_.tracing.linked = [this](Thread& traced) {
    if (tracer_.fast) tracer_.fast->suspend(traced);
  };
  tracer_.tracing.options_change = [this](Thread& traced) {
    await_births(traced);
    traced.makes_unreported = false;
  };
  tracer_.stats.threads = tracer_.stats.most_threads = 1;
  for (const auto& extension : tracer_.extensions)
    extension->on_thread_start(first, 0);
}

ExitStatus Loop::run() {
  std::size_t served = 0;
  while (!tracer_.threads.empty()) {
    if (++served > std::max(kTurn, 2 * tracer_.threads.size())) {
      served = 0;
      serve_all();
    }
    int status = 0;
    const pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0) {
      if (errno == EINTR) continue;
      break;
    }
    handle(read_status(thread, status));
    if (first_ended_ && tracer_.guest.on_exit == OnExit::kill) {
      for (const pid_t left : tracer_.threads.ids())
        kill(left, SIGKILL);
    }
  }
  return status_;
}

/// One stop of each thread that stands at one.  The kernel looks for stops in the order of one list
/// (kernel/exit.c, ptrace_do_wait): threads that stop again before the tracer is back would keep
/// those behind them waiting.
void Loop::serve_all() {
  if (tracer_.threads.size() < 2) return;
  for (const pid_t thread : tracer_.threads.ids()) {
    int status = 0;
    if (waitpid(thread, &status, __WALL | WNOHANG) == thread) handle(read_status(thread, status));
  }
}

void Loop::handle(const Stop& stop) {
  if (stop.kind == StopKind::exec) return exec(stop);
  if (stop.kind == StopKind::ended) return ended(stop);
  Thread* thread = tracer_.threads.find_any(stop.thread);
  if (thread != nullptr && !thread->announced) return;
  if (thread == nullptr) thread = adopt(stop.thread);
  if (thread == nullptr) {
    // A new thread that stopped before its parent's event came in.
    thread = &tracer_.threads.add(stop.thread);
    thread->started = true;
    return;
  }
  if (stop.kind != StopKind::entry && stop.kind != StopKind::exit) ++tracer_.stats.other_stops;
  if (!thread->started) give_registers(*thread);
  tracer_.settle(*thread);
  tracer_.tracing.stopped(*thread);
  tracer_.placement.stopped(stop.thread);
  switch (stop.kind) {
    case StopKind::entry:
      return entry(*thread);
    case StopKind::exit:
      return exit(*thread);
    case StopKind::signal:
      return signal(*thread, stop);
    case StopKind::group:
      return group(*thread, stop);
    case StopKind::trap:
      return trap(*thread);
    case StopKind::birth:
      return birth(*thread, stop);
    case StopKind::guest_event:
      return guest_event(*thread, stop);
    case StopKind::exec:
    case StopKind::ended:
    case StopKind::unforeseen:
      break;
  }
  stop_process(tracer_, *thread, "a stop with status " + std::to_string(stop.status));
  resume(*thread);
}

void Loop::entry(Thread& thread) {
  if (!thread.space->has_gate) return resume(thread);  // nestp's own child on its way to the loader
  thread.exec.reset();
  Registers registers(kAbiX64);
  if (!read_call_registers(thread.id, registers)) return;
  CallFrame frame(tracer_, thread, registers);
  if (tracer_.tracing.takes_filter_stop(thread, registers, frame.row() != nullptr)) return;
  CallStats& stats = tracer_.stats.of(frame.sys());
  const CallTimer timer(stats);
  ++stats.calls;
  ++stats.stops;
  prepare_birth(frame);
  decide_entry(frame);
  if (frame.is_answered()) ++stats.answered;
  frame.finish();
}

void Loop::exit(Thread& thread) {
  using Step = Thread::Step;
  if (thread.step == Step::filter_entry || thread.step == Step::filter_exit) {
    return tracer_.tracing.filter_stop(thread);
  }
  const bool answered = thread.step == Step::answered;
  if (thread.step != Step::to_exit && !answered) return tracer_.tracing.call_stop(thread);
  Registers registers(thread.call_registers.abi());
  if (!ptrace_call::get_registers(thread.id, registers)) return;
  registers.reinterpret_as(thread.call_registers.abi());
  CallFrame frame = CallFrame::at_end(tracer_, thread, registers);
  CallStats& stats = tracer_.stats.of(frame.sys());
  const CallTimer timer(stats);
  ++stats.stops;
  ++stats.exits;
  if (!answered) decide_exit(frame);
  frame.finish_exit();
}

/// A thread in the handler goes back to its own instruction first.  True: the signal was the
/// handler's own fault, at an address that the guest gave; the kernel is to judge that.
bool Loop::leave_fast_path(Thread& thread, int signal) {
  if (!tracer_.fast || !leave_handler_of(tracer_, thread)) return false;
  if (signal != SIGSEGV && signal != SIGBUS) return false;
  const auto info = ptrace_call::signal_info(thread.id);
  return info && info->si_code > 0;
}

void Loop::signal(Thread& thread, const Stop& stop) {
  if (leave_fast_path(thread, stop.signal)) return resume(thread);
  if (tracer_.tracing.signal_stop(thread, stop)) return;
  if (thread.step == Thread::Step::in_gate) {
    // The guest must see its own registers, as if its own instruction had been interrupted.
    Registers registers(kAbiX64);
    if (!ptrace_call::get_registers(thread.id, registers)) return;
    if (in_gate(registers)) {
      (void)ptrace_call::set_registers(thread.id, leave_gate(registers, thread.call_registers));
    }
    thread.step = Thread::Step::running;
  }
  ++tracer_.stats.signals;
  if (tracer_.guest.backtrace) report_fatal_signal(tracer_, thread, stop.signal);
  resume(thread, stop.signal);
}

void Loop::group(Thread& thread, const Stop& stop) {
  (void)leave_fast_path(thread, 0);  // who looks at it, or waits for its place, finds no handler
  if (tracer_.tracing.group_stop(thread, stop)) return;
  (void)ptrace_call::listen(thread.id);
  // A shell that started nestp in the foreground must see its job stop.
  const bool by_terminal =
      stop.signal == SIGTSTP || stop.signal == SIGTTIN || stop.signal == SIGTTOU;
  if (by_terminal && thread.id == first_ && getpgid(first_) == getpgrp()) raise(SIGSTOP);
}

void Loop::trap(Thread& thread) {
  if (!thread.started) {
    thread.started = true;
    if (thread.announced) begin(thread);
    return;
  }
  // Who traces it looks at its registers.
  if (thread.ptracee != nullptr) (void)leave_fast_path(thread, 0);
  if (!tracer_.tracing.trap_stop(thread)) resume(thread);
}

void Loop::guest_event(Thread& thread, const Stop& stop) {
  const auto message = ptrace_call::event_message(thread.id);
  if (!tracer_.tracing.event_stop(thread, stop.event, message ? *message : 0)) resume(thread);
}

void Loop::free_places(pid_t thread) {
  SharedPlaces* const places = tracer_.fast ? tracer_.fast->places() : nullptr;
  if (places != nullptr) places->free(thread);
}

void Loop::exec(const Stop& stop) {
  // Only of several threads one can have been another.
  const Thread* const known = tracer_.threads.find(stop.thread);
  // The others are gone, and their ids may be told of later; one lives on under another's id.
  tracer_.threads.for_each([&](const Thread& thread) {
    if (known != nullptr && thread.process == known->process) free_places(thread.id);
  });
  const bool is_alone = known != nullptr && known->process->thread_count == 1;
  const auto former = is_alone ? SysResult<std::uint64_t>(static_cast<std::uint64_t>(stop.thread))
                               : ptrace_call::event_message(stop.thread);
  if (!former) return;
  tracer_.threads.collapse(stop.thread, static_cast<pid_t>(*former));
  Thread* thread = tracer_.threads.find(stop.thread);
  CHECK(thread != nullptr) << "exec of thread " << stop.thread << ", which was never announced";
  if (static_cast<pid_t>(*former) != stop.thread) {
    for (const auto& extension : tracer_.extensions)
      extension->on_thread_renamed(static_cast<pid_t>(*former), stop.thread);
  }
  tracer_.settle(*thread);
  thread->step = Thread::Step::running;
  thread->at_exit = nullptr;
  end_privileges(*thread);
  tracer_.placement.renamed(static_cast<pid_t>(*former), stop.thread);
  tracer_.tracing.exec(*thread, static_cast<pid_t>(*former));
  const auto plan = std::move(thread->exec);
  if (plan == nullptr) {
    stop_process(tracer_, *thread, "it runs a program that nestp did not choose");
    return resume(*thread);
  }
  if (const auto begun = begin_program(tracer_, *thread, *plan); !begun) {
    // Past the point of no return: as the kernel does where a program cannot be mapped.
    LOG(debug) << stop.thread << " cannot begin " << quoted(plan->program.host);
    kill(stop.thread, SIGKILL);
  }
  set_birth_reports(*thread);
  // The tracer's open files of the plan must last until the loader has opened its own.
  thread->exec = std::make_unique<ExecPlan>(std::move(*plan));
  (void)ptrace_call::resume(thread->id);  // even if a guest traces it: it is the loader that runs
}

void Loop::ended(const Stop& stop) {
  Thread* thread = tracer_.threads.find_any(stop.thread);
  if (thread == nullptr) return;
  if (!thread->announced) {
    stillborn_.insert(stop.thread);
    return tracer_.threads.remove(stop.thread);
  }
  tracer_.settle(*thread);
  free_places(stop.thread);
  for (const auto& extension : tracer_.extensions)
    extension->on_thread_end(stop.thread);
  tracer_.tracing.ended(*thread, stop.status);
  tracer_.placement.ended(stop.thread);
  tracer_.threads.remove(stop.thread);
  if (stop.thread != first_ || first_ended_) return;
  first_ended_ = true;
  status_.by_signal = WIFSIGNALED(stop.status);
  status_.code = status_.by_signal ? WTERMSIG(stop.status) : WEXITSTATUS(stop.status);
  if (tracer_.guest.on_first_end) tracer_.guest.on_first_end(stop.status);
}

}  // namespace nestp
