#include "cli/personality.h"

namespace nestp {

Personality personality_of(std::span<const std::string> arguments) {
  Personality personality;
  if (arguments.empty()) return personality;
  const std::string& path = arguments[0];
  std::size_t used = 1;
  if (path.substr(path.rfind('/') + 1) == "proot") {
    personality.grammar = Grammar::proot;
  } else if (arguments.size() > 1 && arguments[1] == "proot") {
    personality.grammar = Grammar::proot;
    used = 2;
  }
  personality.words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(used), arguments.end());
  return personality;
}

}  // namespace nestp
