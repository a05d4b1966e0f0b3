#include "engine/ptrace/trace_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "engine/log.h"

namespace nestp {

Result<TraceFile> TraceFile::open(const std::string& name) {
  TraceFile trace;
  if (name == "-") {
    trace.file_.reset(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!trace.file_) return Error{std::string("--trace: standard error is closed")};
    return trace;
  }
  auto file = open_at(AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0666);
  if (!file) return Error{"--trace: " + name + ": " + std::strerror(file.error().code())};
  trace.file_ = std::move(*file);
  return trace;
}

void TraceFile::line(pid_t thread, Sys sys, std::string_view guest, std::string_view host) const {
  std::string text = std::to_string(thread);
  text.append(" ").append(name_of(sys)).append(" ").append(quoted(guest)).append(" -> ");
  text.append(host.empty() ? std::string("answered") : quoted(host)).append("\n");
  // A trace that cannot be written is not worth stopping the guest for.
  (void)!write(file_.get(), text.data(), text.size());
}

}  // namespace nestp
