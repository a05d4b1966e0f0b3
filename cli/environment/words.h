// The small command lines of environments: options anywhere before "--", then names.
#pragma once

#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"

namespace nestp::environment {

/// What was read.
struct CommandWords {
  std::map<std::string, std::vector<std::string>, std::less<>> values{};  ///< by the option's name
  std::vector<std::string> names{};

  bool has(std::string_view name) const { return values.contains(name); }
  /// The last value; empty if there is none.
  std::string value(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
};

struct CommandOption {
  std::string_view name;  ///< "--arch"
  bool takes_value = false;
};

/// How many names a command takes, and how they are called in its error.
struct CommandNames {
  std::size_t least = 0;
  std::size_t most = 0;
  std::string_view usage{};      ///< "nestp clone NAME NEW"
  bool command_follows = false;  ///< what comes after the first name is a command's, untouched
};

Result<CommandWords> read_words(std::span<const std::string> words,
                                std::initializer_list<CommandOption> options,
                                const CommandNames& names);

}  // namespace nestp::environment
