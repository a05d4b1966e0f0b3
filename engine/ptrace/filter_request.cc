#include "engine/ptrace/filter_request.h"

#include <algorithm>
#include <csignal>
#include <sched.h>
#include <sys/stat.h>

#include "arch/syscall_table.h"
#include "engine/gate/memo.h"

namespace nestp {
namespace {

using Kind = ArgumentTest::Kind;

// CLONE_NEWTIME shares its bit with clone(2)'s exit signal and is for unshare and clone3 alone.
constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

bool is_wanted(const SyscallRow& row, const Guest& guest) {
  switch (row.when) {
    case When::always:
    case When::new_namespace:
      return true;
    case When::merged_listings:
      return guest.view->has_unlisted();
    case When::read_only_bindings:
      return guest.view->has_read_only();
    case When::guest_tracer:
    case When::never:
      return false;
  }
  return true;
}

/// Without an address, which its tests find, the call is nobody's matter.
bool has_address(const SyscallRow& row) {
  return std::any_of(row.args.begin(), row.args.end(), [](ArgKind kind) {
    return kind == ArgKind::address || kind == ArgKind::address_out;
  });
}

/// Tests that tell from the argument registers alone that a call needs nothing.
std::vector<ArgumentTest> conditions(const SyscallRow& row, bool for_extensions) {
  if (row.special == Special::prctl) {
    // PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS
    return {{0, Kind::equals_int, 3},
            {0, Kind::equals_int, 4},
            {0, Kind::equals_int, 22},
            {0, Kind::equals_int, 38},
            {0, Kind::equals_int, 39}};
  }
  if (row.sys == Sys::clone3) return {};  // its flags are in memory
  if (row.sys == Sys::socketcall) {
    // SYS_BIND and the others that take or give an address (include/uapi/linux/net.h).
    std::vector<ArgumentTest> tests;
    for (const std::uint64_t number : {2, 3, 5, 6, 7, 11, 12, 16, 17, 18, 19, 20}) {
      tests.push_back({0, Kind::equals_int, number});
    }
    // SYS_SOCKET, SYS_GETSOCKOPT
    if (for_extensions)
      tests.insert(tests.end(), {{0, Kind::equals_int, 1}, {0, Kind::equals_int, 15}});
    return tests;
  }
  if (row.when == When::new_namespace) {
    return {{0, Kind::masked_nonzero, kNewNamespaces | CLONE_UNTRACED}};
  }
  std::vector<ArgumentTest> tests;
  for (std::size_t i = 0; i < row.args.size(); ++i) {
    const ArgKind kind = row.args[i];
    if (detail::is_path(kind) || kind == ArgKind::message || kind == ArgKind::message_out)
      return {};
    if (kind == ArgKind::address || kind == ArgKind::address_out) {
      tests.push_back({static_cast<std::uint8_t>(i), Kind::not_zero, 0});
    }
  }
  return tests;
}

}  // namespace

FilterRequest filter_request(const Guest& guest,
                             std::span<const std::unique_ptr<Extension>> extensions) {
  FilterRequest request{.abis = host_abis(), .refuse_unknown = true};
  request.trace_everything = !guest.accelerate;
  request.gate_addresses = {gate::kFastCallReturn, gate::kCallReturn, gate::kLoaderCallReturn};
  SysSet wanted;
  for (const auto& extension : extensions)
    wanted |= extension->entries() | extension->exits();
  for (const SyscallRow& row : syscall_table()) {
    if (!is_wanted(row, guest)) continue;
    const auto number = static_cast<std::size_t>(row.sys);
    if (row.special == Special::unavailable) {
      if (!guest.allow_io_uring) request.refuse.set(number);
      continue;
    }
    auto tests = conditions(row, wanted.test(number));
    // futimens(3): nothing is named.
    if (row.sys == Sys::utimensat && !guest.view->has_read_only()) {
      tests = {{1, Kind::not_zero, 0}};
    }
    if (tests.empty()) {
      request.trace.set(number);
    } else {
      request.conditional.push_back({row.sys, std::move(tests)});
      if (has_address(row) || row.sys == Sys::socketcall) wanted.reset(number);
    }
  }
  if (guest.fast_path) {
    // Threads and whatever else ends without SIGCHLD: the kernel may tell of none (birth.h).
    constexpr std::uint64_t kExitSignal = 0xff;
    constexpr std::uint64_t kHigh = SIGCHLD & (SIGCHLD - 1), kLow = SIGCHLD & ~kHigh;
    static_assert((kHigh & (kHigh - 1)) == 0);  // of two bits, one missing is enough
    request.conditional.push_back({Sys::clone,
                                   {{0, Kind::masked_nonzero, kExitSignal & ~SIGCHLD},
                                    {0, Kind::masked_zero, kLow},
                                    {0, Kind::masked_zero, kHigh}}});
  }
  if (guest.fast_path && !guest.view->has_read_only()) {
    // A directory that somebody may not search any more ends what guests were told of paths.
    request.conditional.push_back({Sys::fchmod,
                                   {{1, Kind::masked_zero, S_IXUSR},
                                    {1, Kind::masked_zero, S_IXGRP},
                                    {1, Kind::masked_zero, S_IXOTH}}});
  }
  request.trace |= wanted;
  for (const auto& extension : extensions)
    request.refuse |= extension->refused();
  return request;
}

}  // namespace nestp
