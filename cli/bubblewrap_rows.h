// bubblewrap's options as a table; reading words by it is bubblewrap.cc's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bubblewrap.h"

namespace nestp::bubblewrap {

using Values = std::span<const std::string>;

/// What has been read so far.
struct State {
  BubblewrapRequest request;
  std::optional<mode_t> perms{};      ///< for the next operation
  std::uint64_t size = 0;             ///< likewise
  std::vector<std::string> layers{};  ///< --overlay-src
  bool share_net = false;
  std::uint64_t capabilities = 0;
  bool capabilities_given = false;
};

/// One option: its words after the name, and what it does; null: not understood in-process.
struct Row {
  std::string_view name;
  std::size_t values;
  Result<> (*apply)(State&, Values);
};

/// The option of this name; null if there is none.
const Row* find_row(std::string_view name);

Result<std::uint64_t> number_in(const std::string& text, int base = 10);

}  // namespace nestp::bubblewrap
