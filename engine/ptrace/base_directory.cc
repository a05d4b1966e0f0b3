#include "engine/ptrace/base_directory.h"

#include <algorithm>
#include <fcntl.h>

#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

/// Removes a ".." from the front of `text`; false if something else comes first, or nothing behind.
bool take_parent(std::string& text) {
  std::string_view rest = text;
  if (!take_parent_component(rest) || rest.empty()) return false;
  text = std::string(rest);
  return true;
}

}  // namespace

std::string base_anchor(CallFrame& frame, const PathArg& argument) {
  std::string anchor = "/proc/" + std::to_string(frame.thread().id);
  const int descriptor = argument.dirfd ? frame.descriptor(*argument.dirfd) : AT_FDCWD;
  return descriptor == AT_FDCWD ? anchor + "/cwd" : anchor + "/fd/" + std::to_string(descriptor);
}

Tracer::Directory base_directory(CallFrame& frame, const PathArg& argument) {
  if (argument.dirfd) {
    const int descriptor = frame.descriptor(*argument.dirfd);
    if (descriptor != AT_FDCWD) {
      return frame.tracer().descriptor_directory(frame.thread(), descriptor);
    }
  }
  return frame.tracer().working_directory(frame.thread());
}

bool is_removed(const Tracer::Directory& directory) { return directory.host.ends_with(kDeleted); }

/// The name that the base of an argument had, if that is a removed directory.
std::optional<GuestPath> removed_directory(CallFrame& frame, const PathArg& argument) {
  const Tracer::Directory base = base_directory(frame, argument);
  if (!base.host.starts_with("/") || !is_removed(base)) return std::nullopt;
  const auto host =
      HostPath::parse(std::string_view(base.host).substr(0, base.host.size() - kDeleted.size()));
  if (!host) return std::nullopt;
  const View& view = frame.tracer().view(frame.thread());
  const Thread& thread = frame.thread();
  const int descriptor = argument.dirfd ? frame.descriptor(*argument.dirfd) : AT_FDCWD;
  if (descriptor == AT_FDCWD) {
    const auto& used = thread.files->directory->name;
    if (used && view.to_host(*used) == *host) return *used;
  } else {
    const auto used = thread.process->descriptor_names.find(descriptor);
    const bool is_known = used != thread.process->descriptor_names.end();
    if (is_known && view.to_host(used->second) == *host) return used->second;
  }
  const auto guest = view.to_guest(*host);
  return guest ? std::optional(*guest) : std::nullopt;
}

SysResult<> leave_removed_directory(CallFrame& frame, const PathArg& argument,
                                    const ResolveFrom& from, PathStart& start) {
  auto& [base, anchor, text] = start;
  auto name = removed_directory(frame, argument);
  if (base.guest || !name) return Done{};
  const View& view = frame.tracer().view(frame.thread());
  while (is_removed(base) && take_parent(text)) {
    if (const auto search = check_search(from, anchor); !search) return search;
    anchor += "/..";
    // By its name there may be another one now.
    const auto parent = open_at(AT_FDCWD, anchor, O_PATH | O_DIRECTORY);
    auto place = parent ? read_link("/proc/self/fd/" + std::to_string(parent->get()))
                        : SysResult<std::string>(parent.error());
    if (!place) return Done{};
    base.host = *std::move(place);
    name = name->parent();
  }
  const auto host = HostPath::parse(base.host);
  if (!host || is_removed(base)) return Done{};
  if (view.to_host(*name) == *host) {
    base.guest = *name;
  } else if (const auto found = view.to_guest(*host)) {
    base.guest = *found;
  }
  return Done{};
}

}  // namespace nestp
