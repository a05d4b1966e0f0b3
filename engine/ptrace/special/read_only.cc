#include "engine/ptrace/special/read_only.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

std::string parent_of(const std::string& host) {
  std::size_t end = host.size();
  while (end > 1 && host[end - 1] == '/') --end;
  const std::size_t slash = host.rfind('/', end - 1);
  return slash == 0 || slash == host.npos ? "/" : host.substr(0, slash);
}

bool is_directory(const std::string& host) {
  struct stat status {};
  return stat(host.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool asks_only(Sys sys) {
  return sys == Sys::access || sys == Sys::faccessat || sys == Sys::faccessat2;
}

}  // namespace

std::optional<Errno> refusal_of_read_only(CallFrame& frame, const PathArg& argument,
                                          const Resolved& resolved) {
  if (resolved.binding == nullptr || !resolved.binding->read_only) return std::nullopt;
  const Writing writing = argument.writing;
  if (writing == Writing::no) return std::nullopt;
  const bool keeps_link = argument.last != LastComponent::follow;
  struct stat status {};
  if (fstatat(AT_FDCWD, resolved.host.c_str(), &status, keeps_link ? AT_SYMLINK_NOFOLLOW : 0) != 0) {
    if (errno != ENOENT || writing == Writing::if_present) return std::nullopt;
    if (!is_directory(parent_of(resolved.host))) return std::nullopt;  // ENOENT, ENOTDIR
    return Errno(EROFS);
  }
  if (writing == Writing::if_missing) return std::nullopt;
  const bool opens = frame.row()->change == Change::by_open_flags;
  if (opens || asks_only(frame.sys())) {
    // Devices, sockets and FIFOs may be written; a directory is EISDIR, a file that
    // the guest may not write is EACCES, before that.
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return std::nullopt;
    if (opens && S_ISDIR(status.st_mode)) return std::nullopt;
    if (faccessat(AT_FDCWD, resolved.host.c_str(), W_OK, AT_EACCESS) != 0) return std::nullopt;
  }
  return Errno(EROFS);
}

std::optional<Errno> refusal_across_bindings(CallFrame& frame, const Resolved& from,
                                             const Resolved& to) {
  struct stat status {};
  const bool links = frame.sys() == Sys::link || frame.sys() == Sys::linkat;
  if (!links) {
    const bool both = is_directory(parent_of(from.host)) && is_directory(parent_of(to.host));
    return both ? std::optional(Errno(EXDEV)) : std::nullopt;
  }
  if (lstat(from.host.c_str(), &status) != 0) return std::nullopt;
  if (lstat(to.host.c_str(), &status) == 0) return std::nullopt;  // EEXIST comes first
  if (!is_directory(parent_of(to.host))) return std::nullopt;
  return Errno(to.binding != nullptr && to.binding->read_only ? EROFS : EXDEV);
}

std::optional<Errno> refusal_by_descriptor(CallFrame& frame, int descriptor) {
  const Tracer::Directory object = frame.tracer().descriptor_directory(frame.thread(), descriptor);
  if (!object.guest) return std::nullopt;
  const View& view = frame.tracer().view(frame.thread());
  if (!view.binding_of(*object.guest).read_only) return std::nullopt;
  return Errno(EROFS);
}

}  // namespace nestp
