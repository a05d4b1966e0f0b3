#include <cerrno>

#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "engine/ptrace/translate.h"

namespace nestp {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kUnreachable = "(unreachable)";

/// What getcwd(2) shows (fs/d_path.c, sys_getcwd).
SysResult<std::string> directory_text(CallFrame& frame) {
  const auto directory = frame.tracer().read_working_directory(frame.thread());
  if (!directory) return directory.error();
  if (directory->host.ends_with(kDeleted)) return Errno(ENOENT);
  if (!directory->guest) return std::string(kUnreachable) + directory->host;
  if (auto seen = frame.tracer().visible(frame.thread(), *directory->guest)) return *seen;
  return std::string(kUnreachable) + directory->guest->text();
}

void get_directory(CallFrame& frame) {
  const auto text = directory_text(frame);
  if (!text) return frame.fail(text.error());
  if (frame.tracer().fast) {
    frame.tracer().fast->learn_directory(frame.thread(), *text);
  }
  const std::size_t size = text->size() + 1;
  if (frame.arg(1) < size) return frame.fail(Errno(ERANGE));
  const auto written =
      frame.memory().write(frame.address(0), std::as_bytes(std::span(text->c_str(), size)));
  if (!written) return frame.fail(written.error());
  frame.answer(static_cast<std::int64_t>(size));
}

}  // namespace

void special_cwd(CallFrame& frame) {
  if (frame.sys() == Sys::getcwd) return get_directory(frame);
  // The kernel's own directory changes; the tracer reads it again when it needs it.
  std::optional<GuestPath> name;
  if (frame.sys() == Sys::chdir) {
    name = translate_path(frame);
  } else {
    name = frame.tracer().descriptor_directory(frame.thread(), frame.descriptor(0)).guest;
    // A removed one is told by the name it was opened by.
    const auto& opened = frame.thread().process->descriptor_names;
    const auto found = opened.find(frame.descriptor(0));
    if (!name && found != opened.end()) name = found->second;
  }
  if (frame.is_answered()) return;
  frame.tracer().begin_directory_change(frame.thread());
  if (!name || !frame.tracer().view(frame.thread()).is_ambiguous()) return;
  // Of several names of a directory, the one by which the guest got there is shown.
  frame.at_exit([name = *name](CallFrame& ended) {
    if (ended.result() == 0) ended.thread().files->directory->name = name;
  });
}

}  // namespace nestp
