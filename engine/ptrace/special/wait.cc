// wait4(2) and its kin of a guest that traces others: the stops that nestp holds
// for it, and the ends of threads that are not its children, next to what the
// kernel itself has to report.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/ptrace/emulate/process_status.h"
#include "engine/ptrace/emulate/wait_call.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "fs/fd.h"

namespace nestp {
namespace {

// Results of an interrupted call that the kernel makes again or turns into EINTR.
constexpr std::int64_t kRestartSys = -512, kRestartLast = -516;

/// The thread a pidfd stands for; 0 if it is none.
pid_t thread_of_descriptor(pid_t holder, int descriptor) {
  const auto text =
      read_file("/proc/" + std::to_string(holder) + "/fdinfo/" + std::to_string(descriptor));
  if (!text) return 0;
  const std::size_t at = text->find("\nPid:");
  return at == text->npos ? 0
                          : static_cast<pid_t>(std::strtol(text->c_str() + at + 5, nullptr, 10));
}

bool is_wanted(const WaitCall& call, const Thread& caller, pid_t thread, pid_t tracer,
               pid_t group) {
  if (call.own_thread_only() && tracer != caller.id) return false;
  return matches(call, thread, group, getpgid(caller.id));
}

/// Whether some thread that the caller's process traces is among those it waits for.
bool has_ptracee(CallFrame& frame, const WaitCall& call) {
  const GuestTracer* side = frame.tracer().tracing.tracer_side(frame.thread());
  return std::any_of(side->ptracees.begin(), side->ptracees.end(), [&](pid_t id) {
    const Thread* thread = frame.tracer().threads.find(id);
    return thread != nullptr && thread->ptracee != nullptr &&
           is_wanted(call, frame.thread(), id, thread->ptracee->tracer, getpgid(id));
  });
}

/// Times of a thread's process so far, which the kernel keeps to itself until the end.
rusage usage_of(pid_t thread) {
  rusage usage{};
  const auto stat = read_file("/proc/" + std::to_string(thread) + "/stat");
  if (!stat) return usage;
  const auto times = parse_process_times(*stat);
  if (!times) return usage;
  clockid_t clock{};
  timespec total{};
  // Ticks are too coarse for one call: they give the shares of a total in nanoseconds.
  if (clock_getcpuclockid(thread, &clock) == 0) (void)clock_gettime(clock, &total);
  const ProcessTimes split =
      split_time(*times, static_cast<std::uint64_t>(total.tv_sec) * 1'000'000'000 +
                             static_cast<std::uint64_t>(total.tv_nsec));
  const auto value = [](std::uint64_t nanoseconds) {
    return timeval{static_cast<time_t>(nanoseconds / 1'000'000'000),
                   static_cast<suseconds_t>(nanoseconds / 1000 % 1'000'000)};
  };
  usage.ru_utime = value(split.user);
  usage.ru_stime = value(split.system);
  return usage;
}

bool write_usage(CallFrame& frame, const WaitCall& call, pid_t thread) {
  if (call.usage == 0) return true;
  const rusage usage = usage_of(thread);
  if (frame.abi().word_size == 8)
    return frame.memory().write_object(GuestAddress{call.usage}, usage).ok();
  std::int32_t narrow[18] = {};  // all fields are long
  const long wide[4] = {usage.ru_utime.tv_sec, usage.ru_utime.tv_usec, usage.ru_stime.tv_sec,
                        usage.ru_stime.tv_usec};
  for (int i = 0; i < 4; ++i)
    narrow[i] = static_cast<std::int32_t>(wide[i]);
  return frame.memory().write_object(GuestAddress{call.usage}, narrow).ok();
}

bool write_info(CallFrame& frame, const WaitCall& call, const PtraceeReport& report, int status) {
  const WaitInfo info = wait_info(status);
  const std::int32_t head[3] = {SIGCHLD, 0, info.code};
  const std::int32_t child[3] = {report.thread, static_cast<std::int32_t>(report.user),
                                 info.status};
  const std::uint64_t behind = frame.abi().word_size == 8 ? 16 : 12;
  return frame.memory().write_object(GuestAddress{call.result}, head).ok() &&
         frame.memory().write_object(GuestAddress{call.result} + behind, child).ok();
}

std::int64_t write_report(CallFrame& frame, const WaitCall& call, const PtraceeReport& report,
                          int status) {
  bool written = write_usage(frame, call, report.thread);
  if (call.result != 0 && written) {
    written = call.by_info ? write_info(frame, call, report, status)
                           : frame.memory().write_object(GuestAddress{call.result}, status).ok();
  }
  if (!written) return -EFAULT;
  return call.by_info ? 0 : report.thread;
}

/// The result of the call if a report is there for it.
std::optional<std::int64_t> take_report(CallFrame& frame, const WaitCall& call) {
  const GuestTracing& tracing = frame.tracer().tracing;
  auto& reports = tracing.tracer_side(frame.thread())->reports;
  for (auto report = reports.begin(); report != reports.end(); ++report) {
    if (report->ended && !call.wants_ends()) continue;
    const pid_t group = report->ended ? report->group : getpgid(report->thread);
    if (!is_wanted(call, frame.thread(), report->thread, report->tracer, group)) continue;
    const int status = tracing.status_of(*report);
    const std::int64_t result = write_report(frame, call, *report, status);
    if (!call.keeps()) reports.erase(report);
    return result;
  }
  return std::nullopt;
}

/// The kernel reported a job-control stop of a child that the caller traces: to a
/// tracer only its own stops exist.
bool is_stop_of_ptracee(CallFrame& frame, const WaitCall& call, std::int64_t child) {
  if (call.result == 0) return false;
  std::int32_t id = static_cast<std::int32_t>(child);
  std::int32_t status = 0;
  if (call.by_info) {
    const std::uint64_t behind = frame.abi().word_size == 8 ? 16 : 12;
    const auto code = frame.memory().read_object<std::int32_t>(GuestAddress{call.result + 8});
    const auto from = frame.memory().read_object<std::int32_t>(GuestAddress{call.result + behind});
    if (!code || !from || (*code != CLD_STOPPED && *code != CLD_CONTINUED)) return false;
    id = *from;
  } else {
    const auto word = frame.memory().read_object<std::int32_t>(GuestAddress{call.result});
    if (!word) return false;
    status = *word;
    if (!WIFSTOPPED(status) && !WIFCONTINUED(status)) return false;
  }
  const auto& ptracees = frame.tracer().tracing.tracer_side(frame.thread())->ptracees;
  return ptracees.count(id) != 0;
}

void block_again(CallFrame& frame, bool without_kernel) {
  frame.thread().waits_by_pause = without_kernel;
  frame.repeat();
}

void end_of_wait(CallFrame& frame, const WaitCall& call, bool paused) {
  frame.tracer().tracing.end_wait(frame.thread());
  const std::int64_t result = frame.result();
  const bool interrupted = (result <= kRestartSys && result >= kRestartLast) || result == -EINTR;
  if (interrupted || result == -ECHILD) {
    if (const auto report = take_report(frame, call)) return frame.set_result(*report);
  }
  if (interrupted && paused) frame.set_result(kRestartSys);
  if (result == -ECHILD && has_ptracee(frame, call)) {
    // No child, but a traced thread: the kernel does not know what to wait for.
    if (call.blocks()) return block_again(frame, true);
    return frame.set_result(0);
  }
  if (result > 0 || (call.by_info && result == 0)) {
    if (is_stop_of_ptracee(frame, call, result)) block_again(frame, false);
  }
}

}  // namespace

void special_wait(CallFrame& frame) {
  Tracer& tracer = frame.tracer();
  Thread& thread = frame.thread();
  const bool pause = std::exchange(thread.waits_by_pause, false);
  const GuestTracer* side = tracer.tracing.tracer_side(thread);
  if (side == nullptr) return;
  auto call = read_wait_call(frame.sys(), frame.args());
  if (!call) return;
  if (call->whom == WaitCall::Whom::descriptor) {
    const pid_t id = thread_of_descriptor(thread.id, call->id);
    if (id <= 0) return;
    call->whom = WaitCall::Whom::process;
    call->id = id;
  }
  if (const auto report = take_report(frame, *call)) return frame.answer(*report);
  // What it waits for may be traced only later.
  if (!call->blocks() && !has_ptracee(frame, *call)) return;
  if (pause) {
    frame.set_sys(Sys::ppoll);
    for (int i = 0; i < 5; ++i)
      frame.set_arg(i, 0);
  }
  tracer.tracing.begin_wait(thread);
  frame.at_exit([call = *call, pause](CallFrame& at_end) { end_of_wait(at_end, call, pause); });
}

}  // namespace nestp
