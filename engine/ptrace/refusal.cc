#include "engine/ptrace/refusal.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "engine/ptrace/base_directory.h"
#include "engine/ptrace/special/entries.h"
#include "engine/ptrace/special/read_only.h"
#include "engine/ptrace/tracer.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::uint64_t kRemoveDirectory = 0x200;  // AT_REMOVEDIR

/// Opens for writing, or cuts a file.
bool changes_contents(const CallFrame& frame, std::uint64_t open_flags) {
  const OpenFlags& flag = frame.abi().open_flags;
  if (frame.row()->change == Change::by_open_flags) {
    return (open_flags & (flag.access_mode | flag.truncate)) != 0 && (open_flags & flag.path) == 0;
  }
  return frame.sys() == Sys::truncate || frame.sys() == Sys::truncate64;
}

/// Of the call's first path, by which the tracer gets there, too; empty: there is none.
std::string path_seen(CallFrame& frame, const CallPaths& found) {
  if (found.resolved[0]) return found.resolved[0]->seen();
  if (found.paths.count == 0 || found.texts[0].empty()) return {};
  return base_anchor(frame, found.paths.list[0]) + "/" + found.texts[0];
}

/// A file that is about to be written: ETXTBSY if somebody runs it and the guest could else write
/// it; else it may soon be none that may be executed.
std::optional<Errno> refusal_of_contents(CallFrame& frame, const CallPaths& found) {
  const std::string path = path_seen(frame, found);
  const auto status = stat_of(path);
  if (!status) return std::nullopt;
  Tracer& tracer = frame.tracer();
  tracer.known_files.forget(*status);
  const bool is_busy = tracer.programs.contains(*status) && check_permission(path, W_OK).ok();
  return is_busy ? std::optional(Errno(ETXTBSY)) : std::nullopt;
}

/// What starts in a removed directory meets nothing there.  `unknown`: index of that path.
std::optional<Errno> refusal_of_removed(CallFrame& frame, const View& view, const CallPaths& found,
                                        std::size_t unknown) {
  const auto place = removed_directory(frame, found.paths.list[unknown]);
  if (!place) return std::nullopt;
  const bool links = frame.sys() == Sys::link || frame.sys() == Sys::linkat;
  const bool first_is_dots = ends_in_dots("/" + found.texts[0]);
  const bool second_is_dots = ends_in_dots("/" + found.texts[1]);
  if (links)
    return unknown == 0 ? std::nullopt : std::optional(Errno(second_is_dots ? EEXIST : ENOENT));
  if (&view.binding_of(*place) != binding_of_entry(view, *found.resolved[1 - unknown])) {
    return Errno(EXDEV);
  }
  if (first_is_dots) return Errno(EBUSY);
  const bool keeps = frame.sys() == Sys::renameat2 && (frame.arg(4) & RENAME_NOREPLACE) != 0;
  if (second_is_dots) return Errno(keeps ? EEXIST : EBUSY);
  return Errno(ENOENT);
}

std::optional<Errno> refusal_of_two(CallFrame& frame, const View& view, const CallPaths& found) {
  const auto& [first, second] = found.resolved;
  const Sys sys = frame.sys();
  const bool links = sys == Sys::link || sys == Sys::linkat;
  if (!first || !second) {
    for (std::uint8_t i = 0; i < 2; ++i) {
      const PathArg& argument = found.paths.list[i];
      const auto error = found.resolved[i] ? first_path_error(argument, *found.resolved[i])
                                           : error_from_base(frame, argument);
      if (error) return error;
    }
    const auto& known = first ? first : second;
    if (!known) return std::nullopt;
    if (const auto error = refusal_of_removed(frame, view, found, first ? 1 : 0)) return error;
    return refusal_of_mounted(view, *known, links);
  }
  if (links) {
    const Binding* object = binding_of_object(view, found.paths.list[0], *first);
    return refusal_of_link(view, *first, object, *second);
  }
  return refusal_of_rename(view, *first, *second, sys == Sys::renameat2 ? frame.arg(4) : 0);
}

