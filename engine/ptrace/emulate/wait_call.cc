#include "engine/ptrace/emulate/wait_call.h"

#include <csignal>
#include <sys/wait.h>

namespace nestp {
namespace {

// Kinds of ids (linux/wait.h); P_PIDFD is missing from older libraries.
constexpr std::uint64_t kAll = 0, kProcess = 1, kGroup = 2, kDescriptor = 3;
constexpr int kNoThread = 0x20000000;  // __WNOTHREAD

}  // namespace

bool WaitCall::blocks() const { return (options & WNOHANG) == 0; }
bool WaitCall::keeps() const { return (options & WNOWAIT) != 0; }
bool WaitCall::own_thread_only() const { return (options & kNoThread) != 0; }
bool WaitCall::wants_ends() const { return !by_info || (options & WEXITED) != 0; }

std::optional<WaitCall> read_wait_call(Sys sys, const std::array<std::uint64_t, 6>& args) {
  WaitCall call;
  call.by_info = sys == Sys::waitid;
  if (!call.by_info) {
    const auto id = static_cast<pid_t>(args[0]);
    call.whom = id == -1 ? WaitCall::Whom::any
                : id > 0 ? WaitCall::Whom::process
                         : WaitCall::Whom::group;
    call.id = id > 0 ? id : -id;
    call.result = args[1];
    call.options = static_cast<int>(args[2]);
    call.usage = sys == Sys::wait4 ? args[3] : 0;
    return call;
  }
  call.id = static_cast<pid_t>(args[1]);
  call.result = args[2];
  call.options = static_cast<int>(args[3]);
  call.usage = args[4];
  switch (static_cast<std::uint32_t>(args[0])) {
    case kAll:
      call.whom = WaitCall::Whom::any;
      return call;
    case kProcess:
      call.whom = WaitCall::Whom::process;
      break;
    case kGroup:
      call.whom = WaitCall::Whom::group;
      break;
    case kDescriptor:
      call.whom = WaitCall::Whom::descriptor;
      break;
    default:
      return std::nullopt;
  }
  if (call.id < 0 || (call.whom == WaitCall::Whom::process && call.id == 0)) return std::nullopt;
  return call;
}

bool matches(const WaitCall& call, pid_t thread, pid_t group, pid_t own_group) {
  switch (call.whom) {
    case WaitCall::Whom::any:
      return true;
    case WaitCall::Whom::process:
      return call.id == thread;
    case WaitCall::Whom::group:
      return group == (call.id == 0 ? own_group : call.id);
    case WaitCall::Whom::descriptor:
      return false;
  }
  return false;
}

WaitInfo wait_info(int status) {
  if (WIFEXITED(status)) return {CLD_EXITED, WEXITSTATUS(status)};
  if (WIFSIGNALED(status)) return {WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED, WTERMSIG(status)};
  return {CLD_TRAPPED, status >> 8};
}

}  // namespace nestp
