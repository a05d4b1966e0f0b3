// The programs that one executable is, by the name it is called.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/options.h"

namespace nestp {

/// A command line whose program is known.
struct Personality {
  Grammar grammar = Grammar::nestp;
  std::vector<std::string> words{};  ///< what follows the program's name
};

/// `arguments`: argv.  The name before the last slash is ignored; the first word of "nestp" may
/// be the name of another program: "nestp proot -r X".
Personality personality_of(std::span<const std::string> arguments);

}  // namespace nestp
