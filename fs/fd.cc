#include "fs/fd.h"

#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nestp {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) (void)::close(fd_);  // nothing a reader could do about a failure
  fd_ = fd;
}

SysResult<UniqueFd> open_at(int directory, const std::string& path, int flags, mode_t mode) {
  const int fd = ::openat(directory, path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return Errno(errno);
  return UniqueFd(fd);
}

SysResult<std::string> read_file(const std::string& path) {
  const auto fd = open_at(AT_FDCWD, path, O_RDONLY);
  if (!fd) return fd.error();
  std::string text;
  std::array<char, 16384> block;
  while (true) {
    const ssize_t got = ::read(fd->get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Errno(errno);
    if (got == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
}

SysResult<std::string> read_link(const std::string& path) {
  std::array<char, PATH_MAX> block;
  const ssize_t size = ::readlink(path.c_str(), block.data(), block.size());
  if (size < 0) return Errno(errno);
  return std::string(block.data(), static_cast<std::size_t>(size));
}

SysResult<struct stat> stat_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Errno(errno);
  return status;
}

SysResult<struct stat> lstat_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return Errno(errno);
  return status;
}

SysResult<std::uint64_t> mount_id_of(const std::string& path, int flags) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), flags, STATX_MNT_ID, &status) != 0) return Errno(errno);
  if ((status.stx_mask & STATX_MNT_ID) == 0) return Errno(ENOSYS);
  return status.stx_mnt_id;
}

std::string shared_link(int descriptor) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor);
}

bool may_write_files_of(std::uint64_t size) {
  struct rlimit limit {};
  return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || size <= limit.rlim_cur;
}

SysResult<> check_permission(const std::string& path, int mode) {
  long status = ::syscall(SYS_faccessat2, AT_FDCWD, path.c_str(), mode, AT_EACCESS);
  // Before Linux 5.8; or a container's profile that is older than the call.
  const bool is_refused = status != 0 && (errno == ENOSYS || errno == EPERM);
  if (is_refused) status = ::syscall(SYS_faccessat, AT_FDCWD, path.c_str(), mode);
  if (status != 0) return Errno(errno);
  return Done{};
}

SysResult<> check_search(const std::string& path) {
  // The last "." makes the kernel look inside: ENOTDIR for a file, EACCES without permission.
  const std::string inside = path + "/.";
  return check_permission(inside, F_OK);
}

}  // namespace nestp
