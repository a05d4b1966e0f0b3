#include "engine/check.h"

#include <cerrno>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace nestp {
namespace {

std::function<void()>& check_hook() {
  static std::function<void()> hook;
  return hook;
}

// The path from the source tree's root: what lies above it depends on the build,
// and is what stands before this file's own name.
std::string_view source_path(std::string_view file) {
  constexpr std::string_view kThisFile = __FILE__;
  constexpr std::string_view kRoot =
      kThisFile.substr(0, kThisFile.size() - std::string_view("engine/check.cc").size());
  if (file.starts_with(kRoot)) file.remove_prefix(kRoot.size());
  return file;
}

}  // namespace

void set_check_hook(std::function<void()> hook) { check_hook() = std::move(hook); }

namespace detail {

CheckFailure::CheckFailure(const char* file, int line, const char* condition) {
  text_ << "nestp: " << source_path(file) << ':' << line << ": CHECK(" << condition << ") failed: ";
}

CheckFailure::~CheckFailure() {
  text_ << '\n';
  const std::string message = text_.str();
  // Straight to the descriptor: the log's sink may be what is broken.
  while (write(STDERR_FILENO, message.data(), message.size()) < 0 && errno == EINTR)
    continue;
  if (const auto hook = std::exchange(check_hook(), nullptr); hook) hook();
  _exit(kCheckExitStatus);  // destructors would run on state that is known to be wrong
}

}  // namespace detail
}  // namespace nestp
