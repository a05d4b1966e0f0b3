#include "engine/ptrace/special/proc_content.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <unistd.h>

#include "engine/ptrace/tracer.h"
#include "fs/proc_links.h"

namespace nestp {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

constexpr std::array<std::string_view, 12> kNames = {
    "cwd",  "exe",       "maps",   "mountinfo", "mounts", "mountstats",
    "root", "numa_maps", "self",   "smaps",     "status", "thread-self"};

/// The guest's own name of what a magic link names; the text as it is where it
/// is no path or not visible ("pipe:[1]").
std::string guest_link_text(CallFrame& frame, std::string text) {
  std::string_view suffix;
  if (text.ends_with(kDeleted)) {
    suffix = kDeleted;
    text.resize(text.size() - kDeleted.size());
  }
  std::string shown = text;
  if (const auto host = HostPath::parse(text)) {
    const View& view = frame.tracer().view(frame.thread());
    if (const auto guest = view.to_guest(*host)) {
      if (auto seen = frame.tracer().visible(frame.thread(), *guest)) shown = std::move(*seen);
    }
  }
  return shown.append(suffix);
}

/// Text of the link `host`, /proc/PID/..., as the guest must read it.
SysResult<std::string> link_text(CallFrame& frame, const Resolved& resolved) {
  Tracer& tracer = frame.tracer();
  if (resolved.is_executable_link) {
    return tracer.visible(frame.thread(), resolved.guest).value_or(resolved.guest.text());
  }
  const std::size_t slash = resolved.host.rfind('/');
  const ProcLink link = proc_link(std::string_view(resolved.host).substr(0, slash),
                                  std::string_view(resolved.host).substr(slash + 1));
  if (link.name == ProcName::root) {
    if (const auto root = tracer.root(link.process)) {
      return tracer.visible(frame.thread(), *root).value_or(root->text());
    }
  }
  std::string text(4096, '\0');
  const ssize_t size = readlink(resolved.host.c_str(), text.data(), text.size());
  if (size < 0) return Errno(errno);
  text.resize(static_cast<std::size_t>(size));
  return guest_link_text(frame, std::move(text));
}

}  // namespace

bool is_in_proc(std::string_view host) {
  return host.starts_with("/proc/") || host == "/proc";
}

bool is_proc_name(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool answer_proc_link(CallFrame& frame, const PathArg& argument, const Resolved& resolved) {
  if (!resolved.magic && !resolved.is_executable_link) return false;
  const auto text = link_text(frame, resolved);
  if (!text) {
    frame.fail(text.error());
    return true;
  }
  const auto room = static_cast<std::int32_t>(frame.arg(argument.index + 2));
  if (room <= 0) {
    frame.fail(Errno(EINVAL));
    return true;
  }
  const std::size_t size = std::min(text->size(), static_cast<std::size_t>(room));
  const auto written = frame.memory().write(frame.address(argument.index + 1),
                                            std::as_bytes(std::span(text->data(), size)));
  if (written) {
    frame.answer(static_cast<std::int64_t>(size));
  } else {
    frame.fail(written.error());
  }
  return true;
}

bool open_proc_content(CallFrame&, const PathArg&, const Resolved&) { return false; }

}  // namespace nestp
