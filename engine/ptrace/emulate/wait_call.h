// wait4(2), waitpid(2) and waitid(2) as one shape.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <sys/types.h>

#include "arch/sysno.h"

namespace nestp {

struct WaitCall {
  enum class Whom : std::uint8_t { any, process, group, descriptor };
  Whom whom = Whom::any;
  pid_t id = 0;          ///< of the process or group (0: the caller's), or the pidfd
  bool by_info = false;  ///< waitid: `result` is a siginfo_t, else a status
  int options = 0;
  std::uint64_t result = 0, usage = 0;  ///< addresses, may be 0

  bool blocks() const;
  /// WNOWAIT: the report stays.
  bool keeps() const;
  /// Only what the calling thread itself traces.
  bool own_thread_only() const;
  /// True if ends of processes are wanted.
  bool wants_ends() const;
};

/// Pure: none if the kernel would refuse the arguments.
std::optional<WaitCall> read_wait_call(Sys sys, const std::array<std::uint64_t, 6>& args);

/// `group`: process group of the candidate; `own_group`: of the caller.
bool matches(const WaitCall& call, pid_t thread, pid_t group, pid_t own_group);

/// si_code and si_status of waitid(2) for a status of wait4(2) of a traced thread.
struct WaitInfo {
  int code = 0, status = 0;
};
WaitInfo wait_info(int status);

}  // namespace nestp
