#include "engine/ptrace/exec/shebang.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace nestp {
namespace {

// The rules below speak of positions in the kernel's zero-filled buffer, whose
// last byte always ends up as the terminator.
constexpr std::size_t kLast = kShebangBytes - 1;
using Buffer = std::array<char, kShebangBytes>;

bool is_blank(char character) { return character == ' ' || character == '\t'; }

/// First position of [first, last], both included, that is not blank.
std::optional<std::size_t> find_text(const Buffer& buffer, std::size_t first, std::size_t last) {
  for (; first <= last; ++first) {
    if (!is_blank(buffer[first])) return first;
  }
  return std::nullopt;
}

/// First position of [first, last], both included, that is blank or NUL.
std::optional<std::size_t> find_terminator(const Buffer& buffer, std::size_t first,
                                           std::size_t last) {
  for (; first <= last; ++first) {
    if (is_blank(buffer[first]) || buffer[first] == '\0') return first;
  }
  return std::nullopt;
}

/// Where the line ends; none if the interpreter's name may be cut off.
std::optional<std::size_t> find_line_end(const Buffer& buffer) {
  // A NUL ends the search for the newline (strnchr), not the line.
  const std::size_t length = strnlen(buffer.data(), buffer.size());
  const auto* newline = static_cast<const char*>(std::memchr(buffer.data(), '\n', length));
  if (newline != nullptr) return static_cast<std::size_t>(newline - buffer.data());
  const auto name = find_text(buffer, 2, kLast);
  if (!name || !find_terminator(buffer, *name, kLast)) return std::nullopt;
  return kLast;
}

/// The C string at `start`.
std::string string_at(const Buffer& buffer, std::size_t start) {
  return {buffer.data() + start, strnlen(buffer.data() + start, buffer.size() - start)};
}

}  // namespace

SysResult<std::optional<Shebang>> parse_shebang(std::string_view start) {
  if (!start.starts_with("#!")) return std::optional<Shebang>();
  Buffer buffer{};
  std::copy_n(start.begin(), std::min(start.size(), buffer.size()), buffer.begin());

  const auto line_end = find_line_end(buffer);
  if (!line_end) return Errno(ENOEXEC);
  std::size_t end = *line_end;
  while (is_blank(buffer[end - 1]))
    --end;  // stops at the '!' at the latest
  const auto name = find_text(buffer, 2, end);
  if (!name || *name == end) return Errno(ENOEXEC);

  std::optional<std::size_t> argument;
  const auto separator = find_terminator(buffer, *name, end);
  if (separator && buffer[*separator] != '\0') argument = find_text(buffer, *separator, end);
  buffer[end] = '\0';

  Shebang shebang;
  if (argument) {
    buffer[*separator] = '\0';
    shebang.argument = string_at(buffer, *argument);
  }
  shebang.interpreter = string_at(buffer, *name);
  // The kernel opens "", which is the current directory, and cannot execute it.
  if (shebang.interpreter.empty()) return Errno(EACCES);
  return std::optional(std::move(shebang));
}

}  // namespace nestp
