#include "engine/ptrace/special/read_only.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/ptrace/special/entries.h"
#include "engine/ptrace/tracer.h"
#include "fs/fd.h"

namespace nestp {
namespace {

bool is_directory(const std::string& host) {
  struct stat status {};
  return stat(host.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool asks_only(Sys sys) {
  return sys == Sys::access || sys == Sys::faccessat || sys == Sys::faccessat2;
}

}  // namespace

const Binding* binding_of_object(const View& view, const PathArg& argument,
                                 const Resolved& resolved) {
  if (!resolved.magic || argument.last != LastComponent::follow) return resolved.binding;
  const auto text = read_link(resolved.host);
  const auto host = text ? HostPath::parse(*text) : SysResult<HostPath>(text.error());
  if (!host) return resolved.binding;
  const auto guest = view.to_guest(*host);
  return guest ? &view.binding_of(*guest) : nullptr;
}

std::optional<Errno> refusal_of_read_only(CallFrame& frame, const PathArg& argument,
                                          const Resolved& resolved, std::uint64_t open_flags) {
  const bool is_entry = argument.last == LastComponent::entry && !argument.creates;
  // "." and ".." as an entry are refused for what they are.
  if (is_entry && ends_in_dots(resolved.host)) return std::nullopt;
  const View& view = frame.tracer().view(frame.thread());
  const Binding* binding =
      is_entry ? binding_of_entry(view, resolved) : binding_of_object(view, argument, resolved);
  if (binding == nullptr || !binding->read_only) return std::nullopt;
  if (argument.creates && resolved.host.ends_with('/')) return std::nullopt;  // EISDIR
  const Writing writing = argument.writing;
  if (writing == Writing::no) return std::nullopt;
  const bool keeps_link = argument.last != LastComponent::follow;
  struct stat status {};
  // An entry is the link itself, whatever slash follows it.
  std::string host = resolved.seen();
  while (is_entry && host.size() > 1 && host.back() == '/')
    host.pop_back();
  if (fstatat(AT_FDCWD, host.c_str(), &status, keeps_link ? AT_SYMLINK_NOFOLLOW : 0) != 0) {
    // The file system is asked for leave before it is asked for the name.
    const bool removes = is_entry && !argument.creates && writing == Writing::always;
    if (errno == ENAMETOOLONG && removes && is_directory(parent_of(resolved.seen()))) {
      return Errno(EROFS);
    }
    if (errno != ENOENT || writing == Writing::if_present) return std::nullopt;
    if (!is_directory(parent_of(resolved.seen()))) return std::nullopt;  // ENOENT, ENOTDIR
    // Only a directory may be made with a slash behind its name.
    const bool makes_directory = frame.sys() == Sys::mkdir || frame.sys() == Sys::mkdirat;
    if (is_entry && writing == Writing::if_missing && !makes_directory &&
        resolved.host.ends_with('/')) {
      return std::nullopt;
    }
    return Errno(EROFS);
  }
  if (writing == Writing::if_missing) return std::nullopt;
  const bool cuts = frame.sys() == Sys::truncate || frame.sys() == Sys::truncate64;
  if (cuts && S_ISDIR(status.st_mode)) return std::nullopt;  // EISDIR
  const bool opens = frame.row()->change == Change::by_open_flags;
  if (opens || asks_only(frame.sys())) {
    // Devices, sockets and FIFOs may be written; a directory is EISDIR, a file that
    // the guest may not write is EACCES, before that.
    if (S_ISLNK(status.st_mode)) return opens ? std::nullopt : std::optional(Errno(EROFS));
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return std::nullopt;
    const bool directory = (open_flags & frame.abi().open_flags.directory) != 0;
    if (opens && directory && !S_ISDIR(status.st_mode)) return std::nullopt;  // ENOTDIR
    const bool unnamed = (open_flags & frame.abi().open_flags.temporary) != 0;
    if (opens && S_ISDIR(status.st_mode) && !unnamed) return std::nullopt;
    if (!check_permission(resolved.seen(), W_OK)) return std::nullopt;
  }
  return Errno(EROFS);
}

void show_read_only(CallFrame& frame, const Resolved& resolved) {
  if (resolved.binding == nullptr || !resolved.binding->read_only) return;
  const bool is_64 = frame.sys() == Sys::statfs64;  // of 32-bit ABIs; its buffer comes third
  if (frame.sys() != Sys::statfs && !is_64) return;
  // f_flags in struct statfs, in struct statfs64 and in a 64-bit ABI's struct statfs
  // (asm-generic/statfs.h).
  const std::uint64_t offset = frame.abi().word_size == 8 ? 80 : is_64 ? 64 : 44;
  const GuestAddress flags = frame.address(is_64 ? 2 : 1) + offset;
  frame.at_exit([flags](CallFrame& ended) {
    if (ended.result() != 0) return;
    const auto shown = ended.memory().read_object<std::uint32_t>(flags);
    // The kernel has just written there.
    if (shown) (void)ended.memory().write_object(flags, *shown | ST_RDONLY);
  });
}

std::optional<Errno> refusal_by_descriptor(CallFrame& frame, int descriptor) {
  const Tracer::Directory object = frame.tracer().descriptor_directory(frame.thread(), descriptor);
  if (!object.guest) return std::nullopt;
  const View& view = frame.tracer().view(frame.thread());
  if (!view.binding_of(*object.guest).read_only) return std::nullopt;
  const auto flags = Tracer::descriptor_flags(frame.thread(), descriptor);
  if (!flags || (*flags & O_PATH) != 0) return Errno(EBADF);
  return Errno(EROFS);
}

std::optional<Errno> refusal_by_descriptor(CallFrame& frame) {
  const SyscallRow* const row = frame.row();
  if (row == nullptr || row->change == Change::nothing) return std::nullopt;
  if (!frame.tracer().view(frame.thread()).has_read_only()) return std::nullopt;
  for (std::size_t i = 0; i < row->args.size(); ++i) {
    if (row->args[i] != ArgKind::fd) continue;
    return refusal_by_descriptor(frame, frame.descriptor(static_cast<int>(i)));
  }
  return std::nullopt;
}

}  // namespace nestp
