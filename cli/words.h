// Words of a command line within a text: cutting them as a shell does, and quoting them for one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"

namespace nestp {

/// Cuts at white space; quotes and backslashes are a shell's, and nothing is expanded.
Result<std::vector<std::string>> split_words(std::string_view text);

/// `word` so that a shell takes it as it is.
std::string quoted_word(std::string_view word);

/// How words become the one text that a login shell evaluates.
enum class Joining : std::uint8_t {
  evaluated,  ///< words without white space and quotes stay a shell's to read: $HOME, &&, *
  exact,      ///< the command gets each word as it is
};

std::string joined_command(std::span<const std::string> words, Joining joining);

}  // namespace nestp
