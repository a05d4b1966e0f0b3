#include "cli/output.h"

#include <cerrno>
#include <cstdlib>
#include <unistd.h>

namespace nestp {
namespace {

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // a reader who has left wants no more
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

void print(std::string_view text) { write_all(STDOUT_FILENO, text); }

void print_error(std::string_view text) { write_all(STDERR_FILENO, text); }

bool takes_colours(int descriptor) {
  const char* const forbidden = std::getenv("NO_COLOR");
  return (forbidden == nullptr || *forbidden == '\0') && ::isatty(descriptor) != 0;
}

}  // namespace nestp
