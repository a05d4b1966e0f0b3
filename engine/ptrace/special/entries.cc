#include "engine/ptrace/special/entries.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::uint64_t kNoReplace = 1, kExchange = 2;  // RENAME_*

std::string without_slashes(std::string host) {
  while (host.size() > 1 && host.back() == '/')
    host.pop_back();
  return host;
}

bool may_change(const std::string& directory) {
  return check_permission(directory, W_OK | X_OK).ok();
}

/// Directory in which the guest's entry lies, on the host.
std::string directory_of(const View& view, const Resolved& entry) {
  if (!entry.at_mount_point || entry.guest.is_root()) return parent_of(entry.seen());
  return view.to_host(entry.guest.parent()).text();
}

bool is_mounted_on(const View& view, const Resolved& entry) {
  return entry.at_mount_point || view.is_mounted_on(without_slashes(entry.host));
}

bool is_directory(const SysResult<struct stat>& status) {
  return status.ok() && S_ISDIR(status->st_mode);
}

/// What vfs_rename() looks at before it finds the mount.
std::optional<Errno> rename_of_mounted(const View& view, const Resolved& from, const Resolved& to,
                                       std::uint64_t flags) {
  const auto source = lstat_of(without_slashes(from.seen()));
  const auto target = lstat_of(without_slashes(to.seen()));
  if (!source) return source.error();
  if (!target && target.error() == Errno(ENAMETOOLONG)) return target.error();
  if ((flags & kNoReplace) && target) return Errno(EEXIST);
  const bool exchange = (flags & kExchange) != 0;
  if (exchange && !target) return target.error();
  // Only a directory may have a slash behind it.
  const bool from_slash = from.host.ends_with('/');
  const bool to_slash = to.host.ends_with('/');
  if (exchange && to_slash && !is_directory(target)) return Errno(ENOTDIR);
  if (!is_directory(source) && (from_slash || (to_slash && !exchange))) return Errno(ENOTDIR);
  if (from.guest != to.guest) {
    if (from.guest.contains(to.guest)) return Errno(EINVAL);
    if (to.guest.contains(from.guest)) return Errno(exchange ? EINVAL : ENOTEMPTY);
  }
  if (from.guest == to.guest) return std::nullopt;  // nothing to do, and the kernel does that
  if (!may_change(directory_of(view, from)) || !may_change(directory_of(view, to))) {
    return Errno(EACCES);
  }
  if (target && !exchange && is_directory(source) != is_directory(target)) {
    return Errno(is_directory(source) ? ENOTDIR : EISDIR);
  }
  return Errno(EBUSY);
}

}  // namespace

bool ends_in_dots(const std::string& host) {
  const std::string text = without_slashes(host);
  return text == "/" || text.ends_with("/.") || text.ends_with("/..");
}

std::string parent_of(const std::string& host) {
  const std::string text = without_slashes(host);
  const std::size_t slash = text.rfind('/');
  return slash == 0 || slash == text.npos ? "/" : text.substr(0, slash);
}

std::optional<Errno> parent_error(const std::string& host) {
  const std::string parent = parent_of(host);
  const auto status = stat_of(parent);
  if (!status) return status.error();
  if (!S_ISDIR(status->st_mode)) return Errno(ENOTDIR);
  if (!check_permission(parent, X_OK)) return Errno(EACCES);
  return std::nullopt;
}

std::optional<Errno> first_path_error(const PathArg& argument, const Resolved& resolved) {
  if (argument.last == LastComponent::entry) return parent_error(resolved.seen());
  const auto status =
      argument.last == LastComponent::follow ? stat_of(resolved.seen()) : lstat_of(resolved.seen());
  if (!status) return status.error();
  return std::nullopt;
}

const Binding* binding_of_entry(const View& view, const Resolved& resolved) {
  if (!resolved.at_mount_point || resolved.guest.is_root()) return resolved.binding;
  return &view.binding_of(resolved.guest.parent());
}

std::optional<Errno> refusal_of_rename(const View& view, const Resolved& from, const Resolved& to,
                                       std::uint64_t flags) {
  for (const Resolved* entry : {&from, &to}) {
    if (const auto error = parent_error(directory_of(view, *entry) + "/entry")) return error;
  }
  const Binding* source = binding_of_entry(view, from);
  const Binding* target = binding_of_entry(view, to);
  if (source != target) return Errno(EXDEV);
  if (ends_in_dots(from.host)) return Errno(EBUSY);
  if (ends_in_dots(to.host)) return Errno(flags & kNoReplace ? EEXIST : EBUSY);
  if (source != nullptr && source->read_only) return Errno(EROFS);
  if (!is_mounted_on(view, from) && !is_mounted_on(view, to)) return std::nullopt;
  return rename_of_mounted(view, from, to, flags);
}

std::optional<Errno> refusal_of_link(const View& view, const Resolved& from,
                                     const Binding* from_binding, const Resolved& to) {
  const Binding* target = binding_of_entry(view, to);
  const bool crosses = from_binding != nullptr && from_binding != target;
  const bool read_only = target != nullptr && target->read_only;
  if (!crosses && !read_only) return std::nullopt;
  if (const auto source = lstat_of(from.seen()); !source) return source.error();
  if (const auto error = parent_error(directory_of(view, to) + "/entry")) return error;
  if (ends_in_dots(to.host)) return Errno(EEXIST);
  const auto there = lstat_of(without_slashes(to.seen()));
  if (there) return Errno(EEXIST);
  if (there.error() != Errno(ENOENT)) return there.error();
  if (to.host.ends_with('/')) return Errno(ENOENT);
  return Errno(read_only ? EROFS : EXDEV);
}

std::optional<Errno> refusal_of_mounted(const View& view, const Resolved& known, bool links) {
  if (const auto error = parent_error(directory_of(view, known) + "/entry")) return error;
  if (!is_mounted_on(view, known)) return std::nullopt;
  return Errno(links ? EEXIST : EXDEV);
}

std::optional<Errno> refusal_of_removal(const View& view, const Resolved& entry,
                                        bool of_directory) {
  if (!is_mounted_on(view, entry) || ends_in_dots(entry.host)) return std::nullopt;
  const Binding* binding = binding_of_entry(view, entry);
  if (binding != nullptr && binding->read_only) return Errno(EROFS);
  const std::string directory = directory_of(view, entry);
  if (const auto error = parent_error(directory + "/entry")) return error;
  const auto status = lstat_of(without_slashes(entry.seen()));
  if (!status) return status.error();
  if (!of_directory && entry.host.ends_with('/'))
    return Errno(is_directory(status) ? EISDIR : ENOTDIR);
  if (!may_change(directory)) return Errno(EACCES);
  if (of_directory) return Errno(is_directory(status) ? EBUSY : ENOTDIR);
  return Errno(is_directory(status) ? EISDIR : EBUSY);
}

}  // namespace nestp
