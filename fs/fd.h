// File descriptors that close themselves, and the few calls on paths that fs makes.
//
// Every descriptor is O_CLOEXEC from birth; every failure is an Errno.
#pragma once

#include <cstdint>
#include <string>
#include <sys/stat.h>
#include <sys/types.h>
#include <utility>

#include "arch/result.h"

namespace nestp {

/// Owns one descriptor; -1 owns none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// openat(2); `directory` may be AT_FDCWD.
SysResult<UniqueFd> open_at(int directory, const std::string& path, int flags, mode_t mode = 0);
/// By which others open what this process has open, as long as they may.
std::string shared_link(int descriptor);
/// The whole of a small file, such as those of /proc.
SysResult<std::string> read_file(const std::string& path);
/// Text of a symlink.  EINVAL: `path` is there, but is no symlink.
SysResult<std::string> read_link(const std::string& path);
SysResult<struct stat> stat_of(const std::string& path);
/// The entry itself, if it is a symlink.
SysResult<struct stat> lstat_of(const std::string& path);
/// Kernel's id of the mount that `path` lies on; `flags` as for statx(2).
/// ENOSYS before Linux 5.8.
SysResult<std::uint64_t> mount_id_of(const std::string& path, int flags);
/// This process may write files of `size` bytes (RLIMIT_FSIZE); at a larger one a signal ends it.
bool may_write_files_of(std::uint64_t size);
/// access(2) with the effective ids.  `mode`: R_OK, W_OK, X_OK.
SysResult<> check_permission(const std::string& path, int mode);
/// Whether directory `path` is there and may be searched with the effective ids.
SysResult<> check_search(const std::string& path);

}  // namespace nestp
