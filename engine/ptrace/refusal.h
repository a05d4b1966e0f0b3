// What a call must be refused for before the kernel sees it: mount points, read-only
// bindings, running programs, in the kernel's order of errors.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/ptrace/call_frame.h"
#include "fs/resolve.h"

namespace nestp {

/// What the translation has found of all paths of one call.
struct CallPaths {
  PathArgs paths{};
  std::array<std::string, 2> texts;
  std::array<std::optional<Resolved>, 2> resolved;
  std::uint64_t open_flags = 0;  ///< O_*, if the call opens a file
};

/// What the guest must see in place of the call; none: the kernel is asked.
std::optional<Errno> refusal(CallFrame& frame, const CallPaths& found);

/// The error of a path that the kernel resolves by itself, from the argument's own base.
std::optional<Errno> error_from_base(CallFrame& frame, const PathArg& argument);

/// symlink(2) reads the text that the link is to hold before it looks at the path.
std::optional<Errno> error_of_target(CallFrame& frame);

}  // namespace nestp
