// What a run cost, for --stats: counted by the tracer's thread, printed once.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "arch/sysno.h"
#include "engine/gate/memo.h"

namespace nestp {

/// Of one syscall.
struct CallStats {
  std::uint64_t calls = 0;        ///< that the tracer saw
  std::uint64_t stops = 0;        ///< at entry, at exit and in between
  std::uint64_t exits = 0;        ///< calls that were also stopped at their exit
  std::uint64_t answered = 0;     ///< without asking the kernel
  std::uint64_t inside = 0;       ///< calls more, that the fast path made without a stop
  std::uint64_t nanoseconds = 0;  ///< in the tracer, not in the guest or the kernel
  /// Of `calls`, those that the fast path left to the tracer, by gate::AskReason.
  std::array<std::uint64_t, gate::kAskReasons> asked{};
  bool has_fast_path = false;  ///< the call can be made without a stop
};

class Stats {
 public:
  CallStats& of(Sys sys) { return calls_[static_cast<std::size_t>(sys)]; }
  const CallStats& of(Sys sys) const { return calls_[static_cast<std::size_t>(sys)]; }
  CallStats total() const;

  std::uint64_t cache_hits = 0;
  std::uint64_t cache_misses = 0;
  std::uint64_t executions = 0;       ///< successful execve(2) and execveat(2)
  std::uint64_t threads = 0;          ///< ever started, processes included
  std::uint64_t most_threads = 0;     ///< alive at once
  std::uint64_t signals = 0;          ///< delivered
  std::uint64_t other_stops = 0;      ///< of no call: signals, starts, ends, group stops
  std::uint64_t run_nanoseconds = 0;  ///< from the first program's start to the end

  /// For people: totals, one line a call, the costliest first, and why those of the fast path came
  /// to the tracer.
  std::string text() const;
  /// One object; calls that never came are left out.  Ends in a newline.
  std::string json() const;

 private:
  std::array<CallStats, kSysCount + 1> calls_{};
};

/// Adds its own lifetime to a call's time in the tracer.
class CallTimer {
 public:
  using Clock = std::chrono::steady_clock;
  explicit CallTimer(CallStats& stats) : stats_(stats), start_(Clock::now()) {}
  CallTimer(const CallTimer&) = delete;
  CallTimer& operator=(const CallTimer&) = delete;
  ~CallTimer() {
    const auto spent = std::chrono::nanoseconds(Clock::now() - start_).count();
    stats_.nanoseconds += static_cast<std::uint64_t>(spent);
  }

 private:
  CallStats& stats_;
  Clock::time_point start_;
};

}  // namespace nestp
