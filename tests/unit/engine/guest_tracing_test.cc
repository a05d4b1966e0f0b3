// The pure parts of ptrace(2) between guests: wait calls, stop codes, permissions.
#include <csignal>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "engine/ptrace/emulate/process_status.h"
#include "engine/ptrace/emulate/ptracee.h"
#include "engine/ptrace/emulate/wait_call.h"

namespace nestp {
namespace {

using Args = std::array<std::uint64_t, 6>;
using Whom = WaitCall::Whom;

std::uint64_t narrow(int value) { return static_cast<std::uint32_t>(value); }

TEST_CASE("wait4 and waitpid say whom by the sign of the id") {
  const auto any = read_wait_call(Sys::wait4, Args{narrow(-1), 0x100, WNOHANG, 0x200, 0, 0});
  REQUIRE(any);
  CHECK(any->whom == Whom::any);
  CHECK_FALSE(any->blocks());
  CHECK(any->result == 0x100);
  CHECK(any->usage == 0x200);
  CHECK(matches(*any, 17, 3, 4));
  const auto process = read_wait_call(Sys::waitpid, Args{17, 0, 0, 0x200, 0, 0});
  REQUIRE(process);
  CHECK(process->blocks());
  CHECK(process->usage == 0);  // waitpid has no fourth argument
  CHECK(matches(*process, 17, 3, 4));
  CHECK_FALSE(matches(*process, 18, 3, 4));
  const auto group = read_wait_call(Sys::wait4, Args{narrow(-3), 0, 0, 0, 0, 0});
  REQUIRE(group);
  CHECK(matches(*group, 17, 3, 4));
  CHECK_FALSE(matches(*group, 17, 4, 4));
  const auto own_group = read_wait_call(Sys::wait4, Args{0, 0, 0, 0, 0, 0});
  REQUIRE(own_group);
  CHECK(matches(*own_group, 17, 4, 4));
  CHECK_FALSE(matches(*own_group, 17, 3, 4));
}

TEST_CASE("waitid names its kind of id") {
  const auto process =
      read_wait_call(Sys::waitid, Args{P_PID, 17, 0x100, WSTOPPED | WNOWAIT, 0, 0});
  REQUIRE(process);
  CHECK(process->by_info);
  CHECK(process->keeps());
  CHECK_FALSE(process->wants_ends());
  CHECK(matches(*process, 17, 3, 4));
  const auto descriptor = read_wait_call(Sys::waitid, Args{3, 5, 0, WEXITED, 0, 0});
  REQUIRE(descriptor);
  CHECK(descriptor->whom == Whom::descriptor);
  CHECK(descriptor->wants_ends());
  CHECK_FALSE(read_wait_call(Sys::waitid, Args{9, 5, 0, WEXITED, 0, 0}));
  CHECK_FALSE(read_wait_call(Sys::waitid, Args{P_PID, 0, 0, WEXITED, 0, 0}));
  CHECK_FALSE(read_wait_call(Sys::waitid, Args{P_PGID, narrow(-1), 0, WEXITED, 0, 0}));
}

TEST_CASE("waitid's code and status of a traced thread") {
  CHECK(wait_info(7 << 8).code == CLD_EXITED);
  CHECK(wait_info(7 << 8).status == 7);
  CHECK(wait_info(SIGKILL).code == CLD_KILLED);
  CHECK(wait_info(SIGSEGV | 0x80).code == CLD_DUMPED);
  const WaitInfo stop = wait_info((SIGTRAP | PTRACE_EVENT_EXEC << 8) << 8 | 0x7f);
  CHECK(stop.code == CLD_TRAPPED);
  CHECK(stop.status == (SIGTRAP | PTRACE_EVENT_EXEC << 8));
}

TEST_CASE("stop codes depend on how the thread is traced") {
  using Kind = GuestStop::Kind;
  Ptracee ptracee;
  CHECK(stop_code({.kind = Kind::signal, .signal = SIGINT}, ptracee) == SIGINT);
  CHECK(stop_code({.kind = Kind::call_exit}, ptracee) == SIGTRAP);
  CHECK(stop_code({.kind = Kind::group, .signal = SIGTSTP}, ptracee) == SIGTSTP);
  ptracee.options = PTRACE_O_TRACESYSGOOD;
  ptracee.seized = true;
  CHECK(stop_code({.kind = Kind::call_entry}, ptracee) == (SIGTRAP | 0x80));
  CHECK(stop_code({.kind = Kind::group, .signal = SIGTSTP}, ptracee) ==
        (SIGTSTP | PTRACE_EVENT_STOP << 8));
  CHECK(stop_code({.kind = Kind::interrupt}, ptracee) == (SIGTRAP | PTRACE_EVENT_STOP << 8));
  CHECK(stop_code({.kind = Kind::event, .event = PTRACE_EVENT_FORK}, ptracee) ==
        (SIGTRAP | PTRACE_EVENT_FORK << 8));
}

TEST_CASE("options name events") {
  CHECK(wants_event(PTRACE_O_TRACEFORK, PTRACE_EVENT_FORK));
  CHECK_FALSE(wants_event(PTRACE_O_TRACEFORK, PTRACE_EVENT_VFORK));
  CHECK(wants_event(PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT));
  CHECK(wants_event(PTRACE_O_TRACESECCOMP, PTRACE_EVENT_SECCOMP));
  CHECK_FALSE(wants_event(~0ULL, PTRACE_EVENT_STOP));
  CHECK_FALSE(wants_event(~0ULL, 0));
}

constexpr char kStatus[] =
    "Name:\tcat\nUmask:\t0022\nPPid:\t41\nTracerPid:\t0\nUid:\t1000\t1000\t1000\t1000\n"
    "Gid:\t100\t100\t100\t100\nCapEff:\t0000000000080000\nSeccomp:\t0\n";

TEST_CASE("status files are read by name") {
  const auto status = parse_process_status(kStatus);
  REQUIRE(status);
  CHECK(status->parent == 41);
  CHECK(status->users == std::array<std::uint32_t, 4>{1000, 1000, 1000, 1000});
  CHECK(status->groups[2] == 100);
  CHECK(status->capabilities == 0x80000);
  CHECK_FALSE(parse_process_status("Name:\tcat\nPPid:\t41\n"));
  CHECK_FALSE(parse_process_status("Name:\tx\nPPid:\t1\nUid:\t1\nGid:\t1\t1\t1\t1\nCapEff:\t0\n"));
}

TEST_CASE("times of a process") {
  const auto times = parse_process_times("7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 30 10 5 6 20 0 1");
  REQUIRE(times);
  CHECK(times->user == 30);
  CHECK(times->system == 10);
  CHECK(split_time(*times, 1000).user == 750);
  CHECK(split_time(*times, 1000).system == 250);
  CHECK(split_time({}, 1000).system == 1000);
  CHECK(split_time({.user = 3, .system = 0}, 1000).user == 1000);
  CHECK_FALSE(parse_process_times("7 (a) S 1"));
}

TEST_CASE("tracing needs all ids of the target, or the capability") {
  ProcessStatus tracer, target;
  tracer.users.fill(1000);
  tracer.groups.fill(100);
  target = tracer;
  CHECK(may_trace(tracer, target));
  target.users[2] = 0;  // a saved id it could take back
  CHECK_FALSE(may_trace(tracer, target));
  target = tracer;
  target.groups[1] = 0;
  CHECK_FALSE(may_trace(tracer, target));
  tracer.capabilities = 1ULL << 19;
  CHECK(may_trace(tracer, target));
}

}  // namespace
}  // namespace nestp
