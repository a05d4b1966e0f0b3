#include "engine/namespace/mount_call.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/mount.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "fs/proc_escape.h"

namespace nestp::mount_call {
namespace {

// Numbers are the same on every machine; headers of older libraries lack them.
constexpr long kOpenTree = 428;
constexpr long kMoveMount = 429;
constexpr unsigned kCloneTree = 1;
constexpr unsigned kFromIsEmptyPath = 4;
constexpr unsigned kToIsEmptyPath = 0x40;

SysResult<> done_if(bool succeeded) {
  if (!succeeded) return Errno(errno);
  return Done{};
}

SysResult<> mount_on(const char* source, const std::string& place, const char* type,
                     std::uint64_t flags, const char* data) {
  return done_if(::mount(source, place.c_str(), type, static_cast<unsigned long>(flags), data) ==
                 0);
}

/// The MS_* bits of a mount, as a remount must repeat them.
SysResult<std::uint64_t> flags_of(const std::string& path) {
  struct statvfs facts {};
  if (::statvfs(path.c_str(), &facts) != 0) return Errno(errno);
  std::uint64_t flags = 0;
  const auto copy = [&](unsigned long from, std::uint64_t to) {
    if ((facts.f_flag & from) != 0) flags |= to;
  };
  copy(ST_RDONLY, MS_RDONLY);
  copy(ST_NOSUID, MS_NOSUID);
  copy(ST_NODEV, MS_NODEV);
  copy(ST_NOEXEC, MS_NOEXEC);
  copy(ST_NOATIME, MS_NOATIME);
  copy(ST_NODIRATIME, MS_NODIRATIME);
  copy(ST_RELATIME, MS_RELATIME);
  return flags;
}

SysResult<> remount(const std::string& path, std::uint64_t more) {
  const auto flags = flags_of(path);
  if (!flags) return flags.error();
  if ((*flags & more) == more) return Done{};
  return mount_on(nullptr, path, nullptr, MS_BIND | MS_REMOUNT | *flags | more, nullptr);
}

/// Mount points below `path`, as /proc/self/mountinfo has them.
std::vector<std::string> mounts_below(const std::string& path) {
  std::vector<std::string> found;
  const auto table = read_file("/proc/self/mountinfo");
  if (!table) return found;
  std::string_view rest = *table;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    for (int field = 0; field < 4; ++field)
      line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    const std::string point = unescape_name(line.substr(0, line.find(' ')));
    if (point.size() > path.size() && point.starts_with(path) &&
        (path == "/" || point[path.size()] == '/')) {
      found.push_back(point);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return found;
}

}  // namespace

std::string name_of(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

SysResult<UniqueFd> clone_tree(int directory, const std::string& path, bool recursive) {
  const unsigned flags = kCloneTree | O_CLOEXEC | AT_SYMLINK_NOFOLLOW |
                         (path.empty() ? AT_EMPTY_PATH : 0) |
                         (recursive ? 0x8000U /* AT_RECURSIVE */ : 0U);
  const long fd = ::syscall(kOpenTree, directory, path.c_str(), flags);
  if (fd < 0) return Errno(errno);
  return UniqueFd(static_cast<int>(fd));
}

SysResult<> attach(const UniqueFd& tree, const UniqueFd& place) {
  return done_if(::syscall(kMoveMount, tree.get(), "", place.get(), "",
                           kFromIsEmptyPath | kToIsEmptyPath) == 0);
}

SysResult<> bind(const UniqueFd& source, const UniqueFd& place, bool recursive) {
  return mount_on(name_of(source).c_str(), name_of(place), nullptr,
                  MS_BIND | (recursive ? std::uint64_t{MS_REC} : 0U), nullptr);
}

SysResult<> file_system(const std::string& type, const UniqueFd& place, std::uint64_t flags,
                        const std::string& data, const std::string& source) {
  return mount_on(source.c_str(), name_of(place), type.c_str(), flags,
                  data.empty() ? nullptr : data.c_str());
}

SysResult<> add_flags(const UniqueFd& place, std::uint64_t flags) {
  return remount(name_of(place), flags);
}

SysResult<> add_flags_below(const UniqueFd& place, const std::string& path, std::uint64_t flags) {
  if (const auto done = add_flags(place, flags); !done) return done;
  SysResult<> result = Done{};
  for (const std::string& point : mounts_below(path)) {
    const auto done = remount(point, flags);
    // A mount below may be hidden by another or not searchable for us: then nobody gets there.
    if (!done && done.error() != Errno(EACCES) && done.error() != Errno(ENOENT)) result = done;
  }
  return result;
}

SysResult<> receive_only() { return mount_on(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr); }

SysResult<> pivot_here() {
  if (::syscall(SYS_pivot_root, ".", ".") == 0) {
    // Now the old root lies on top of the new one, and "." is still the new one beneath.
    return done_if(::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0);
  }
  if (errno != EINVAL) return Errno(errno);
  // The host runs from its first memory file system, which cannot be pivoted away.
  return done_if(::mount(".", "/", nullptr, MS_MOVE, nullptr) == 0 && ::chroot(".") == 0 &&
                 ::chdir("/") == 0);
}

}  // namespace nestp::mount_call
