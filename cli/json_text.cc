#include "cli/json_text.h"

#include <array>
#include <cstdio>

namespace nestp {

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') {
      quoted += '\\';
      quoted += letter;
    } else if (static_cast<unsigned char>(letter) < 0x20) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(letter));
      quoted += escape.data();
    } else {
      quoted += letter;
    }
  }
  return quoted + '"';
}

}  // namespace nestp
