// How calls that a kernel lacks are made of older ones.
//
// One function a call: it looks at the arguments and gives a Substitute.  Paths in
// it are the guest's; they are translated as those of the older call.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/extension.h"

namespace nestp {

/// One older call.
struct OlderCall {
  Sys sys = Sys::unknown;
  std::array<std::uint64_t, 6> args{};
};

struct Substitute {
  /// Made one after the other as long as they succeed.
  std::vector<OlderCall> calls{};
  /// What the guest sees in the end: the first call's result, or this.
  std::optional<std::int64_t> result{};
};

/// What has to be known of the calling thread.
class ThreadFacts {
 public:
  virtual ~ThreadFacts() = default;
  /// Its open descriptors, and whether each closes on exec.
  virtual std::vector<std::pair<unsigned, bool>> descriptors(pid_t thread) const = 0;
  /// The process whose directory of /proc a descriptor stands for; 0: none.
  virtual pid_t process_of(pid_t thread, int descriptor) const = 0;
};

using Substitution = Substitute (*)(Call& call, const ThreadFacts& facts);

struct SubstituteRow {
  Sys sys;
  Substitution make;
};

/// Calls without a path, and those whose path an older call takes as it is.
std::span<const SubstituteRow> call_substitutes();

}  // namespace nestp
