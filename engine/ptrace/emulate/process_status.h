// What /proc/PID/status tells that no ptrace request does.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <sys/types.h>

namespace nestp {

struct ProcessStatus {
  pid_t parent = 0;
  std::array<std::uint32_t, 4> users{}, groups{};  ///< real, effective, saved, of files
  std::uint64_t capabilities = 0;                  ///< effective
};

/// Pure: reads the text of a status file; none if a field is missing.
std::optional<ProcessStatus> parse_process_status(std::string_view text);

/// Of a process or thread; none if it is gone.
std::optional<ProcessStatus> process_status(pid_t id);

/// Of a process, in any unit.
struct ProcessTimes {
  std::uint64_t user = 0, system = 0;
};

/// Pure: utime and stime of a stat file, in clock ticks.
std::optional<ProcessTimes> parse_process_times(std::string_view text);

/// Pure: `total` shared out as `ticks` say; to the system where they say nothing
/// (kernel/sched/cputime.c, cputime_adjust).
ProcessTimes split_time(const ProcessTimes& ticks, std::uint64_t total);

/// As the kernel's PTRACE_MODE_ATTACH_REALCREDS without security modules (kernel/ptrace.c).
bool may_trace(const ProcessStatus& tracer, const ProcessStatus& target);

}  // namespace nestp
