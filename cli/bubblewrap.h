// bubblewrap's command line, understood in-process: what `junest -b` and `--unshare-*` mean.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "arch/result.h"
#include "cli/options.h"
#include "engine/isolation.h"

namespace nestp {

struct BubblewrapRequest {
  std::string rootfs{};  ///< of the bind at "/"; empty: none was given
  bool root_is_read_only = false;
  Isolation isolation{};  ///< its mounts are in the order of the words
  std::vector<EnvironmentChange> environment{};
  std::string directory{};
  std::string argv0{};
  bool die_with_parent = false;
  std::vector<std::string> command{};
};

/// All options of bubblewrap 0.11; those that only make sense for its own process are refused.
Result<BubblewrapRequest> parse_bubblewrap(std::span<const std::string> words);

/// Moves what plain bindings can say from the mounts to the front of `request.bindings`, so that
/// every backend can show them; what is left is in `request.isolation.mounts`.
void move_to_bindings(Request& request);

}  // namespace nestp
