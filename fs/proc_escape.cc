#include "fs/proc_escape.h"

#include <algorithm>

namespace nestp {
namespace {

bool is_octal(char letter) { return letter >= '0' && letter <= '7'; }

}  // namespace

std::string escape_name(std::string_view text, std::string_view characters) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char letter : text) {
    if (characters.find(letter) == characters.npos) {
      escaped += letter;
      continue;
    }
    const auto byte = static_cast<unsigned char>(letter);
    escaped += '\\';
    for (const int shift : {6, 3, 0})
      escaped += static_cast<char>('0' + ((byte >> shift) & 7));
  }
  return escaped;
}

std::string unescape_name(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    const std::string_view digits = text.substr(1, 3);
    const bool is_escape = text[0] == '\\' && digits.size() == 3 && digits[0] <= '3' &&
                           std::all_of(digits.begin(), digits.end(), is_octal);
    if (is_escape) {
      plain += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0');
    } else {
      plain += text[0];
    }
    text.remove_prefix(is_escape ? 4 : 1);
  }
  return plain;
}

}  // namespace nestp
