#include "cli/text_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp {

Result<> write_text_file(const std::string& path, const std::string& text, IfThere if_there) {
  const int how = if_there == IfThere::refuse ? O_EXCL : O_TRUNC;
  const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | how, 0644);
  if (!file) return Error{path + ": " + std::strerror(file.error().code())};
  if (::write(file->get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error{path + ": " + std::strerror(errno)};
  }
  return Done{};
}

}  // namespace nestp