/// What mount points say to calls on entries.
std::optional<Errno> refusal_of_entries(CallFrame& frame, const CallPaths& found) {
  const View& view = frame.tracer().view(frame.thread());
  const auto& [first, second] = found.resolved;
  switch (frame.sys()) {  // NOLINT: every other call is the kernel's matter
    case Sys::rename:
    case Sys::renameat:
    case Sys::renameat2:
    case Sys::link:
    case Sys::linkat:
      return refusal_of_two(frame, view, found);
    case Sys::unlink:
      return first ? refusal_of_removal(view, *first, false) : std::nullopt;
    case Sys::rmdir:
      return first ? refusal_of_removal(view, *first, true) : std::nullopt;
    case Sys::unlinkat:
      return first ? refusal_of_removal(view, *first, (frame.arg(2) & kRemoveDirectory) != 0)
                   : std::nullopt;
    default:
      return std::nullopt;
  }
}

/// A descriptor in the place of a path: futimens(2), fchownat(2) with AT_EMPTY_PATH.
std::optional<Errno> refusal_of_object(CallFrame& frame, const PathArg& argument) {
  if (argument.writing == Writing::no || !argument.dirfd) return std::nullopt;
  const int descriptor = frame.descriptor(*argument.dirfd);
  if (!argument.null_is_dirfd && !argument.empty_is_dirfd) return std::nullopt;
  if (frame.arg(argument.index) != 0) {
    const auto text = frame.text(argument.index);
    if (!text || !text->empty()) return std::nullopt;
  }
  if (descriptor != AT_FDCWD) {
    const auto error = refusal_by_descriptor(frame, descriptor);
    // With an empty path one that only names its file (O_PATH) will do.
    return error && frame.arg(argument.index) != 0 ? Errno(EROFS) : error;
  }
  // The working directory; with a null path the kernel takes no such descriptor.
  const Tracer::Directory place = frame.tracer().working_directory(frame.thread());
  const bool is_read_only = frame.arg(argument.index) != 0 && place.guest &&
                            frame.tracer().view(frame.thread()).binding_of(*place.guest).read_only;
  return is_read_only ? std::optional(Errno(EROFS)) : std::nullopt;
}

/// An extension may open a directory that only its mode closes to the person.
bool opens_holders(CallFrame& frame, const CallPaths& found) {
  bool opened = false;
  for (std::uint8_t i = 0; i < found.paths.count; ++i) {
    if (!found.resolved[i]) continue;
    opened = frame.tracer().on_denied(parent_of(found.resolved[i]->host)) || opened;
  }
  return opened;
}

}  // namespace

std::optional<Errno> error_from_base(CallFrame& frame, const PathArg& argument) {
  const auto text = frame.text(argument.index);
  if (!text) return text.error();
  if (text->empty()) return Errno(ENOENT);
  const std::string path = base_anchor(frame, argument) + "/" + *text;
  if (argument.last == LastComponent::entry) return parent_error(path);
  const auto status = argument.last == LastComponent::follow ? stat_of(path) : lstat_of(path);
  return status ? std::nullopt : std::optional(status.error());
}

std::optional<Errno> error_of_target(CallFrame& frame) {
  for (std::size_t i = 0; i < frame.row()->args.size(); ++i) {
    if (frame.row()->args[i] != ArgKind::target) continue;
    const auto text = frame.memory().read_string(frame.address(static_cast<int>(i)));
    if (!text) return text.error();
    if (text->empty()) return Errno(ENOENT);
  }
  return std::nullopt;
}

std::optional<Errno> refusal(CallFrame& frame, const CallPaths& found) {
  auto entries = refusal_of_entries(frame, found);
  if (entries && *entries == Errno(EACCES) && opens_holders(frame, found)) {
    entries = refusal_of_entries(frame, found);
  }
  if (entries) return entries;
  if (changes_contents(frame, found.open_flags)) {
    if (const auto error = refusal_of_contents(frame, found)) return error;
  }
  if (!frame.tracer().view(frame.thread()).has_read_only()) return std::nullopt;
  for (std::uint8_t i = 0; i < found.paths.count; ++i) {
    if (!found.resolved[i]) {
      if (const auto error = refusal_of_object(frame, found.paths.list[i])) return error;
      continue;
    }
    if (const auto error = refusal_of_read_only(frame, found.paths.list[i], *found.resolved[i],
                                                found.open_flags)) {
      return error;
    }
  }
  return std::nullopt;
}

}  // namespace nestp
